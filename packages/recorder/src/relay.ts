/**
 * Owns the sessions of one recorder and what concerns them all: who is held back when the journal fails or
 * its backlog is too long, how many there may be, and their orderly end. Knows no sockets but to hand them
 * over.
 */
import type { Socket } from 'node:net';
import { AcceptedRing } from './acceptedRing.ts';
import { BackendBook } from './backendBook.ts';
import { CancelTargets } from './cancelTargets.ts';
import { Gauges } from './gauges.ts';
import type { JournalWriter } from './journalWriter.ts';
import type { RawLanes } from './rawLanes.ts';
import type { RelayContext } from './relayContext.ts';
import { RelaySession } from './relaySession.ts';
import type { RelaySettings } from './relaySettings.ts';
import { RelayTurn } from './relayTurn.ts';
import type { StartupPlan } from './sessionStartup.ts';
import type { FullReason, OnFull } from './spoolLevel.ts';
import { boundless, type SpoolView, SpoolWatch } from './spoolWatch.ts';
import type { TlsMaterial } from './tlsFiles.ts';
import type { Unrecorded } from './unrecorded.ts';
import type { UpstreamAddress } from './upstream.ts';

export interface RelayOptions extends Omit<RelaySettings, 'onFull'> {
  /** Absent, `pause`. */
  readonly onFull?: OnFull;
  readonly journal: JournalWriter;
  readonly upstream: UpstreamAddress;
  readonly tls: () => TlsMaterial;
  readonly inspectBytesMax: number;
  /** Absent, ten seconds. */
  readonly cancelMs?: number;
  /** Read accepted connections in place: inPlace.ts. */
  readonly rewrapAccepted: boolean;
  /** Backlog at which clients are no longer read; they are again below half of it. */
  readonly backlogBytesMax: number;
  /** Journaled bytes whose segments are not sealed yet. */
  readonly backlogBytes: () => number;
  /** Absent, the spool is without bound. */
  readonly spool?: SpoolView;
  readonly monoMs: () => number;
  /** For the log: one line when it begins, one when it is over. */
  readonly onTrouble: (what: string, detail: string) => void;
  readonly onServerCertificate?: (leaf: Uint8Array) => void;
}

/**
 * libuv takes 1,024 events from the kernel at a time; with fewer sockets none can be read twice in one poll.
 */
const crowdedSessions = 400;
/** The server answers a cancel request by closing, at once; one that takes this long hangs. */
const cancelMs = 10_000;

export class Relay implements RelayContext {
  readonly upstream: UpstreamAddress;
  upstreamTls: StartupPlan['upstream'];
  dropChannelBinding: boolean;
  rawLanes: RawLanes;
  readonly cancelTargets = new CancelTargets();
  readonly accepted = new AcceptedRing();
  readonly backends = new BackendBook(Date.now);
  trustUpstream: boolean;
  readonly inspectBytesMax: number;
  startupMs: number;
  sessionsMax: number;
  readonly cancelMs: number;
  cancelsMax: number;
  readonly rewrapAccepted: boolean;
  readonly journal: JournalWriter;
  readonly turn: RelayTurn;
  readonly gauges = new Gauges();
  sessionsOpen = 0;
  cancelsOpen = 0;
  onFull: OnFull;
  readonly monoMs: () => number;
  isCrowded = false;
  readonly #options: RelayOptions;
  readonly #watch: SpoolWatch;
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
    this.onFull = options.onFull ?? 'pause';
    this.monoMs = options.monoMs;
    this.turn = new RelayTurn(options.journal, {
      onFailure: (error) => this.#watch.journalFailed(error),
      onRecovery: (error, lostMs) => this.#watch.journalRecovers(error, lostMs),
      onRecovered: () => this.#watch.journalRecovered(),
      onFlushed: () => this.#watch.check(),
    });
    const { journal, backlogBytes, monoMs, onTrouble, spool = boundless } = options;
    this.#watch = new SpoolWatch({
      ...{ journal, backlogBytes, monoMs, onTrouble, spool },
      gauges: this.gauges,
      turn: this.turn,
      sessions: this.#sessions,
      onFull: () => this.onFull,
      backlogBytesMax: () => options.backlogBytesMax,
    });
  }

  get tls(): TlsMaterial {
    return this.#options.tls();
  }

  get full(): FullReason | null {
    return this.#watch.full;
  }

  get unrecorded(): Unrecorded {
    return this.#watch.unrecorded;
  }

  get isBacklogged(): boolean {
    return this.#watch.isBacklogged;
  }

  get isSpoolWaiting(): boolean {
    return this.#watch.isWaiting;
  }

  /** Sessions that pass unrecorded at the moment. */
  get sessionsPassing(): number {
    let count = 0;
    for (const { journal } of this.#sessions) if (journal.isPassing) count += 1;
    return count;
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

  onServerCertificate(leaf: Uint8Array): void {
    this.#options.onServerCertificate?.(leaf);
  }

  /** For sessions that come from here on; a full spool does at once what it says. */
  adopt(settings: RelaySettings): void {
    const { onFull, startupsMax } = settings;
    this.upstreamTls = settings.upstreamTls;
    this.dropChannelBinding = settings.dropChannelBinding;
    this.rawLanes = settings.rawLanes;
    this.trustUpstream = settings.trustUpstream;
    this.startupMs = settings.startupMs;
    this.sessionsMax = settings.sessionsMax;
    this.cancelsMax = startupsMax;
    if (onFull === this.onFull) return;
    this.onFull = onFull;
    this.#watch.policyChanged();
  }

  accept(client: Socket): void {
    this.accepted.add(client.remoteAddress, client.remotePort);
    const startups = this.#sessions.size - this.sessionsOpen - this.cancelsOpen;
    // As many as cancel requests.
    if (startups >= this.cancelsMax) {
      this.gauges.countRefused('startups_max');
      client.destroy();
      return;
    }
    this.#sessions.add(new RelaySession(client, this, this.#onSessionClosed));
    this.isCrowded = this.#sessions.size > crowdedSessions;
  }

  gapTold(): void {
    this.#watch.gapTold();
  }

  /** Once a second: what is to be done though no traffic comes. */
  tick(): void {
    if (!this.turn.isFailing) this.#watch.tell();
    this.#watch.check();
  }

  /** Journals a close entry for each open session and destroys its sockets. */
  stop(): void {
    for (const session of [...this.#sessions]) session.stop();
    this.#watch.stop();
  }
}
