/**
 * Owns what the opening of a session does to its two directions: what the client said too early waits, names
 * are journaled, the cancel key is remembered. What may pass is SessionOpening's.
 */
import { readStartup } from '@pgtape/wire';
import { type Binding, isServerTls, tellOfBinding } from './channelBinding.ts';
import { askedOf, clampedStartup } from './negotiation.ts';
import { hold } from './pump.ts';
import type { PumpPair } from './pumpPair.ts';
import type { RefusalReason } from './refusal.ts';
import type { RelayContext } from './relayContext.ts';
import type { SessionJournal } from './sessionJournal.ts';
import { type OpeningHost, SessionOpening } from './sessionOpening.ts';
import { asksForReplication } from './sessionStartup.ts';

/** The session whose opening this is. */
export interface OpeningSession {
  readonly journal: SessionJournal;
  /** Bytes of the client, allowed to pass. */
  toServer(bytes: Buffer): void;
  /** The server's leg begins anew with `packet` in place of the client's own; `residue` came behind that. */
  askAgain(packet: Buffer, own: Buffer, residue: Buffer): void;
  refuse(reason: RefusalReason): void;
}

export interface OpeningFacts {
  /** The client's StartupMessage, as it was sent. */
  readonly packet: Buffer;
  readonly isClamped: boolean;
  readonly binding: Binding;
}

const empty = Buffer.alloc(0);

export class OpeningLegs implements OpeningHost {
  readonly #session: OpeningSession;
  readonly #context: RelayContext;
  readonly #pumps: PumpPair;
  readonly #facts: OpeningFacts;
  readonly #opening: SessionOpening;
  /** Came behind the StartupMessage. */
  #residue: Buffer = empty;

  constructor(session: OpeningSession, context: RelayContext, pumps: PumpPair, facts: OpeningFacts) {
    this.#session = session;
    this.#context = context;
    this.#pumps = pumps;
    this.#facts = facts;
    const { trustUpstream, dropChannelBinding } = context;
    const { packet, isClamped, binding } = facts;
    const asked = askedOf(packet);
    this.#opening = new SessionOpening(
      { trustUpstream, binding, dropChannelBinding, asked, isClamped },
      this,
    );
  }

  /** With what came behind the StartupMessage; it waits until the server has asked for proof. */
  begin(residue: Buffer): void {
    if (!this.#opening.mustWait) this.fromClient(residue);
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
    if (this.#opening.isUnanswered) tellOfBinding(this.#facts.binding, this.#context);
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
    this.#session.journal.mechanism({ chosen });
    this.#context.turn.arm();
  }

  keyed(pid: number, key: Buffer): void {
    const { number } = this.#session.journal;
    const isServerSecured = isServerTls(this.#facts.binding);
    const { cancelTargets, backends } = this.#context;
    cancelTargets.add(pid, key, { number, isServerSecured });
    const startup = readStartup(this.#facts.packet);
    if (startup.kind !== 'startup') return;
    const { database, user } = startup.parameters;
    // As the server has it: a database that is not named is the user's.
    backends.keyed(number, pid, database || (user ?? ''), asksForReplication(startup.parameters));
  }

  clamp(): void {
    const detail =
      'the database speaks a newer protocol than this recorder: sessions are held to version 3.2 without options';
    this.#context.tellOnce('protocol_clamped', detail);
    const { packet } = this.#facts;
    this.#session.askAgain(Buffer.from(clampedStartup(packet)), packet, this.#residue);
  }

  refuse(reason: RefusalReason): void {
    this.#session.refuse(reason);
  }
}
