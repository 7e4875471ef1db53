/**
 * Owns what becomes of a StartupMessage that asks for more than the decoder knows: a protocol newer than 3.2,
 * or `_pq_.` options. Nothing, as long as the server turns it down itself (NegotiateProtocolVersion); where it
 * would accept, the session is asked for again with less. Knows no sockets.
 */
import { encodeNegotiate, encodeStartup, type Negotiation, readStartup } from '@pgtape/wire';

/** Newest minor version of protocol 3 whose messages the decoder knows. */
const knownMinor = 2;
const optionPrefix = '_pq_.';

export interface Asked {
  readonly minor: number;
  /** Names of its `_pq_.` options, none of which the decoder knows. */
  readonly options: readonly string[];
}

/** What of a packet has to be negotiated; null: nothing. */
export function askedOf(packet: Uint8Array): Asked | null {
  const startup = readStartup(packet);
  if (startup.kind !== 'startup') return null;
  const options = Object.keys(startup.parameters).filter((name) => name.startsWith(optionPrefix));
  return startup.minor <= knownMinor && options.length === 0 ? null : { minor: startup.minor, options };
}

/** Whether the decoder knows what the server agreed to; it says nothing (null) where it accepts all of it. */
export function isKnown(asked: Asked, answer: Negotiation | null): boolean {
  if (answer === null) return false;
  const minor = Number(/^3\.(\d+)$/.exec(answer.protocol)?.[1] ?? Number.NaN);
  return minor <= knownMinor && asked.options.every((name) => answer.unrecognized.includes(name));
}

/** The same without what the decoder does not know. */
export function clampedStartup(packet: Uint8Array): Uint8Array {
  const startup = readStartup(packet);
  if (startup.kind !== 'startup') return packet;
  const kept = Object.entries(startup.parameters).filter(([name]) => !name.startsWith(optionPrefix));
  return encodeStartup(Math.min(startup.minor, knownMinor), kept);
}

/** NegotiateProtocolVersion as the client has to get it, once the server has answered the smaller question. */
export function clampedAnswer(asked: Asked, answer: Negotiation | null): Uint8Array {
  const protocol = answer?.protocol ?? `3.${Math.min(asked.minor, knownMinor)}`;
  const further = (answer?.unrecognized ?? []).filter((name) => !asked.options.includes(name));
  return encodeNegotiate({ protocol, unrecognized: [...asked.options, ...further] });
}
