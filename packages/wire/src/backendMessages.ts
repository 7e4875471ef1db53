/**
 * Owns decoding the bodies of what a server sends, errors apart (errorResponse.ts). Null is a malformed
 * body. Source: PostgreSQL documentation, "Message Formats". Of Authentication and BackendKeyData only the
 * first four bytes are looked at.
 */
import { Cursor } from './cursor.ts';
import { backendTag } from './tag.ts';

/** CommandComplete's tag, e.g. `INSERT 0 1`. */
export function readCommandComplete(body: Uint8Array): string | null {
  const cursor = new Cursor(body);
  const tag = cursor.cstring();
  return cursor.finished ? tag : null;
}

const countedTag = /^(?:INSERT \d+|UPDATE|DELETE|MERGE|SELECT|FETCH|MOVE|COPY) (\d{1,20})$/;

/**
 * Row count of a command tag; undefined where the tag has none. Of a portal run in parts it counts the last
 * part only. Exact up to 2^53.
 */
export function commandRows(tag: string): number | undefined {
  const rows = countedTag.exec(tag)?.[1];
  return rows === undefined ? undefined : Number(rows);
}

/** OIDs of a prepared statement's parameters. */
export function readParameterDescription(body: Uint8Array): number[] | null {
  const cursor = new Cursor(body);
  const oids: number[] = [];
  for (let left = cursor.uint16(); left > 0 && !cursor.failed; left -= 1) oids.push(cursor.uint32());
  return cursor.finished ? oids : null;
}

export interface ParameterStatus {
  readonly name: string;
  readonly value: string;
}

export function readParameterStatus(body: Uint8Array): ParameterStatus | null {
  const cursor = new Cursor(body);
  const name = cursor.cstring();
  const value = cursor.cstring();
  return cursor.finished ? { name, value } : null;
}

/** The backend's pid; the key after it is not read and need not be there. */
export function readBackendKey(body: Uint8Array): number | null {
  const cursor = new Cursor(body);
  const pid = cursor.uint32();
  return cursor.failed ? null : pid;
}

/**
 * Code of an authentication request: 0 Ok, 3 cleartext, 5 MD5, 7 GSS, 8 continue, 9 SSPI, 10 SASL, 11, 12.
 */
export function readAuthentication(body: Uint8Array): number | null {
  const cursor = new Cursor(body);
  const code = cursor.int32();
  return cursor.failed ? null : code;
}

const saslCode = 10;
/** RFC 4422, 3.1. */
const mechanismName = /^[A-Z0-9_-]{1,20}$/;

/** Mechanisms of an AuthenticationSASL; null for any other request, and where one of the names is none. */
export function readSaslMechanisms(body: Uint8Array): string[] | null {
  const cursor = new Cursor(body);
  if (cursor.int32() !== saslCode) return null;
  const names: string[] = [];
  while (!cursor.failed) {
    const name = cursor.cstring();
    if (name === '') return cursor.finished ? names : null;
    if (!mechanismName.test(name)) return null;
    names.push(name);
  }
  return null;
}

/** The whole message. */
export function encodeSaslMechanisms(names: readonly string[]): Uint8Array {
  const list = new TextEncoder().encode(`${names.map((name) => `${name}\0`).join('')}\0`);
  const message = new Uint8Array(9 + list.length);
  const view = new DataView(message.buffer);
  view.setUint8(0, backendTag.Authentication);
  view.setInt32(1, 8 + list.length);
  view.setInt32(5, saslCode);
  message.set(list, 9);
  return message;
}

/** Transaction status: idle, in a transaction, in a failed transaction. */
export function readReadyForQuery(body: Uint8Array): 'I' | 'T' | 'E' | null {
  if (body.length !== 1) return null;
  const status = body[0];
  if (status === 0x49) return 'I';
  if (status === 0x54) return 'T';
  return status === 0x45 ? 'E' : null;
}

export interface Negotiation {
  /** Newest version the server speaks, `3.2`. */
  readonly protocol: string;
  /** `_pq_.` options the server does not know. */
  readonly unrecognized: string[];
}

/**
 * NegotiateProtocolVersion. The server sends the whole version (`SendNegotiateProtocolVersion`), not the
 * minor alone.
 */
export function readNegotiate(body: Uint8Array): Negotiation | null {
  const cursor = new Cursor(body);
  const version = cursor.uint32();
  const unrecognized: string[] = [];
  for (let left = cursor.uint32(); left > 0 && !cursor.failed; left -= 1) unrecognized.push(cursor.cstring());
  if (!cursor.finished) return null;
  return { protocol: `${version >>> 16}.${version & 0xffff}`, unrecognized };
}

/** The whole message. */
export function encodeNegotiate({ protocol, unrecognized }: Negotiation): Uint8Array {
  const [major = 0, minor = 0] = protocol.split('.').map(Number);
  const list = new TextEncoder().encode(unrecognized.map((name) => `${name}\0`).join(''));
  const message = new Uint8Array(13 + list.length);
  const view = new DataView(message.buffer);
  view.setUint8(0, backendTag.NegotiateProtocolVersion);
  view.setInt32(1, 12 + list.length);
  view.setInt32(5, (major << 16) | minor);
  view.setInt32(9, unrecognized.length);
  message.set(list, 13);
  return message;
}

export interface ColumnDescription {
  readonly name: string;
  readonly oid: number;
}

/** Column names and types of a result. */
export function readRowDescription(body: Uint8Array): ColumnDescription[] | null {
  const cursor = new Cursor(body);
  const columns: ColumnDescription[] = [];
  for (let left = cursor.uint16(); left > 0 && !cursor.failed; left -= 1) {
    const name = cursor.cstring();
    // Table OID, column number | type | type size, modifier, format.
    cursor.uint32();
    cursor.int16();
    const oid = cursor.uint32();
    cursor.int16();
    cursor.int32();
    cursor.int16();
    columns.push({ name, oid });
  }
  return cursor.finished ? columns : null;
}

export interface Notification {
  readonly pid: number;
  readonly channel: string;
  readonly payload: string;
}

/** NotificationResponse. */
export function readNotification(body: Uint8Array): Notification | null {
  const cursor = new Cursor(body);
  const pid = cursor.uint32();
  const channel = cursor.cstring();
  const payload = cursor.cstring();
  return cursor.finished ? { pid, channel, payload } : null;
}

export interface CopyResponse {
  readonly binary: boolean;
  /** Format of each column. */
  readonly formats: number[];
}

/** CopyInResponse, CopyOutResponse, CopyBothResponse. */
export function readCopyResponse(body: Uint8Array): CopyResponse | null {
  const cursor = new Cursor(body);
  const overall = cursor.uint8();
  const formats: number[] = [];
  for (let left = cursor.uint16(); left > 0 && !cursor.failed; left -= 1) formats.push(cursor.int16());
  return cursor.finished && overall <= 1 ? { binary: overall === 1, formats } : null;
}
