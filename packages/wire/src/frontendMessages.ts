/**
 * Owns decoding the bodies of what a client sends. Null is a body the server would refuse with 08P01: a
 * string that does not end inside, a length beyond the end, bytes left over. Source: PostgreSQL
 * documentation, "Message Formats", and the readers in `src/backend/tcop/postgres.c` and `fastpath.c`.
 *
 * Parameter values are views of the body, valid as long as it is.
 */
import { Cursor } from './cursor.ts';

/** Parse: a prepared statement's text. An OID of 0 leaves the type to the server. */
export interface ParseMessage {
  readonly name: string;
  readonly sql: string;
  readonly oids: number[];
}

/** Bind: a portal from a statement and its parameter values. */
export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** As sent: none (all text), one (for all), or one each; see parameterFormat. */
  readonly formats: number[];
  readonly values: (Uint8Array | null)[];
  readonly resultFormats: number[];
}

/** Describe and Close: a prepared statement (`S`) or a portal (`P`). */
export interface TargetMessage {
  readonly what: 'S' | 'P';
  readonly name: string;
}

export interface ExecuteMessage {
  readonly portal: string;
  /** 0 or less: no limit. */
  readonly maxRows: number;
}

export interface FunctionCallMessage {
  readonly oid: number;
  readonly formats: number[];
  readonly values: (Uint8Array | null)[];
  readonly resultFormat: number;
}

/** Query's text. */
export function readQuery(body: Uint8Array): string | null {
  const cursor = new Cursor(body);
  const sql = cursor.cstring();
  return cursor.finished ? sql : null;
}

export function readParse(body: Uint8Array): ParseMessage | null {
  const cursor = new Cursor(body);
  const name = cursor.cstring();
  const sql = cursor.cstring();
  const oids: number[] = [];
  for (let left = cursor.uint16(); left > 0 && !cursor.failed; left -= 1) oids.push(cursor.uint32());
  return cursor.finished ? { name, sql, oids } : null;
}

export function readBind(body: Uint8Array): BindMessage | null {
  const cursor = new Cursor(body);
  const portal = cursor.cstring();
  const statement = cursor.cstring();
  const formats = readFormats(cursor);
  const values = readValues(cursor);
  const resultFormats = readFormats(cursor);
  return cursor.finished ? { portal, statement, formats, values, resultFormats } : null;
}

export function readDescribe(body: Uint8Array): TargetMessage | null {
  return readTarget(body);
}

export function readClose(body: Uint8Array): TargetMessage | null {
  return readTarget(body);
}

export function readExecute(body: Uint8Array): ExecuteMessage | null {
  const cursor = new Cursor(body);
  const portal = cursor.cstring();
  const maxRows = cursor.int32();
  return cursor.finished ? { portal, maxRows } : null;
}

export function readFunctionCall(body: Uint8Array): FunctionCallMessage | null {
  const cursor = new Cursor(body);
  const oid = cursor.uint32();
  const formats = readFormats(cursor);
  const values = readValues(cursor);
  const resultFormat = cursor.int16();
  return cursor.finished ? { oid, formats, values, resultFormat } : null;
}

/** CopyFail's reason. */
export function readCopyFail(body: Uint8Array): string | null {
  return readQuery(body);
}

/**
 * Format of the parameter at `index` under Bind's rule: no codes, all text; one code, it is for all; else
 * one each. Null where the server refuses the message: the numbers of codes and values differ, or the code
 * is neither 0 nor 1.
 */
export function parameterFormat(formats: readonly number[], values: number, index: number): 0 | 1 | null {
  if (formats.length > 1 && formats.length !== values) return null;
  const format = formats.length === 0 ? 0 : formats.length === 1 ? formats[0] : formats[index];
  return format === 0 || format === 1 ? format : null;
}

function readTarget(body: Uint8Array): TargetMessage | null {
  const cursor = new Cursor(body);
  const kind = cursor.uint8();
  const name = cursor.cstring();
  if (!cursor.finished) return null;
  if (kind === 0x53) return { what: 'S', name };
  return kind === 0x50 ? { what: 'P', name } : null;
}

function readFormats(cursor: Cursor): number[] {
  const formats: number[] = [];
  for (let left = cursor.uint16(); left > 0 && !cursor.failed; left -= 1) formats.push(cursor.int16());
  return formats;
}

/** Counted values, each an int32 length (-1 is NULL) and its bytes. */
function readValues(cursor: Cursor): (Uint8Array | null)[] {
  const values: (Uint8Array | null)[] = [];
  for (let left = cursor.uint16(); left > 0 && !cursor.failed; left -= 1) {
    const length = cursor.int32();
    values.push(length === -1 ? null : cursor.view(length));
  }
  return values;
}
