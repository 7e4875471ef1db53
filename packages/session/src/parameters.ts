/** Bound values as parameters of a record: typed, decoded, within one line's room. Knows no message. */

import { isAscii } from 'node:buffer';
import { hash } from 'node:crypto';
import type { Parameter } from '@pgtape/evidence';
import { decodeParameter, type TypeLookup } from '@pgtape/wire';
import type { AlteredValue, BoundValues } from './boundValues.ts';
import { type Charset, decodeText, utf8 } from './charset.ts';
import type { SessionLimits } from './limits.ts';

/**
 * Types whose binary form is their text or bytes, so that a prefix of it can be read: "char", bytea, name,
 * text, json ...
 */
const textual = new Set([18, 17, 19, 25, 114, 142, 705, 1042, 1043, 1790, 2275]);
/** Bytes of a parameter's JSON apart from its value, at most. */
const parameterHeadBytes = 224;
/** No value's text in a line is longer than this many times its bytes. */
const textPerByte = 12;

/**
 * @param oids type OIDs as Parse told them, 0 where it did not
 * @param described type OIDs as ParameterDescription told them, null when it never came
 * @param typeOf the types of the session's database
 * @param room bytes of the line that all of them may take; what does not fit is cut
 */
export function parametersOf(
  bound: BoundValues,
  oids: readonly number[],
  described: readonly number[] | null,
  typeOf: TypeLookup,
  limits: SessionLimits,
  room: number,
): Parameter[] {
  const { values, formats, altered } = bound;
  const list: Parameter[] = [];
  const roomy = bound.bytes * textPerByte + values.length * parameterHeadBytes <= room;
  let left = room;
  for (let number = 0; number < values.length; number += 1) {
    const format = formats.length === 1 ? formats[0] : formats[number];
    const oid = oids[number] || described?.[number] || 0;
    const change = altered?.get(number) ?? null;
    const bytesMax = roomy ? limits.paramBytesMax : Math.min(limits.paramBytesMax, left);
    const made = parameterOf(
      values[number] ?? null,
      format === 1,
      oid,
      typeOf,
      change,
      bytesMax,
      bound.charset,
    );
    if (!roomy) left = Math.max(0, left - parameterHeadBytes - lineBytes(made.v));
    list.push(made);
  }
  return list;
}

function parameterOf(
  value: Uint8Array | null,
  binary: boolean,
  oid: number,
  typeOf: TypeLookup,
  altered: AlteredValue | null,
  bytesMax: number,
  charset: Charset | null,
): Parameter {
  const format = binary ? 'binary' : 'text';
  const type = typeOf(oid)?.name ?? 'unknown';
  if (value === null) return { v: null, enc: 'text', format, type, oid, len: -1 };
  if (altered?.redacted) {
    return { v: Buffer.from(value).toString(), enc: 'text', format, type, oid, len: altered.len };
  }
  // A prefix of a binary value does not decode: it is shown as the bytes it is.
  const known = altered === null || !binary || textual.has(oid) ? oid : 0;
  const told = decodeParameter(
    known,
    binary ? 1 : 0,
    textIn(charset, value, binary, oid, altered !== null),
    bytesMax,
    typeOf,
  );
  if (altered !== null) {
    const sha256 = altered.sha256 === undefined ? {} : { sha256: altered.sha256 };
    return { v: told.v, enc: told.enc, format, type, oid, len: altered.len, cut: true, ...sha256 };
  }
  const { length } = value;
  if (!told.cut) return { v: told.v, enc: told.enc, format, type, oid, len: length };
  return {
    v: told.v,
    enc: told.enc,
    format,
    type,
    oid,
    len: length,
    cut: true,
    sha256: hash('sha256', value),
  };
}

/** Of a text in another encoding, its UTF-8; what does not convert stays as it is, and is told as bytes. */
function textIn(
  charset: Charset | null,
  value: Uint8Array,
  binary: boolean,
  oid: number,
  isCut: boolean,
): Uint8Array {
  if (charset === null || charset === utf8 || charset.label === null || isAscii(value)) return value;
  if (binary && (oid === 17 || !textual.has(oid))) return value;
  const { text, isExact } = decodeText(charset, value, isCut);
  return isExact ? Buffer.from(text) : value;
}

/** Bytes a text takes in a line. */
export function lineBytes(text: string | null): number {
  return text === null ? 4 : Buffer.byteLength(JSON.stringify(text));
}
