/**
 * Owns what the startup of a connection does to its two legs: what is sent waits for the journal (R1), and
 * it has a time limit. Which packet may come when is SessionStartup's; what a session is, RelaySession's.
 */
import type { Leg } from './leg.ts';
import type { RawReason } from './pumpPair.ts';
import type { RefusalReason } from './refusal.ts';
import type { RelayContext } from './relayContext.ts';
import { SessionStartup, type StartupHost } from './sessionStartup.ts';

/** The session whose startup this is. */
export interface StartingSession {
  /** In the reel. */
  readonly number: number;
  /** Refused or over. */
  readonly isDeaf: boolean;
  readonly client: Leg;
  /** Connects first where that has not happened. */
  server(): Leg;
  /** Before the pumps are there, or with them. */
  sendToClient(bytes: Buffer): void;
  begin(packet: Buffer, exempt: boolean): void;
  cancel(packet: Buffer): void;
  splice(reason: RawReason, detail: string): void;
  refuse(reason: RefusalReason, detail?: string): void;
}

export class StartupLegs implements StartupHost {
  readonly trustUpstream: boolean;
  readonly #session: StartingSession;
  readonly #context: RelayContext;
  readonly #startup: SessionStartup;
  readonly #timer: NodeJS.Timeout;
  /** Bytes of the client, behind the last packet as well. */
  bytes = 0;

  constructor(session: StartingSession, context: RelayContext) {
    this.#session = session;
    this.#context = context;
    this.trustUpstream = context.trustUpstream;
    this.#startup = new SessionStartup(this);
    this.#timer = setTimeout(() => session.refuse('startup_timeout'), context.startupMs);
  }

  fromClient(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#startup.fromClient(chunk);
  }

  fromServer(chunk: Buffer): void {
    this.#startup.fromServer(chunk);
  }

  /** Bytes that came behind the last packet; they belong to the session that follows. */
  residue(): Buffer {
    const residue = this.#startup.residue();
    this.bytes -= residue.length;
    return residue;
  }

  /** It took no longer than it may. */
  stopTimer(): void {
    clearTimeout(this.#timer);
  }

  // What the startup asks for.

  record(packet: Buffer): void {
    this.#context.journal.startup(this.#session.number, packet);
    this.#context.turn.arm();
  }

  sendToClient(bytes: Buffer): void {
    this.#session.sendToClient(bytes);
  }

  sendToServer(bytes: Buffer): void {
    const session = this.#session;
    this.#context.turn.after(() => {
      if (!session.isDeaf) session.server().write(bytes);
    });
  }

  begin(packet: Buffer, exempt: boolean): void {
    this.#session.begin(packet, exempt);
  }

  cancel(packet: Buffer): void {
    this.#session.cancel(packet);
  }

  splice(reason: RawReason, detail: string): void {
    this.#session.splice(reason, detail);
  }

  refuse(reason: RefusalReason): void {
    this.#session.refuse(reason);
  }
}
