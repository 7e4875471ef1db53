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

/** State of decoding one parameter. */
export interface DecodeContext {
  /** Bytes of text that are wanted; the outermost decoder may stop once it has more. */
  readonly textBytesMax: number;
  /** Decoder of a type inside a container. */
  readonly decoderOf: (oid: number) => ValueDecoder | undefined;
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
  const decoder = context.decoderOf(oid);
  if (decoder === undefined || context.depth >= depthMax) return giveUp(cursor, context);
  const inner = cursor.inner(length);
  context.depth += 1;
  const text = decoder(inner, context);
  context.depth -= 1;
  if (!inner.finished) cursor.fail();
  return text;
}
