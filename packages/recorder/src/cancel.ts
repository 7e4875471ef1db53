/**
 * Owns what is particular about a CancelRequest: its key never reaches the journal, and it waits for nobody.
 */
import type { Leg } from './leg.ts';
import type { RelayTurn } from './relayTurn.ts';

/** Length, code and pid; the key follows (4 bytes, up to 256 since protocol 3.2). */
const withoutKeyBytes = 12;

/** What of the packet may be journaled. */
export function withoutCancelKey(packet: Buffer): Buffer {
  return packet.subarray(0, withoutKeyBytes);
}

/**
 * Forwards the packet as received. The server acts on it, says nothing and closes; only then may the client
 * be closed, because libpq waits for exactly that. A journal that cannot be written does not hold it up
 * (research: protocol 1.7).
 */
export function forwardCancel(packet: Buffer, upstream: Leg, turn: RelayTurn): void {
  turn.run();
  upstream.write(packet);
}
