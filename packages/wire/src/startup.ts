/**
 * Owns the untyped packets that open a connection: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest.
 * Mirrors `ProcessStartupPacket` of `src/backend/tcop/backend_startup.c`; knows nothing of what follows
 * them.
 */
import { Cursor } from './cursor.ts';

export type StartupPacket =
  | { readonly kind: 'ssl_request' }
  | { readonly kind: 'gssenc_request' }
  | { readonly kind: 'cancel_request'; readonly pid: number }
  | {
      readonly kind: 'startup';
      /** `3.0`, `3.2`. */
      readonly protocol: string;
      readonly major: number;
      readonly minor: number;
      /** In the order of the packet; of a key sent twice the last value, as the server takes it. */
      readonly parameters: Record<string, string>;
    }
  /**
   * A version or request code this server generation does not know; the server answers with a FATAL error.
   */
  | { readonly kind: 'unsupported'; readonly code: number }
  | { readonly kind: 'malformed'; readonly reason: 'short' | 'length' | 'cancel' | 'terminator' };

/** Codes of `src/include/libpq/pqcomm.h`: 1234 << 16 | 5678 and the next ones. */
const cancelRequestCode = 80_877_102;
const sslRequestCode = 80_877_103;
const gssencRequestCode = 80_877_104;
const supportedMajor = 3;

/** Length field and code. */
const fixedBytes = 8;
/** `MAX_STARTUP_PACKET_LENGTH` of the same file, without the length field's own four bytes. */
const bodyBytesMax = 10_000;
/** First byte of a TLS record that carries a ClientHello. */
const tlsHandshake = 0x16;

/**
 * Total length in bytes of the packet that begins with `head`; null while more bytes are needed to tell.
 * `bad`: direct TLS or a length the server would refuse; told from the first byte that proves it.
 */
export function startupPacketBytes(head: Uint8Array): number | null | 'bad' {
  if (head.length === 0) return null;
  if (head[0] === tlsHandshake || head[0] !== 0) return 'bad';
  if (head.length < 4) return head.length > 1 && head[1] !== 0 ? 'bad' : null;
  const length = (head[1]! << 16) | (head[2]! << 8) | head[3]!;
  return length < fixedBytes || length > bodyBytesMax + 4 ? 'bad' : length;
}

/**
 * Reads one whole untyped packet, its length field included. Of a CancelRequest the first 12 bytes are
 * enough, so that it can be read after its key was dropped.
 */
export function readStartup(packet: Uint8Array): StartupPacket {
  const cursor = new Cursor(packet);
  const length = cursor.int32();
  const code = cursor.int32();
  if (cursor.failed) return { kind: 'malformed', reason: 'short' };
  if (code === cancelRequestCode) {
    const pid = cursor.uint32();
    return cursor.failed ? { kind: 'malformed', reason: 'cancel' } : { kind: 'cancel_request', pid };
  }
  if (length !== packet.length || length > bodyBytesMax + 4) return { kind: 'malformed', reason: 'length' };
  if (code === sslRequestCode) return { kind: 'ssl_request' };
  if (code === gssencRequestCode) return { kind: 'gssenc_request' };
  const major = code >>> 16;
  const minor = code & 0xffff;
  if (major !== supportedMajor) return { kind: 'unsupported', code: code >>> 0 };
  const parameters = readParameters(cursor);
  if (parameters === null) return { kind: 'malformed', reason: 'terminator' };
  return { kind: 'startup', protocol: `${major}.${minor}`, major, minor, parameters };
}

/** A StartupMessage of protocol 3. */
export function encodeStartup(minor: number, parameters: readonly (readonly [string, string])[]): Uint8Array {
  const text = parameters.map(([name, value]) => `${name}\0${value}\0`).join('');
  const body = new TextEncoder().encode(`${text}\0`);
  const packet = new Uint8Array(fixedBytes + body.length);
  const view = new DataView(packet.buffer);
  view.setInt32(0, packet.length);
  view.setInt32(4, (supportedMajor << 16) | minor);
  packet.set(body, fixedBytes);
  return packet;
}

/** Pairs of strings; the byte after the last pair must be zero and the packet's last. */
function readParameters(cursor: Cursor): Record<string, string> | null {
  const parameters = new Map<string, string>();
  while (!cursor.failed) {
    const name = cursor.cstring();
    // fromEntries defines properties: a parameter named __proto__ stays a parameter.
    if (name === '') return cursor.finished ? Object.fromEntries(parameters) : null;
    parameters.set(name, cursor.cstring());
  }
  return null;
}
