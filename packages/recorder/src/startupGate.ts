/**
 * Owns the untyped packets before a session: collects each whole, however it is split, and bounds it. Knows
 * no sockets.
 */
import { startupPacketBytes } from '@pgtape/wire';

/** What lies in the gate: one whole packet, not enough yet, or bytes that are no startup packet. */
export type GateTake =
  | { readonly kind: 'packet'; readonly packet: Buffer }
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly reason: 'direct_tls' | 'startup_length' };

/** First byte of a TLS record: a client that opens TLS without asking (PostgreSQL 17's direct TLS). */
const tlsHandshake = 0x16;
const more: GateTake = { kind: 'more' };
const empty = Buffer.alloc(0);

export class StartupGate {
  #held: Buffer = empty;

  push(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
  }

  /** Bytes behind the packets taken so far. */
  get residueBytes(): number {
    return this.#held.length;
  }

  /** All bytes behind the packets taken so far; the gate is empty then. */
  drain(): Buffer {
    const rest = this.#held;
    this.#held = empty;
    return rest;
  }

  take(): GateTake {
    const held = this.#held;
    if (held[0] === tlsHandshake) return { kind: 'bad', reason: 'direct_tls' };
    const bytes = startupPacketBytes(held);
    if (bytes === 'bad') return { kind: 'bad', reason: 'startup_length' };
    if (bytes === null || held.length < bytes) return more;
    this.#held = held.subarray(bytes);
    return { kind: 'packet', packet: held.subarray(0, bytes) };
  }
}
