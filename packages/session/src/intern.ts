/**
 * Short byte strings seen again and again (names, tags) as strings, without decoding them each time. Holds no
 * session's state.
 */
import { hash } from 'node:crypto';

const slots = 256;
const lengthMax = 40;
const keptBytes: (Uint8Array | null)[] = new Array<Uint8Array | null>(slots).fill(null);
const keptText: string[] = new Array<string>(slots).fill('');
const decode = Buffer.prototype.toString;

/** bytes[start, end) as UTF-8; at most 256 short ones are remembered. */
export function interned(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length <= 0) return '';
  if (length > lengthMax) return decode.call(bytes, 'utf8', start, end);
  let mixed = length;
  for (let at = start; at < end; at += 1) mixed = (Math.imul(mixed, 31) + bytes[at]!) | 0;
  const slot = (mixed ^ (mixed >>> 11)) & (slots - 1);
  const kept = keptBytes[slot];
  if (kept != null && kept.length === length) {
    let same = 0;
    while (same < length && kept[same] === bytes[start + same]) same += 1;
    if (same === length) return keptText[slot]!;
  }
  const text = decode.call(bytes, 'utf8', start, end);
  keptBytes[slot] = Uint8Array.prototype.slice.call(bytes, start, end);
  keptText[slot] = text;
  return text;
}

/** Longest name kept as it is; PostgreSQL's own names have at most 63 bytes, but Parse takes any. */
const nameBytesMax = 256;

/**
 * A statement's or portal's name; of a very long one its first bytes and its hash, so that equal names stay
 * equal.
 */
export function nameIn(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= nameBytesMax) return interned(bytes, start, end);
  const digest = hash('sha256', bytes.subarray(start, end));
  return `${decode.call(bytes, 'utf8', start, start + nameBytesMax)}#${digest}`;
}

/**
 * Where the next zero byte is, -1 when there is none. Names are short: a loop finds their end faster than a
 * call.
 */
export function zeroAt(bytes: Uint8Array, from: number): number {
  const near = Math.min(bytes.length, from + lengthMax);
  for (let at = from; at < near; at += 1) if (bytes[at] === 0) return at;
  return near === bytes.length ? -1 : bytes.indexOf(0, near);
}
