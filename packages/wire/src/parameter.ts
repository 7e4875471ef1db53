/**
 * Owns turning a parameter's bytes into the text of a record: as PostgreSQL prints the value, or hex. Never
 * throws.
 */
import { Cursor } from './cursor.ts';
import { builtInType } from './types/catalog.ts';
import { hex, text } from './types/scalar.ts';
import type { DecodeContext, TypeLookup, ValueDecoder } from './types/valueDecoder.ts';

export interface DecodedParameter {
  readonly v: string;
  /**
   * `text`: as PostgreSQL prints it; `hex`: bytes of a type that is not known or not decoded here; `failed`:
   * hex of bytes that are no value of their type, or no UTF-8.
   */
  readonly enc: 'text' | 'hex' | 'failed';
  /** `v` is a prefix of at most `maxBytes` bytes, cut between two characters or two bytes of hex. */
  readonly cut: boolean;
}

const toLatin1 = Buffer.prototype.toString;
/** Up to this size looking at each byte is faster than asking whether all of them are UTF-8. */
const plainBytesMax = 64;

/** Characters of ASCII only, and none of them zero: text under every rule there is. */
function isPlain(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at]! === 0 || bytes[at]! > 0x7f) return false;
  }
  return true;
}

/**
 * Decodes one parameter that is not NULL.
 * @param oid its type, 0 when not known
 * @param format Bind's code: 0 text, 1 binary; text is taken as UTF-8
 * @param maxBytes bound of `v` in bytes of UTF-8
 * @param typeOf the types of the database it was sent to
 */
export function decodeParameter(
  oid: number,
  format: 0 | 1,
  bytes: Uint8Array,
  maxBytes: number,
  typeOf: TypeLookup = builtInType,
): DecodedParameter {
  if (format === 0 && bytes.length <= plainBytesMax && bytes.length <= maxBytes && isPlain(bytes)) {
    return { v: toLatin1.call(bytes, 'latin1'), enc: 'text', cut: false };
  }
  const decode: ValueDecoder | undefined = format === 0 ? text : typeOf(oid)?.decode;
  if (decode === undefined) return inHex('hex', bytes, maxBytes);
  const context: DecodeContext = { textBytesMax: maxBytes, typeOf, depth: 0, cut: false, unknown: false };
  const cursor = new Cursor(bytes);
  const printed = decode(cursor, context);
  if (!cursor.finished) return inHex(context.unknown ? 'hex' : 'failed', bytes, maxBytes);
  const v = prefix(printed, maxBytes);
  return { v, enc: 'text', cut: context.cut || v.length < printed.length };
}

function inHex(enc: 'hex' | 'failed', bytes: Uint8Array, maxBytes: number): DecodedParameter {
  const shown = Math.min(bytes.length, Math.floor(maxBytes / 2));
  return { v: hex(bytes, 0, shown), enc, cut: shown < bytes.length };
}

/** The longest prefix of whole characters that takes at most `maxBytes` in UTF-8. */
function prefix(printed: string, maxBytes: number): string {
  if (printed.length * 3 <= maxBytes || Buffer.byteLength(printed) <= maxBytes) return printed;
  const encoded = new TextEncoder().encodeInto(printed, new Uint8Array(maxBytes));
  return printed.slice(0, encoded.read);
}
