/**
 * Owns the sessions of one recorder and what concerns them all: who is held back when the journal fails or
 * its backlog is too long, how many there may be, and their orderly end. Knows no sockets but to hand them
 * over.
 */
import type { Socket } from 'node:net';
import { CancelTargets } from './cancelTargets.ts';
import { Gauges } from './gauges.ts';
import type { JournalWriter } from './journalWriter.ts';
import { hold } from './pump.ts';
import type { RawLanes } from './rawLanes.ts';
import type { RelayContext } from './relayContext.ts';
import { RelaySession } from './relaySession.ts';
import { RelayTurn } from './relayTurn.ts';
import type { StartupPlan } from './sessionStartup.ts';
import type { TlsMaterial } from './tlsFiles.ts';
import type { UpstreamAddress } from './upstream.ts';

export interface RelayOptions {
  readonly journal: JournalWriter;
  readonly upstream: UpstreamAddress;
  readonly tls: () => TlsMaterial;
  readonly upstreamTls: StartupPlan['upstream'];
  readonly dropChannelBinding: boolean;
  readonly rawLanes: RawLanes;
  readonly trustUpstream: boolean;
  readonly inspectBytesMax: number;
  readonly startupMs: number;
  readonly sessionsMax: number;
  readonly startupsMax: number;
  /** Absent, ten seconds. */
  readonly cancelMs?: number;
  /** Read accepted connections in place: inPlace.ts. */
  readonly rewrapAccepted: boolean;
  /** Backlog at which clients are no longer read; they are again below half of it. */
  readonly backlogBytesMax: number;
  /** Journaled bytes whose segments are not sealed yet. */
  readonly backlogBytes: () => number;
  readonly monoMs: () => number;
  /** For the log: one line when it begins, one when it is over. */
  readonly onTrouble: (what: string, detail: string) => void;
}

/**
 * libuv takes 1,024 events from the kernel at a time; with fewer sockets none can be read twice in one poll.
 */
const crowdedSessions = 400;
/** The server answers a cancel request by closing, at once; one that takes this long hangs. */
const cancelMs = 10_000;

export class Relay implements RelayContext {
  readonly upstream: UpstreamAddress;
  readonly upstreamTls: StartupPlan['upstream'];
  readonly dropChannelBinding: boolean;
  readonly rawLanes: RawLanes;
  readonly cancelTargets = new CancelTargets();
  readonly trustUpstream: boolean;
  readonly inspectBytesMax: number;
  readonly startupMs: number;
  readonly sessionsMax: number;
  readonly cancelMs: number;
  readonly cancelsMax: number;
  readonly rewrapAccepted: boolean;
  readonly journal: JournalWriter;
  readonly turn: RelayTurn;
  readonly gauges = new Gauges();
  sessionsOpen = 0;
  cancelsOpen = 0;
  isBacklogged = false;
  isCrowded = false;
  readonly #options: RelayOptions;
  readonly #sessions = new Set<RelaySession>();
  readonly #told = new Set<string>();
  readonly #onSessionClosed = (session: RelaySession): void => {
    this.#sessions.delete(session);
    this.isCrowded = this.#sessions.size > crowdedSessions;
  };

  constructor(options: RelayOptions) {
    this.#options = options;
    this.upstream = options.upstream;
    this.upstreamTls = options.upstreamTls;
    this.dropChannelBinding = options.dropChannelBinding;
    this.rawLanes = options.rawLanes;
    this.trustUpstream = options.trustUpstream;
    this.inspectBytesMax = options.inspectBytesMax;
    this.startupMs = options.startupMs;
    this.sessionsMax = options.sessionsMax;
    this.cancelMs = options.cancelMs ?? cancelMs;
    this.cancelsMax = options.startupsMax;
    this.rewrapAccepted = options.rewrapAccepted;
    this.journal = options.journal;
    this.turn = new RelayTurn(options.journal, {
      onFailure: (error) => this.#journalFailed(error),
      onRecovery: (error, lostMs) => this.#journalRecovers(error, lostMs),
      onRecovered: () => {
        for (const session of this.#sessions) session.release(hold.journal);
        this.#resumeGauge();
      },
      onFlushed: () => this.checkBacklog(),
    });
  }

  get tls(): TlsMaterial {
    return this.#options.tls();
  }

  get bytesFromClients(): number {
    let bytes = this.gauges.bytesFromClients;
    for (const session of this.#sessions) bytes += session.bytesFromClient;
    return bytes;
  }

  get bytesFromServer(): number {
    let bytes = this.gauges.bytesFromServer;
    for (const session of this.#sessions) bytes += session.bytesFromServer;
    return bytes;
  }

  get pausedSeconds(): number {
    return this.gauges.pausedSeconds(this.#options.monoMs());
  }

  nextSession(): number {
    this.gauges.sessionsTotal += 1;
    return this.gauges.sessionsTotal;
  }

  tellOnce(event: string, detail: string): void {
    if (this.#told.has(event)) return;
    this.#told.add(event);
    this.#options.onTrouble(event, detail);
  }

  accept(client: Socket): void {
    const startups = this.#sessions.size - this.sessionsOpen - this.cancelsOpen;
    if (startups >= this.#options.startupsMax) {
      this.gauges.countRefused('startups_max');
      client.destroy();
      return;
    }
    this.#sessions.add(new RelaySession(client, this, this.#onSessionClosed));
    this.isCrowded = this.#sessions.size > crowdedSessions;
  }

  /**
   * Holds clients back while the evidence worker is too far behind; called after each turn and each second.
   */
  checkBacklog(): void {
    const backlog = this.#options.backlogBytes();
    const { backlogBytesMax } = this.#options;
    if (!this.isBacklogged && backlog > backlogBytesMax) {
      this.isBacklogged = true;
      this.gauges.pause(this.#options.monoMs());
      this.#options.onTrouble(
        'backlog',
        `${backlog} bytes of journal are not sealed yet: clients are not read`,
      );
      for (const session of this.#sessions) session.hold(hold.backlog);
    } else if (this.isBacklogged && backlog < backlogBytesMax / 2) {
      this.isBacklogged = false;
      this.#resumeGauge();
      this.#options.onTrouble('backlog_over', 'the evidence worker has caught up: clients are read again');
      for (const session of this.#sessions) session.release(hold.backlog);
    }
  }

  /** Journals a close entry for each open session and destroys its sockets. */
  stop(): void {
    for (const session of [...this.#sessions]) session.stop();
  }

  #journalFailed(error: NodeJS.ErrnoException): void {
    this.gauges.pause(this.#options.monoMs());
    this.#options.onTrouble(
      'journal_full',
      `the journal cannot be written (${error.code}): all traffic waits`,
    );
    for (const session of this.#sessions) session.hold(hold.journal);
  }

  #journalRecovers(error: NodeJS.ErrnoException, lostMs: number): void {
    const time = `${Math.round(lostMs)} ms`;
    const detail = `the journal could not be written (${error.code}) for ${time}; all traffic waited`;
    this.journal.gap(0, { reason: 'journal_full', detail });
    this.gauges.countGap('journal_full');
    this.#options.onTrouble('journal_over', detail);
  }

  #resumeGauge(): void {
    if (!this.isBacklogged && !this.turn.isFailing) this.gauges.resume(this.#options.monoMs());
  }
}
