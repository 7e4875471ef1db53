/** Inclusion proofs of RFC 6962 2.1.1. Knows hashes only; where they are stored is the caller's matter. */
import { nodeHash } from './hash.ts';
import { inclusionRanges, type LeafRange } from './ranges.ts';
import { MerkleTree } from './tree.ts';

/**
 * Proof that leaf `index` is in the tree over `leaves` (leaf hashes): siblings from the leaf upwards.
 * @throws RangeError when `index` is not a leaf
 */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  return inclusionRanges(index, leaves.length).map((range) => rangeRoot(leaves, range));
}

/**
 * Whether `proof` leads from the leaf hash at `index` to `root` in a tree of `size` leaves (RFC 9162
 * 2.1.3.2). Never throws.
 */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if (leaf.length !== 32 || proof.some((sibling) => sibling.length !== 32)) return false;
  let node = index;
  let last = size - 1;
  let found = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      found = nodeHash(sibling, found);
      // A right edge without a sibling passes upwards unhashed until it is a right child.
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else {
      found = nodeHash(found, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && Buffer.compare(found, root) === 0;
}

/** Root of the subtree over a range of leaf hashes. */
export function rangeRoot(leaves: readonly Uint8Array[], { from, to }: LeafRange): Uint8Array {
  const tree = new MerkleTree();
  for (let i = from; i < to; i++) tree.pushHash(leaves[i]!);
  return tree.root();
}
