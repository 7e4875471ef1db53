/** Consistency proofs (RFC 6962 2.1.2). Knows hashes only; where they are stored is the caller's matter. */
import { emptyRoot, hashBytes, nodeHash } from './hash.ts';
import { rangeRoot } from './inclusion.ts';
import { consistencyRanges } from './ranges.ts';

/**
 * Proof that the tree over `leaves` (leaf hashes) begins with that over its first `older`.
 * @throws RangeError when there are fewer leaves
 */
export function consistencyProof(leaves: readonly Uint8Array[], older: number): Uint8Array[] {
  return consistencyRanges(older, leaves.length).map((range) => rangeRoot(leaves, range));
}

/**
 * Whether `proof` shows that a tree of `size` leaves with `root` begins with one of `older` leaves with
 * `olderRoot` (RFC 9162 2.1.4.2); equal trees and the empty older tree need, and take, no proof. Never throws.
 */
export function verifyConsistency(
  older: number,
  size: number,
  olderRoot: Uint8Array,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(older) || !Number.isSafeInteger(size) || older < 0 || older > size) return false;
  if ([olderRoot, root, ...proof].some((hash) => hash.length !== hashBytes)) return false;
  if (older === size) return proof.length === 0 && equal(olderRoot, root);
  if (older === 0) return proof.length === 0 && equal(olderRoot, emptyRoot());
  return foldsTo(older, size, olderRoot, root, proof);
}

function foldsTo(
  older: number,
  size: number,
  olderRoot: Uint8Array,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  // A power of two: the older root is itself the first node, and is not sent.
  const path = isPowerOfTwo(older) ? [olderRoot, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined || proof.length === 0) return false;
  let node = older - 1;
  let last = size - 1;
  while (node % 2 === 1) {
    node = half(node);
    last = half(last);
  }
  let olderFound = first;
  let found = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      olderFound = nodeHash(sibling, olderFound);
      found = nodeHash(sibling, found);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      found = nodeHash(found, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && equal(olderFound, olderRoot) && equal(found, root);
}

/** Not by logarithm: that of 2^52 + 1 is a whole number too. */
function isPowerOfTwo(n: number): boolean {
  let power = 1;
  while (power < n) power *= 2;
  return power === n;
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
