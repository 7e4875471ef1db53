/** Owns decoding `tsvector`. Source: `tsvectorrecv`, `tsvectorout` of `src/backend/utils/adt/tsvector.c`. */
import { isUtf8 } from 'node:buffer';
import type { Cursor } from '../cursor.ts';
import { isFull, refuse, type ValueDecoder } from './valueDecoder.ts';

const weights = ['', 'C', 'B', 'A'] as const;

function lexeme(cursor: Cursor): string {
  const start = cursor.position;
  const word = cursor.cstring();
  if (!cursor.failed && !isUtf8(cursor.bytes.subarray(start, cursor.position - 1))) return refuse(cursor);
  return `'${word.replace(/['\\]/g, '$&$&')}'`;
}

/** Positions in growing order, each with its weight in the two highest bits. */
function positions(cursor: Cursor): string {
  let list = '';
  let before = -1;
  for (let left = cursor.uint16(); left > 0 && !cursor.failed; left -= 1) {
    const entry = cursor.uint16();
    const position = entry & 0x3fff;
    if (position <= before) return refuse(cursor);
    list += `${before < 0 ? ':' : ','}${position}${weights[entry >>> 14]!}`;
    before = position;
  }
  return list;
}

/** Lexemes in the order sent; the server would sort them. */
export const tsvector: ValueDecoder = (cursor, context) => {
  const lexemes = cursor.int32();
  // A lexeme takes at least its terminator and its number of positions.
  if (lexemes < 0 || lexemes * 3 > cursor.rest) return refuse(cursor);
  let text = '';
  for (let i = 0; i < lexemes && !cursor.failed; i += 1) {
    if (i > 0) text += ' ';
    text += lexeme(cursor);
    text += positions(cursor);
    if (isFull(text, cursor, context)) break;
  }
  return text;
};
