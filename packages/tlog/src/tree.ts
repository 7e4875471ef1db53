/** An append-only RFC 6962 tree that remembers only its full subtrees. Refuses to know what a leaf means. */
import { bytesOf, type Digest, digestOf, emptyRoot, leafDigest, nodeDigest } from './hash.ts';

/**
 * Grows by one leaf at a time in O(log n) memory: `#full[k]` is the root of a full subtree, sizes falling
 * from left to right, one for each bit set in `size`.
 */
export class MerkleTree {
  readonly #full: Digest[] = [];
  #size = 0;

  /** Leaves so far. */
  get size(): number {
    return this.#size;
  }

  /** Appends a leaf by its bytes. */
  push(leaf: Uint8Array): void {
    this.#append(leafDigest(leaf));
  }

  /** Appends a leaf by its leaf hash. */
  pushHash(leaf: Uint8Array): void {
    this.#append(digestOf(leaf));
  }

  #append(leaf: Digest): void {
    let right = leaf;
    // Each trailing 1 bit of the size is a full subtree that the new leaf completes into one twice as large.
    for (let size = this.#size; size % 2 === 1; size = Math.floor(size / 2)) {
      right = nodeDigest(this.#full.pop()!, right);
    }
    this.#full.push(right);
    this.#size++;
  }

  /** Root over all leaves so far: full subtrees folded from the right. */
  root(): Uint8Array {
    let root = this.#full.at(-1);
    if (root === undefined) return emptyRoot();
    for (let i = this.#full.length - 2; i >= 0; i--) root = nodeDigest(this.#full[i]!, root);
    return bytesOf(root);
  }

  clear(): void {
    this.#full.length = 0;
    this.#size = 0;
  }
}
