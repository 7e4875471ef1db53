/**
 * Owns decoding values that are one string, one whole number or plain bytes. Source: the `*recv` functions
 * named beside each.
 */
import { isUtf8 } from 'node:buffer';
import { type Cursor, utf8 } from '../cursor.ts';
import { type DecodeContext, refuse, type ValueDecoder } from './valueDecoder.ts';

const toText = Buffer.prototype.toString;

/** bytes[start, end) as lower-case hex. */
export function hex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return start >= end ? '' : toText.call(bytes, 'hex', start, end);
}

/** A signed 64-bit integer in decimal, from its two halves as `int32` and `uint32` read them. */
export function int64Text(high: number, low: number): string {
  // Within 53 bits a double is exact.
  if (high >= -0x200000 && high < 0x200000) return String(high * 0x1_0000_0000 + low);
  return ((BigInt(high) << 32n) | BigInt(low)).toString();
}

/** The largest end <= `limit` that does not split a character of valid UTF-8. */
export function characterBoundary(bytes: Uint8Array, start: number, limit: number): number {
  let end = limit;
  while (end > start && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return end;
}

/**
 * The rest of the cursor as text (`textrecv`); a zero byte or invalid UTF-8 is refused, as by a server in
 * UTF8.
 */
export function text(cursor: Cursor, context: DecodeContext): string {
  const { bytes, position, end } = cursor;
  const whole = position === 0 && end === bytes.length ? bytes : bytes.subarray(position, end);
  if (whole.includes(0) || !isUtf8(whole)) return refuse(cursor);
  cursor.position = end;
  if (context.depth > 0 || end - position <= context.textBytesMax) return utf8(bytes, position, end);
  context.cut = true;
  return utf8(bytes, position, characterBoundary(bytes, position, position + context.textBytesMax));
}

/** `NAMEDATALEN`, terminator included. */
const nameBytesEnd = 64;

/** `namerecv`. */
export const name: ValueDecoder = (cursor, context) =>
  cursor.rest < nameBytesEnd ? text(cursor, context) : refuse(cursor);

/** `jsonb_recv`, `jsonpath_recv`: a version byte before the text. */
export const versionedText: ValueDecoder = (cursor, context) =>
  cursor.uint8() === 1 ? text(cursor, context) : refuse(cursor);

/** `boolrecv`: any byte but zero is true. */
export const bool: ValueDecoder = (cursor) => (cursor.uint8() === 0 ? 'f' : 't');

/** `charrecv`; printed as `charout` does: zero as nothing, bytes over 127 as `\ooo`. */
export const char: ValueDecoder = (cursor) => {
  const byte = cursor.uint8();
  if (byte === 0) return '';
  return byte < 128 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`;
};

/** `bytearecv`, as `bytea_output = hex` prints it. */
export const bytea: ValueDecoder = (cursor, context) => {
  const { bytes, position, end } = cursor;
  cursor.position = end;
  if (context.depth > 0 || 2 * (end - position) + 2 <= context.textBytesMax)
    return `\\x${hex(bytes, position, end)}`;
  context.cut = true;
  return `\\x${hex(bytes, position, position + Math.max(0, Math.floor((context.textBytesMax - 2) / 2)))}`;
};

export const int2: ValueDecoder = (cursor) => String(cursor.int16());
export const int4: ValueDecoder = (cursor) => String(cursor.int32());
export const int8: ValueDecoder = (cursor) => int64Text(cursor.int32(), cursor.uint32());
/** oid, xid, cid and the reg* types; their names only the server's catalog knows. */
export const uint4: ValueDecoder = (cursor) => String(cursor.uint32());
/** `xid8recv`. */
export const uint8: ValueDecoder = (cursor) => {
  const high = cursor.uint32();
  const low = cursor.uint32();
  return high < 0x200000
    ? String(high * 0x1_0000_0000 + low)
    : ((BigInt(high) << 32n) | BigInt(low)).toString();
};

/** `pg_lsn_recv`. */
export const lsn: ValueDecoder = (cursor) => {
  const high = cursor.uint32().toString(16).toUpperCase();
  return `${high}/${cursor.uint32().toString(16).toUpperCase()}`;
};

/** `tidrecv`. */
export const tid: ValueDecoder = (cursor) => {
  const block = cursor.uint32();
  return `(${block},${cursor.uint16()})`;
};

/** `uuid_recv`. */
export const uuid: ValueDecoder = (cursor) => {
  const digits = hex(cursor.view(16));
  const head = `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}`;
  return `${head}-${digits.slice(16, 20)}-${digits.slice(20)}`;
};

/** `bit_recv`, `varbit_recv`: number of bits, then the bits, the last byte filled up. */
export const bits: ValueDecoder = (cursor, context) => {
  const count = cursor.int32();
  if (count < 0) return refuse(cursor);
  const bytes = cursor.view(Math.ceil(count / 8));
  if (cursor.failed) return '';
  const wanted = context.depth > 0 ? count : Math.min(count, context.textBytesMax);
  if (wanted < count) context.cut = true;
  let digits = '';
  for (let i = 0; 8 * i < wanted; i += 1) digits += bytes[i]!.toString(2).padStart(8, '0');
  return digits.slice(0, wanted);
};

/** `pg_snapshot_recv`: xmin, xmax and, rising, the transactions in progress between them. */
export const snapshot: ValueDecoder = (cursor, context) => {
  let left = cursor.int32();
  const [xmin, xmax] = [uint8(cursor, context), uint8(cursor, context)];
  let last = BigInt(xmin);
  const end = BigInt(xmax);
  if (left < 0 || left * 8 !== cursor.rest || last === 0n || end < last) return refuse(cursor);
  let list = '';
  let before = '';
  for (; left > 0; left -= 1) {
    const xid = uint8(cursor, context);
    const value = BigInt(xid);
    if (value < last || value >= end) return refuse(cursor);
    if (xid !== before) list += `${list === '' ? '' : ','}${xid}`;
    last = value;
    before = xid;
  }
  return `${xmin}:${xmax}:${list}`;
};

/** `void_recv` reads nothing. */
export const nothing: ValueDecoder = () => '';
