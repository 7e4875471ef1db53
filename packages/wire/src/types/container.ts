/**
 * Owns decoding values made of values: arrays, vectors, rows, ranges, multiranges, and PostgreSQL's quoting
 * inside each. Source: `arrayfuncs.c`, `rowtypes.c`, `rangetypes.c`, `multirangetypes.c`.
 *
 * Ranges are printed with the bounds as they were sent; the server would print a discrete one in its
 * canonical form.
 */
import type { Cursor } from '../cursor.ts';
import { type DecodeContext, giveUp, innerText, isFull, refuse, type ValueDecoder } from './valueDecoder.ts';

/** `MAXDIM`. */
const dimensionsMax = 6;

function arrayQuoted(text: string, special: RegExp): string {
  if (text !== '' && !special.test(text) && !/^null$/i.test(text)) return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Lengths and lower bounds, or null where `ArrayGetNItems` or `ArrayCheckBounds` would refuse them. */
function readBounds(
  cursor: Cursor,
  dimensions: number,
): { lengths: number[]; lowers: number[]; items: number } | null {
  const lengths: number[] = [];
  const lowers: number[] = [];
  let items = dimensions === 0 ? 0 : 1;
  for (let i = 0; i < dimensions; i += 1) {
    const length = cursor.int32();
    const lower = cursor.int32();
    if (length < 0 || lower + length > 0x7fff_ffff) return null;
    lengths.push(length);
    lowers.push(lower);
    items *= length;
  }
  return { lengths, lowers, items };
}

/** `FirstGenbkiObjectId`: OIDs from here on differ from server to server. */
const unstableOidMin = 10_000;

/**
 * The server overlooks a wrong element type when its OID may be another server's, and reads the array's own
 * type.
 */
function isElement(oid: number, elementOid: number): boolean {
  return oid === elementOid || oid >= unstableOidMin;
}

/** `array_recv`, `array_out`. @param delimiter one character, `typdelim` of the elements */
export function arrayDecoder(elementOid: number, delimiter: string): ValueDecoder {
  const separator = /\w/.test(delimiter) ? delimiter : `\\${delimiter}`;
  const special = new RegExp(`[{}"\\\\ \\t\\n\\r\\v\\f${separator}]`);
  return (cursor, context) => {
    const dimensions = cursor.int32();
    const flags = cursor.int32();
    const oid = cursor.uint32();
    if (
      dimensions < 0 ||
      dimensions > dimensionsMax ||
      flags < 0 ||
      flags > 1 ||
      !isElement(oid, elementOid)
    ) {
      return refuse(cursor);
    }
    const bounds = readBounds(cursor, dimensions);
    // Each element takes at least its length.
    if (bounds === null || bounds.items * 4 > cursor.rest) return refuse(cursor);
    const { lengths, lowers, items } = bounds;
    if (items === 0) return '{}';
    let text = '';
    if (lowers.some((lower) => lower !== 1)) {
      text = `${lengths.map((length, i) => `[${lowers[i]!}:${lowers[i]! + length - 1}]`).join('')}=`;
    }
    text += '{'.repeat(dimensions);
    const indices = lengths.map(() => 0);
    for (let i = 0; i < items && !cursor.failed; i += 1) {
      const length = cursor.int32();
      text += length === -1 ? 'NULL' : arrayQuoted(innerText(cursor, elementOid, length, context), special);
      const closed = advance(indices, lengths);
      text += '}'.repeat(closed);
      if (closed < dimensions) text += delimiter + '{'.repeat(closed);
      if (isFull(text, cursor, context)) break;
    }
    return text;
  };
}

/** Steps to the next element; returns how many dimensions ended with the one before. */
function advance(indices: number[], lengths: readonly number[]): number {
  let closed = 0;
  for (let i = indices.length - 1; i >= 0; i -= 1) {
    indices[i]! += 1;
    if (indices[i]! < lengths[i]!) break;
    indices[i] = 0;
    closed += 1;
  }
  return closed;
}

/** `int2vectorrecv`, `oidvectorrecv`: one dimension from 0, no nulls, printed with blanks between. */
export function vectorDecoder(elementOid: number): ValueDecoder {
  return (cursor, context) => {
    const [dimensions, flags, oid] = [cursor.int32(), cursor.int32(), cursor.uint32()];
    const [items, lower] = [cursor.int32(), cursor.int32()];
    if (dimensions !== 1 || flags < 0 || flags > 1 || !isElement(oid, elementOid) || lower !== 0 || items < 0)
      return refuse(cursor);
    if (items * 4 > cursor.rest) return refuse(cursor);
    let text = '';
    for (let i = 0; i < items && !cursor.failed; i += 1) {
      const length = cursor.int32();
      text += `${i === 0 ? '' : ' '}${innerText(cursor, elementOid, length, context)}`;
      if (isFull(text, cursor, context)) break;
    }
    return text;
  };
}

function doubled(text: string): string {
  return `"${text.replace(/["\\]/g, '$&$&')}"`;
}

/** `record_recv`, `record_out`: the types of the columns stand in the value. */
export const record: ValueDecoder = (cursor, context) => {
  const columns = cursor.int32();
  if (columns < 0 || columns * 8 > cursor.rest) return refuse(cursor);
  let text = '(';
  for (let i = 0; i < columns && !cursor.failed; i += 1) {
    const oid = cursor.uint32();
    const length = cursor.int32();
    if (i > 0) text += ',';
    if (length !== -1) {
      const value = innerText(cursor, oid, length, context);
      text += value === '' || /[(),"\\ \t\n\r\v\f]/.test(value) ? doubled(value) : value;
    }
    if (isFull(text, cursor, context)) return text;
  }
  return `${text})`;
};

const rangeEmpty = 0x01;
const lowerInclusive = 0x02;
const upperInclusive = 0x04;
const lowerInfinite = 0x08;
const upperInfinite = 0x10;

function rangeBound(cursor: Cursor, oid: number, context: DecodeContext): string {
  const length = cursor.int32();
  const value = innerText(cursor, oid, length, context);
  return value === '' || /[()[\],"\\ \t\n\r\v\f]/.test(value) ? doubled(value) : value;
}

/** `range_recv`, `range_out`; a bound that is infinite is never inclusive. */
export function rangeDecoder(subtypeOid: number): ValueDecoder {
  return (cursor, context) => {
    const flags = cursor.uint8();
    if ((flags & rangeEmpty) !== 0) return 'empty';
    const hasLower = (flags & lowerInfinite) === 0;
    const hasUpper = (flags & upperInfinite) === 0;
    let text = hasLower && (flags & lowerInclusive) !== 0 ? '[' : '(';
    if (hasLower) text += rangeBound(cursor, subtypeOid, context);
    text += ',';
    if (hasUpper) text += rangeBound(cursor, subtypeOid, context);
    return text + (hasUpper && (flags & upperInclusive) !== 0 ? ']' : ')');
  };
}

/** `multirange_recv`, `multirange_out`. */
export function multirangeDecoder(rangeOid: number): ValueDecoder {
  return (cursor, context) => {
    const ranges = cursor.int32();
    if (ranges < 0 || ranges * 4 > cursor.rest) return refuse(cursor);
    let text = '{';
    for (let i = 0; i < ranges && !cursor.failed; i += 1) {
      if (i > 0) text += ',';
      text += innerText(cursor, rangeOid, cursor.int32(), context);
      if (isFull(text, cursor, context)) return text;
    }
    return `${text}}`;
  };
}

/** A type whose binary format exists and is not read here. */
export const opaque: ValueDecoder = (cursor, context) => giveUp(cursor, context);
