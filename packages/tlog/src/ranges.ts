/**
 * Which ranges of leaves a proof is made of (RFC 6962 2.1.1, 2.1.2). Pure arithmetic: it knows no hash, so
 * that the same proof is made from leaf hashes and from tiles.
 */

/** Leaves `from` to, not including, `to`. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

/** A full subtree: the `2^height` leaves from `index * 2^height` on. */
export interface Subtree {
  readonly height: number;
  readonly index: number;
}

/** Largest power of two below `size`, which is at least 2 (RFC 6962 2.1). */
export function splitPoint(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** Siblings of leaf `index` in a tree of `size`, from the leaf upwards. @throws RangeError for no leaf */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size)
    throw new RangeError(`leaf ${index} of a tree of ${size}`);
  const ranges: LeafRange[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitPoint(to - from);
    if (index < middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  return ranges.reverse();
}

/**
 * PROOF(older, D[size]) of RFC 6962 2.1.2; empty for equal sizes, and for the empty tree, which every tree
 * extends. @throws RangeError when the sizes are none
 */
export function consistencyRanges(older: number, size: number): LeafRange[] {
  if (!Number.isSafeInteger(older) || !Number.isSafeInteger(size) || older < 0 || older > size)
    throw new RangeError(`from a tree of ${older} to one of ${size}`);
  if (older === 0 || older === size) return [];
  const ranges: LeafRange[] = [];
  let from = 0;
  let to = size;
  // While the older tree's root is a node on this path and stands there whole, the verifier knows it.
  let whole = true;
  while (older !== to) {
    const middle = from + splitPoint(to - from);
    if (older <= middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
      whole = false;
    }
  }
  if (!whole) ranges.push({ from, to });
  return ranges.reverse();
}

/** The full subtrees a range falls into, left to right; `from` is where a subtree of the range's size begins. */
export function subtreesOf({ from, to }: LeafRange): Subtree[] {
  const subtrees: Subtree[] = [];
  let at = from;
  while (at < to) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= to) height += 1;
    subtrees.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return subtrees;
}
