/**
 * Owns decoding geometric values. Source: the `*_recv` and `*_out` functions of
 * `src/backend/utils/adt/geo_ops.c`.
 */
import type { Cursor } from '../cursor.ts';
import { float8Text } from './float.ts';
import { type DecodeContext, isFull, refuse, type ValueDecoder } from './valueDecoder.ts';

function pair(cursor: Cursor): string {
  const x = float8Text(cursor.float64());
  return `(${x},${float8Text(cursor.float64())})`;
}

function pairs(cursor: Cursor, count: number, context: DecodeContext): string {
  if (count < 1 || count * 16 !== cursor.rest) return refuse(cursor);
  let list = '';
  for (let i = 0; i < count; i += 1) {
    list += i === 0 ? pair(cursor) : `,${pair(cursor)}`;
    if (isFull(list, cursor, context)) break;
  }
  return list;
}

export const point: ValueDecoder = (cursor) => pair(cursor);
export const lseg: ValueDecoder = (cursor, context) => `[${pairs(cursor, 2, context)}]`;

/** The larger x and y come first, whichever corners were sent. */
export const box: ValueDecoder = (cursor) => {
  const [x1, y1, x2, y2] = [cursor.float64(), cursor.float64(), cursor.float64(), cursor.float64()];
  const swapX = isLess(x1, x2);
  const swapY = isLess(y1, y2);
  const high = `(${float8Text(swapX ? x2 : x1)},${float8Text(swapY ? y2 : y1)})`;
  return `${high},(${float8Text(swapX ? x1 : x2)},${float8Text(swapY ? y1 : y2)})`;
};

/** PostgreSQL orders NaN above all numbers. */
function isLess(a: number, b: number): boolean {
  return Number.isNaN(b) ? !Number.isNaN(a) : a < b;
}

export const path: ValueDecoder = (cursor, context) => {
  const closed = cursor.uint8() !== 0;
  const list = pairs(cursor, cursor.int32(), context);
  return closed ? `(${list})` : `[${list}]`;
};

export const polygon: ValueDecoder = (cursor, context) => `(${pairs(cursor, cursor.int32(), context)})`;

/** Ax + By + C = 0. */
export const line: ValueDecoder = (cursor) => {
  const [a, b, c] = [cursor.float64(), cursor.float64(), cursor.float64()];
  // `FPzero`: within 1e-6.
  if (Math.abs(a) <= 1e-6 && Math.abs(b) <= 1e-6) return refuse(cursor);
  return `{${float8Text(a)},${float8Text(b)},${float8Text(c)}}`;
};

export const circle: ValueDecoder = (cursor) => {
  const centre = pair(cursor);
  const radius = cursor.float64();
  return radius < 0 ? refuse(cursor) : `<${centre},${float8Text(radius)}>`;
};
