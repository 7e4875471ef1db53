/**
 * Owns what the opening of a session does to its two directions: what the client said too early waits, names
 * are journaled, the cancel key is remembered. What may pass is SessionOpening's.
 */
import { type Binding, tellOfBinding } from './channelBinding.ts';
import { hold } from './pump.ts';
import type { PumpPair } from './pumpPair.ts';
import type { RefusalReason } from './refusal.ts';
import type { CancelTarget, RelayContext } from './relayContext.ts';
import { type OpeningHost, SessionOpening } from './sessionOpening.ts';

/** The session whose opening this is. */
export interface OpeningSession extends CancelTarget {
  /** Bytes of the client, allowed to pass. */
  toServer(bytes: Buffer): void;
  refuse(reason: RefusalReason): void;
}

const empty = Buffer.alloc(0);

export class OpeningLegs implements OpeningHost {
  readonly #session: OpeningSession;
  readonly #context: RelayContext;
  readonly #pumps: PumpPair;
  readonly #binding: Binding;
  readonly #opening: SessionOpening;
  /** Came behind the StartupMessage. */
  #residue: Buffer = empty;

  constructor(session: OpeningSession, context: RelayContext, pumps: PumpPair, binding: Binding) {
    this.#session = session;
    this.#context = context;
    this.#pumps = pumps;
    this.#binding = binding;
    const { trustUpstream, dropChannelBinding } = context;
    this.#opening = new SessionOpening({ trustUpstream, binding, dropChannelBinding }, this);
  }

  /** With what came behind the StartupMessage; it waits until the server has asked for proof. */
  begin(residue: Buffer): void {
    if (this.#context.trustUpstream) this.fromClient(residue);
    else {
      this.#residue = residue;
      this.#pumps.toServer.hold(hold.authentication);
    }
  }

  /** @returns false once it is over: what comes then is none of its business */
  fromServer(chunk: Buffer): boolean {
    return this.#opening.fromServer(chunk);
  }

  fromClient(chunk: Buffer): void {
    const bytes = this.#opening.fromClient(chunk);
    if (bytes.length > 0) this.#session.toServer(bytes);
  }

  /** The client has ended. */
  clientEnded(): void {
    if (this.#opening.isUnanswered) tellOfBinding(this.#binding, this.#context);
  }

  /** The server has ended: what was held back of it. */
  serverEnded(): void {
    const rest = this.#opening.drain();
    if (rest.length > 0) this.toClient(rest);
  }

  // What the opening asks for.

  toClient(bytes: Buffer): void {
    this.#pumps.toClient.take(bytes, false);
  }

  letSpeak(): void {
    const residue = this.#residue;
    this.#residue = empty;
    this.fromClient(residue);
    this.#pumps.toServer.release(hold.authentication);
  }

  chose(chosen: string): void {
    this.#context.journal.mechanism(this.#session.number, { chosen });
    this.#context.turn.arm();
  }

  keyed(pid: number, key: Buffer): void {
    this.#context.cancelTargets.add(pid, key, this.#session);
  }

  refuse(reason: RefusalReason): void {
    this.#session.refuse(reason);
  }
}
