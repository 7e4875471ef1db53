/** Owns both directions of one session together: made at once, held and released together, raw together. */
import type { Socket } from 'node:net';
import { FrameCutter, type Side } from '@pgtape/wire';
import { hold, journalSink, Pump } from './pump.ts';
import type { RelayContext } from './relayContext.ts';

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
  readonly #session: number;
  readonly #replication: boolean;
  #isRaw = false;

  /** @param replication a walsender's: the heads of its CopyData are journaled too */
  constructor(session: number, sockets: SessionSockets, replication: boolean, context: RelayContext) {
    this.#context = context;
    this.#replication = replication;
    this.#session = session;
    this.toServer = this.#pump('frontend', sockets.client, sockets.server);
    this.toClient = this.#pump('backend', sockets.server, sockets.client);
  }

  /** `isExempt`: the backlog does not hold this session's client up. */
  hold(reason: number, isExempt: boolean): void {
    if (reason !== hold.backlog || !isExempt) this.toServer.hold(reason);
    // Answers are let through while the backlog shrinks: they end what has begun.
    if (reason !== hold.backlog) this.toClient.hold(reason);
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
    this.#context.journal.gap(this.#session, { reason, detail });
    this.#context.gauges.countGap(reason);
    this.#context.turn.arm();
  }

  #pump(side: Side, source: Socket, target: Socket): Pump {
    const { turn, journal, inspectBytesMax } = this.#context;
    const sink = journalSink(journal, side, this.#session);
    return new Pump({
      source,
      target,
      turn,
      cutter: new FrameCutter(side, inspectBytesMax, sink, this.#replication),
      onBroken: () => this.goRaw('bad_framing', `of the ${side} stream`),
    });
  }
}
