/**
 * RFC 6962 leaf and node hashes. Knows SHA-256 and two prefixes, nothing of trees.
 *
 * A digest travels inside this package as a string of 32 code units 0..255: `crypto.hash` hands that out in
 * half the time of a Buffer (0.4 against 0.8 us for a line of 360 bytes), and a tree makes two digests for
 * every leaf.
 */
import { hash } from 'node:crypto';

/** Bytes of a hash. */
export const hashBytes = 32;

/** 32 bytes as code units 0..255. */
export type Digest = string;

const leafPrefix = 0x00;
const nodePrefix = 0x01;

/** Leaves up to this size are hashed through one buffer and a view of it for each size. */
const sharedBytesMax = 4096;
const shared = Buffer.allocUnsafeSlow(1 + sharedBytesMax);
shared[0] = leafPrefix;
const sharedViews: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(sharedBytesMax + 1).fill(
  undefined,
);
const nodeInput = Buffer.allocUnsafeSlow(1 + 2 * hashBytes);
nodeInput[0] = nodePrefix;

export function leafDigest(bytes: Uint8Array): Digest {
  const size = bytes.length;
  if (size > sharedBytesMax) {
    const input = Buffer.allocUnsafeSlow(1 + size);
    input[0] = leafPrefix;
    input.set(bytes, 1);
    return hash('sha256', input, 'latin1');
  }
  const view = sharedViews[size];
  const input = view ?? shared.subarray(0, 1 + size);
  if (view === undefined) sharedViews[size] = input;
  shared.set(bytes, 1);
  return hash('sha256', input, 'latin1');
}

export function nodeDigest(left: Digest, right: Digest): Digest {
  nodeInput.write(left, 1, hashBytes, 'latin1');
  nodeInput.write(right, 1 + hashBytes, hashBytes, 'latin1');
  return hash('sha256', nodeInput, 'latin1');
}

export function digestOf(bytes: Uint8Array): Digest {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

export function bytesOf(digest: Digest): Uint8Array {
  return Buffer.from(digest, 'latin1');
}

/** Merkle tree hash of a leaf: `SHA-256(0x00 || bytes)` (RFC 6962 2.1). */
export function leafHash(bytes: Uint8Array): Uint8Array {
  return bytesOf(leafDigest(bytes));
}

/** Merkle tree hash of an inner node: `SHA-256(0x01 || left || right)` (RFC 6962 2.1); both are 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return bytesOf(nodeDigest(digestOf(left), digestOf(right)));
}

/** Root of a tree without leaves: `SHA-256("")` (RFC 6962 2.1). */
export function emptyRoot(): Uint8Array {
  return hash('sha256', '', 'buffer');
}
