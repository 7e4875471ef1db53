/** Owns both directions of one session together: made at once, held and released together, raw together. */
import type { Socket } from 'node:net';
import { FrameCutter, type Side } from '@pgtape/wire';
import { hold, Pump } from './pump.ts';
import type { RelayContext } from './relayContext.ts';
import type { SessionJournal } from './sessionJournal.ts';

/** Why a session's bytes are relayed without being recorded; the same word in gap, record and metric. */
export type RawReason = 'tls_no_certificate' | 'raw_lane' | 'bad_framing';

export interface SessionSockets {
  readonly client: Socket;
  readonly server: Socket;
}

export class PumpPair {
  readonly toServer: Pump;
  readonly toClient: Pump;
  readonly #context: RelayContext;
  readonly #journal: SessionJournal;
  readonly #replication: boolean;
  #isRaw = false;

  /** @param replication a walsender's: the heads of its CopyData are journaled too */
  constructor(journal: SessionJournal, sockets: SessionSockets, replication: boolean, context: RelayContext) {
    this.#context = context;
    this.#replication = replication;
    this.#journal = journal;
    const client = this.#cutter('frontend');
    const server = this.#cutter('backend');
    journal.cutBy(client, server);
    this.toServer = this.#pump('frontend', client, sockets.client, sockets.server);
    this.toClient = this.#pump('backend', server, sockets.server, sockets.client);
  }

  /** `isExempt`: neither the backlog nor a full spool holds this session's client up. */
  hold(reason: number, isExempt: boolean): void {
    const isForClients = reason === hold.backlog || reason === hold.spool;
    if (!isForClients || !isExempt) this.toServer.hold(reason);
    // Answers are let through while the backlog shrinks: they end what has begun.
    if (!isForClients) this.toClient.hold(reason);
  }

  release(reason: number): void {
    this.toServer.release(reason);
    this.toClient.release(reason);
  }

  /** From here on nothing is recorded: a gap says so. */
  goRaw(reason: RawReason, detail: string): void {
    if (this.#isRaw) return;
    this.#isRaw = true;
    this.toServer.goRaw();
    this.toClient.goRaw();
    this.#journal.gap({ reason, detail });
    this.#context.turn.arm();
  }

  #cutter(side: Side): FrameCutter {
    return new FrameCutter(side, this.#context.inspectBytesMax, this.#journal.sink(side), this.#replication);
  }

  #pump(side: Side, cutter: FrameCutter, source: Socket, target: Socket): Pump {
    const { turn } = this.#context;
    return new Pump({
      source,
      target,
      turn,
      journal: this.#journal,
      cutter,
      onBroken: () => this.goRaw('bad_framing', `of the ${side} stream`),
    });
  }
}
