/** Owns what all decoders of binary values share: their shape, their limits, nesting. Knows no type. */
import type { Cursor } from '../cursor.ts';

/**
 * Reads one value in PostgreSQL's binary format and gives it as PostgreSQL prints it. The cursor holds
 * exactly the value; what is no value of the type fails the cursor, and the text is then meaningless.
 */
export type ValueDecoder = (cursor: Cursor, context: DecodeContext) => string;

/** Containers deeper than this are not decoded: PostgreSQL's quoting doubles with each level. */
export const depthMax = 6;
/** Longest text of a value inside another one, in UTF-16 units. */
export const innerLengthMax = 1_048_576;

export interface KnownType {
  /** PostgreSQL's name of it. */
  readonly name: string;
  readonly decode: ValueDecoder;
}

/** The type with an OID; undefined when it is not known. */
export type TypeLookup = (oid: number) => KnownType | undefined;

/** State of decoding one parameter. */
export interface DecodeContext {
  /** Bytes of text that are wanted; the outermost decoder may stop once it has more. */
  readonly textBytesMax: number;
  /** Types inside a container. */
  readonly typeOf: TypeLookup;
  depth: number;
  /** The outermost decoder gave only a prefix. */
  cut: boolean;
  /** It could not be decoded for our own reasons: a type inside that is not known, too deep, too long. */
  unknown: boolean;
}

/** Gives up on a value that may well be valid. */
export function giveUp(cursor: Cursor, context: DecodeContext): string {
  // What ended too early is no value of any type.
  if (!cursor.failed) context.unknown = true;
  cursor.fail();
  return '';
}

/** Refuses a value that is not valid. */
export function refuse(cursor: Cursor): string {
  cursor.fail();
  return '';
}

/**
 * True when a container's text so far is long enough to stop reading it; it is then longer than wanted and
 * will be cut.
 */
export function isFull(text: string, cursor: Cursor, context: DecodeContext): boolean {
  if (context.depth > 0) {
    if (text.length <= innerLengthMax) return false;
    giveUp(cursor, context);
    return true;
  }
  if (text.length <= context.textBytesMax) return false;
  cursor.position = cursor.end;
  return true;
}

/** The next `length` bytes as a value of type `oid`. */
export function innerText(cursor: Cursor, oid: number, length: number, context: DecodeContext): string {
  const type = context.typeOf(oid);
  if (type === undefined || context.depth >= depthMax) return giveUp(cursor, context);
  return innerValue(cursor, length, type.decode, context);
}

function innerValue(cursor: Cursor, length: number, decode: ValueDecoder, context: DecodeContext): string {
  const inner = cursor.inner(length);
  context.depth += 1;
  const text = decode(inner, context);
  context.depth -= 1;
  if (!inner.finished) cursor.fail();
  return text;
}

/** The next `length` bytes in double quotes, quotes and backslashes in it escaped. */
export function quotedInner(
  cursor: Cursor,
  length: number,
  decode: ValueDecoder,
  context: DecodeContext,
): string {
  return `"${innerValue(cursor, length, decode, context).replace(/["\\]/g, '\\$&')}"`;
}
