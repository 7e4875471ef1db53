/**
 * Owns the fields of ErrorResponse and NoticeResponse, both ways: what servers send, and the one error the
 * recorder itself sends to a client it refuses. Source: PostgreSQL documentation, "Error and Notice Message
 * Fields".
 */
import { Cursor } from './cursor.ts';
import { headerBytes } from './framing.ts';
import { backendTag } from './tag.ts';

/**
 * Texts as sent. `severity`, `sqlstate` and `message` are '' where a server left them out, which PostgreSQL
 * never does.
 */
export interface ErrorFields {
  /** Field V, never translated; field S where there is no V (servers before 9.6). */
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Of the error in the statement, in characters from 1, as text. */
  readonly position?: string;
  readonly internalPosition?: string;
  readonly internalQuery?: string;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
  readonly file?: string;
  readonly line?: string;
  readonly routine?: string;
}

type OptionalField = Exclude<keyof ErrorFields, 'severity' | 'sqlstate' | 'message'>;

const optionalFields: Readonly<Record<string, OptionalField>> = {
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internalPosition',
  q: 'internalQuery',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
  F: 'file',
  L: 'line',
  R: 'routine',
};

/** Fields in the order sent, by their one-letter codes; null when the list does not end with the body. */
export function readErrorFields(body: Uint8Array): [string, string][] | null {
  const cursor = new Cursor(body);
  const fields: [string, string][] = [];
  while (!cursor.failed) {
    const code = cursor.uint8();
    if (code === 0) break;
    fields.push([String.fromCharCode(code), cursor.cstring()]);
  }
  return cursor.finished ? fields : null;
}

/**
 * ErrorResponse or NoticeResponse. Of a field sent twice the last one counts, as in libpq; unknown fields are
 * passed over.
 */
export function readError(body: Uint8Array): ErrorFields | null {
  const fields = readErrorFields(body);
  if (fields === null) return null;
  const byCode = new Map(fields);
  const optional: { -readonly [F in OptionalField]?: string } = {};
  for (const [code, text] of byCode) {
    const name = Object.hasOwn(optionalFields, code) ? optionalFields[code] : undefined;
    if (name !== undefined) optional[name] = text;
  }
  return {
    severity: byCode.get('V') ?? byCode.get('S') ?? '',
    sqlstate: byCode.get('C') ?? '',
    message: byCode.get('M') ?? '',
    ...optional,
  };
}

/** An error the recorder sends; no text may contain a zero byte. */
export interface ErrorToEncode {
  readonly severity: 'FATAL' | 'ERROR';
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/**
 * libpq takes errors over 30,000 bytes for lost synchronisation (`fe-protocol3.c`); each text is cut well
 * below.
 */
const textBytesMax = 8_000;

/** A whole ErrorResponse frame, header included. Zero bytes in texts are left out, long texts are cut. */
export function encodeError(fields: ErrorToEncode): Uint8Array {
  const pieces = [field('S', fields.severity), field('V', fields.severity), field('C', fields.sqlstate)];
  pieces.push(field('M', fields.message));
  if (fields.detail !== undefined) pieces.push(field('D', fields.detail));
  if (fields.hint !== undefined) pieces.push(field('H', fields.hint));
  pieces.push(Buffer.of(0));
  const body = Buffer.concat(pieces);
  const frame = Buffer.alloc(headerBytes + body.length);
  frame[0] = backendTag.ErrorResponse;
  frame.writeInt32BE(4 + body.length, 1);
  frame.set(body, headerBytes);
  return frame;
}

function field(code: string, text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('\0', ''), 'utf8');
  let end = Math.min(bytes.length, textBytesMax);
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return Buffer.concat([Buffer.from(code, 'latin1'), bytes.subarray(0, end), Buffer.of(0)]);
}
