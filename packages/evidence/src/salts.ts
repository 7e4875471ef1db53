/**
 * Salts of a reel's lines, derived from one journaled seed so that decoding again yields the same bytes.
 * Draws no randomness itself.
 */
import { createCipheriv } from 'node:crypto';
import { EvidenceError } from './evidenceError.ts';

const saltBytes = 8;
const blockBytes = 16;
/** Bytes of a salt before hex, and of the seed. */
export const seedBytes = 16;
/** Top bit of the counter: header salts come from a part of the keystream that no seq reaches. */
const headerCounter = 2n ** 127n;

/**
 * Salts of `count` lines from seq `firstSeq` on: salt of seq s is bytes [8s, 8s+8) of the AES-128-CTR
 * keystream of the seed (counter 0 at byte 0, NIST SP 800-38A), as hex. Who lacks the seed cannot tell one
 * salt from the others.
 */
export function saltsOf(seedHex: string, firstSeq: number, count: number): string[] {
  const from = firstSeq * saltBytes;
  const block = Math.floor(from / blockBytes);
  const skip = from - block * blockBytes;
  const hex = keystream(seedHex, BigInt(block), skip + count * saltBytes).toString('hex');
  const salts = new Array<string>(count);
  for (let i = 0; i < count; i++) {
    const at = (skip + i * saltBytes) * 2;
    salts[i] = hex.slice(at, at + saltBytes * 2);
  }
  return salts;
}

/** Salt of a segment's header line: first 8 bytes of the keystream block with counter 2^127 + segment. */
export function headerSaltOf(seedHex: string, segment: number): string {
  return keystream(seedHex, headerCounter + BigInt(segment), saltBytes).toString('hex');
}

function keystream(seedHex: string, counter: bigint, bytes: number): Buffer {
  const iv = Buffer.from(counter.toString(16).padStart(32, '0'), 'hex');
  return createCipheriv('aes-128-ctr', seedBytesOf(seedHex), iv).update(Buffer.alloc(bytes));
}

/** The seed's 16 bytes. Throws EvidenceError `SEED_INVALID`. */
export function seedBytesOf(seedHex: string): Buffer {
  if (!/^[0-9a-f]{32}$/.test(seedHex)) throw new EvidenceError('SEED_INVALID', 'a seed is 32 hex digits');
  return Buffer.from(seedHex, 'hex');
}
