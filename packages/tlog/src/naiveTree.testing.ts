/** RFC 6962 2.1 word by word, recursive: what tests hold the incremental tree against. Not for use. */
import { createHash } from 'node:crypto';

const sha256 = (...parts: Uint8Array[]): Uint8Array =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

const split = (size: number): number => 2 ** Math.floor(Math.log2(size - 1));

/** MTH(D[n]). */
export function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Uint8Array.of(0), leaves[0]!);
  const k = split(leaves.length);
  return sha256(Uint8Array.of(1), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** PATH(m, D[n]). */
export function naivePath(index: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...naivePath(index, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(index - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

/** PROOF(m, D[n]) of RFC 6962 2.1.2; 0 < m < n. */
export function naiveConsistency(older: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  const subproof = (m: number, part: readonly Uint8Array[], whole: boolean): Uint8Array[] => {
    if (m === part.length) return whole ? [] : [naiveRoot(part)];
    const k = split(part.length);
    return m <= k
      ? [...subproof(m, part.slice(0, k), whole), naiveRoot(part.slice(k))]
      : [...subproof(m - k, part.slice(k), false), naiveRoot(part.slice(0, k))];
  };
  return subproof(older, leaves, true);
}
