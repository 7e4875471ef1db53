/**
 * Owns one readable line per frame, for golden files: the words of libpq's `PQtrace`
 * (`src/interfaces/libpq/fe-trace.c`) without time and length. Passwords, keys and rows are not shown, only
 * their size.
 */
import {
  readAuthentication,
  readBackendKey,
  readCommandComplete,
  readCopyResponse,
  readNegotiate,
  readNotification,
  readParameterDescription,
  readParameterStatus,
  readReadyForQuery,
  readRowDescription,
} from './backendMessages.ts';
import { readErrorFields } from './errorResponse.ts';
import {
  readBind,
  readCopyFail,
  readDescribe,
  readExecute,
  readFunctionCall,
  readParse,
  readQuery,
} from './frontendMessages.ts';
import { backendName, backendTag, frontendName, frontendTag, type Side } from './tag.ts';
import { hex } from './types/scalar.ts';

type Details = (body: Uint8Array) => readonly (string | number)[] | null;

/** Control characters, quotes and backslashes as `\xNN`; everything else as it is. */
function escaped(text: string, quote: '"' | "'"): string {
  let line = quote;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const plain = code >= 32 && code !== 127 && character !== quote && character !== '\\';
    line += plain ? character : `\\x${code.toString(16).padStart(2, '0')}`;
  }
  return line + quote;
}

function quoted(text: string): string {
  return escaped(text, '"');
}

/** A value: -1 for NULL, else its length and its bytes, one character each. */
function valueWords(value: Uint8Array | null): (string | number)[] {
  if (value === null) return [-1];
  let line = "'";
  for (const byte of value) {
    const plain = byte >= 32 && byte < 127 && byte !== 0x27 && byte !== 0x5c;
    line += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return [value.length, `${line}'`];
}

function listWords(values: readonly (string | number)[]): (string | number)[] {
  return [values.length, ...values];
}

const empty: Details = (body) => (body.length === 0 ? [] : null);
const size: Details = (body) => [`${body.length}b`];

function one<T>(value: T | null, words: (value: T) => (string | number)[]): (string | number)[] | null {
  return value === null ? null : words(value);
}

const target: Details = (body) => one(readDescribe(body), (m) => [m.what, quoted(m.name)]);
const values = (list: readonly (Uint8Array | null)[]) => [list.length, ...list.flatMap(valueWords)];

const frontendDetails: Readonly<Record<number, Details>> = {
  [frontendTag.Query]: (body) => one(readQuery(body), (sql) => [quoted(sql)]),
  [frontendTag.Parse]: (body) =>
    one(readParse(body), (m) => [quoted(m.name), quoted(m.sql), ...listWords(m.oids)]),
  [frontendTag.Bind]: (body) =>
    one(readBind(body), (m) => [
      quoted(m.portal),
      quoted(m.statement),
      ...listWords(m.formats),
      ...values(m.values),
      ...listWords(m.resultFormats),
    ]),
  [frontendTag.Describe]: target,
  [frontendTag.Close]: target,
  [frontendTag.Execute]: (body) => one(readExecute(body), (m) => [quoted(m.portal), m.maxRows]),
  [frontendTag.FunctionCall]: (body) =>
    one(readFunctionCall(body), (m) => [m.oid, ...listWords(m.formats), ...values(m.values), m.resultFormat]),
  [frontendTag.Sync]: empty,
  [frontendTag.Flush]: empty,
  [frontendTag.Terminate]: empty,
  [frontendTag.CopyDone]: empty,
  [frontendTag.CopyData]: size,
  [frontendTag.CopyFail]: (body) => one(readCopyFail(body), (reason) => [quoted(reason)]),
  [frontendTag.Authentication]: size,
};

const copyResponse: Details = (body) =>
  one(readCopyResponse(body), (m) => [m.binary ? 1 : 0, ...listWords(m.formats)]);

/** File, line and routine name places in a server's source, which change with every version. */
const versionedFields = 'FLR';
const errorFields: Details = (body) =>
  one(readErrorFields(body), (fields) =>
    fields.flatMap(([code, text]) => (versionedFields.includes(code) ? [] : [code, quoted(text)])),
  );

const backendDetails: Readonly<Record<number, Details>> = {
  [backendTag.ParseComplete]: empty,
  [backendTag.BindComplete]: empty,
  [backendTag.CloseComplete]: empty,
  [backendTag.NoData]: empty,
  [backendTag.PortalSuspended]: empty,
  [backendTag.EmptyQueryResponse]: empty,
  [backendTag.CopyDone]: empty,
  [backendTag.CopyData]: size,
  [backendTag.DataRow]: size,
  [backendTag.FunctionCallResponse]: size,
  [backendTag.NotificationResponse]: (body) =>
    one(readNotification(body), (m) => [m.pid, quoted(m.channel), quoted(m.payload)]),
  [backendTag.CommandComplete]: (body) => one(readCommandComplete(body), (tag) => [quoted(tag)]),
  [backendTag.ErrorResponse]: errorFields,
  [backendTag.NoticeResponse]: errorFields,
  [backendTag.CopyInResponse]: copyResponse,
  [backendTag.CopyOutResponse]: copyResponse,
  [backendTag.CopyBothResponse]: copyResponse,
  [backendTag.BackendKeyData]: (body) => one(readBackendKey(body), (pid) => [pid]),
  [backendTag.Authentication]: (body) => one(readAuthentication(body), (code) => [code]),
  [backendTag.ParameterStatus]: (body) =>
    one(readParameterStatus(body), (m) => [quoted(m.name), quoted(m.value)]),
  [backendTag.ParameterDescription]: (body) => one(readParameterDescription(body), listWords),
  [backendTag.RowDescription]: (body) =>
    one(readRowDescription(body), (m) => [m.length, ...m.flatMap((c) => [quoted(c.name), c.oid])]),
  [backendTag.ReadyForQuery]: (body) => one(readReadyForQuery(body), (status) => [status]),
  [backendTag.NegotiateProtocolVersion]: (body) =>
    one(readNegotiate(body), (m) => [m.protocol, ...listWords(m.unrecognized.map(quoted))]),
};

/**
 * `F Parse "s1" "select $1" 1 23`; `malformed` and the bytes in hex for what does not decode or has no name.
 */
export function trace(side: Side, tag: number, body: Uint8Array): string {
  const isFrontend = side === 'frontend';
  const head = isFrontend ? `F ${frontendName(tag)}` : `B ${backendName(tag)}`;
  const words = (isFrontend ? frontendDetails : backendDetails)[tag]?.(body) ?? null;
  if (words === null) return `${head} malformed ${hex(body)}`;
  return [head, ...words].join(' ');
}
