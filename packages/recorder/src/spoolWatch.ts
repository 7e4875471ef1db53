/**
 * Owns what a journal that is behind and a spool that fills up do to the sessions of one relay: who waits, who is turned away, who passes
 * unrecorded, and what of that the journal is told when there is room again. Knows no sockets.
 */
import type { Gauges } from './gauges.ts';
import type { PassedEntry } from './journalFormat.ts';
import type { JournalWriter } from './journalWriter.ts';
import { hold } from './pump.ts';
import type { RelayTurn } from './relayTurn.ts';
import type { SessionJournal } from './sessionJournal.ts';
import { type FullReason, type OnFull, SpoolLevel } from './spoolLevel.ts';
import { Unrecorded } from './unrecorded.ts';

/** The spool as the relay sees it. */
export interface SpoolView {
  /** Journal and outbox together; see SpoolBounds. */
  readonly maxBytes: number;
  readonly highWater: number;
  readonly lowWater: number;
  readonly outboxBytes: () => number;
  readonly isOutboxFailing: () => boolean;
}

/** A session as far as a full spool concerns it. */
export interface WatchedSession {
  readonly journal: SessionJournal;
  hold(reason: number): void;
  release(reason: number): void;
  /** Nothing more of it is recorded, where that is how it is to be. */
  pass(reason: FullReason): void;
}

export interface WatchOptions {
  readonly journal: JournalWriter;
  readonly gauges: Gauges;
  readonly turn: RelayTurn;
  readonly sessions: ReadonlySet<WatchedSession>;
  readonly onFull: () => OnFull;
  readonly spool: SpoolView;
  readonly backlogBytesMax: () => number;
  readonly backlogBytes: () => number;
  readonly monoMs: () => number;
  readonly onTrouble: (what: string, detail: string) => void;
}

export const boundless: SpoolView = {
  maxBytes: Number.POSITIVE_INFINITY,
  highWater: 1,
  lowWater: 1,
  outboxBytes: () => 0,
  isOutboxFailing: () => false,
};

const sentences: Readonly<Record<OnFull, string>> = {
  pause: 'clients are not read until there is room',
  refuse: 'new sessions are refused until there is room',
  pass: 'sessions are relayed unrecorded until there is room',
};

export class SpoolWatch {
  /** Too much journal waits to be sealed: clients are not read. */
  isBacklogged = false;
  /** Clients wait for room. */
  isWaiting = false;
  readonly unrecorded = new Unrecorded();
  readonly #options: WatchOptions;
  readonly #level = new SpoolLevel();
  #isToldFull = false;
  /** Many gaps are told at once; what then still waits is told behind them. */
  #isTelling = false;
  #sealed = -1;
  #sealedMs = 0;
  /** What the journal was last told of what passed. */
  #tally = '';

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  get full(): FullReason | null {
    return this.#level.reason;
  }

  /** Called after each turn and each second. */
  check(): void {
    const { spool, turn, journal, backlogBytes, monoMs } = this.#options;
    const onFull = this.#options.onFull();
    const journalBytes = backlogBytes();
    const backlogMax = this.#options.backlogBytesMax();
    const outboxBytes = spool.outboxBytes();
    const isOver = journalBytes >= backlogMax;
    const { full } = this;
    const isClose = isOver || journalBytes + outboxBytes >= spool.maxBytes * spool.highWater;
    if (!isClose && full === null && !turn.isFailing) {
      if (this.isBacklogged) this.#checkBacklog(journalBytes, backlogMax);
      return;
    }
    const sealed = journal.journaledBytes - journalBytes;
    const nowMs = monoMs();
    if (sealed !== this.#sealed || !isOver) this.#sealedMs = nowMs;
    this.#sealed = sealed;
    const changed = this.#level.read(
      { ...spool, journalBytes: backlogMax },
      {
        ...{ journalBytes, outboxBytes },
        isJournalFailing: turn.isFailing,
        isOutboxFailing: spool.isOutboxFailing(),
        unsealedMs: nowMs - this.#sealedMs,
      },
    );
    if (changed) this.#changed();
    this.#checkBacklog(journalBytes, backlogMax);
    if (this.full === null || onFull !== 'refuse' || journalBytes + outboxBytes < spool.maxBytes) return;
    this.#wait();
  }

  /** The spool may be full, and clients are treated otherwise from here on. */
  policyChanged(): void {
    if (this.full === null) return;
    this.isWaiting = false;
    for (const session of this.#options.sessions) session.release(hold.spool);
    this.#resumeGauge();
    this.#changed();
  }

  journalFailed(error: NodeJS.ErrnoException): void {
    const { onTrouble, sessions } = this.#options;
    const onFull = this.#options.onFull();
    const what = onFull === 'pass' ? 'sessions are relayed unrecorded' : 'all traffic waits';
    onTrouble('journal_full', `the journal cannot be written (${error.code}): ${what}`);
    this.check();
    for (const session of sessions) if (!session.journal.isPassing) session.hold(hold.journal);
    if (onFull !== 'pass') this.#pauseGauge();
  }

  /** Nothing is forwarded yet. */
  journalRecovers(error: NodeJS.ErrnoException, lostMs: number): void {
    const { journal, gauges, onTrouble } = this.#options;
    const onFull = this.#options.onFull();
    const time = `${Math.round(lostMs)} ms`;
    const did = onFull === 'pass' ? 'sessions were relayed unrecorded' : 'all traffic waited';
    const detail = `the journal could not be written (${error.code}) for ${time}; ${did}`;
    onTrouble('journal_over', detail);
    // What passed unrecorded has gaps of its own, with counts.
    if (onFull === 'pass') return;
    journal.gap(0, { reason: 'journal_full', detail });
    gauges.countGap('journal_full');
  }

  journalRecovered(): void {
    for (const session of this.#options.sessions) session.release(hold.journal);
    this.#resumeGauge();
  }

  /** Once a second while the journal works: what a recorder that is killed could not tell any more. */
  tell(): void {
    const { journal, turn } = this.#options;
    if (this.full === null) this.#tellAll();
    const waiting = this.#waiting();
    const tally = JSON.stringify(waiting);
    const isNothing = isZero(waiting);
    if (tally === this.#tally || (isNothing && this.#tally === '')) return;
    this.#tally = isNothing ? '' : tally;
    journal.passed({ reason: this.unrecorded.reason, ...waiting });
    turn.arm();
  }

  /** With the gap in one turn: a recorder killed behind it must not have its counts told twice. */
  gapTold(): void {
    if (this.#tally !== '' && !this.#isTelling) this.tell();
  }

  /** The recorder stops and all sessions have ended: what is left to be told, whether there is room or not. */
  stop(): void {
    this.#tellAll();
  }

  #changed(): void {
    const { full } = this;
    const { onTrouble, turn, sessions, spool, backlogBytes } = this.#options;
    const onFull = this.#options.onFull();
    if (full === null) {
      if (this.#isToldFull) onTrouble('spool_over', 'the spool has room again');
      this.#isToldFull = false;
      this.isWaiting = false;
      this.#isTelling = true;
      this.#tellAll();
      for (const session of sessions) {
        session.release(hold.spool);
        session.journal.settle();
      }
      this.#isTelling = false;
      this.tell();
      turn.arm();
      this.#resumeGauge();
      return;
    }
    const bytes = `${backlogBytes()} bytes of journal, ${spool.outboxBytes()} of outbox`;
    // A journal that fails has told so itself.
    this.#isToldFull = !turn.isFailing;
    if (this.#isToldFull) onTrouble(full, `the spool is full (${bytes}): ${sentences[onFull]}`);
    for (const session of sessions) session.pass(full);
    if (onFull === 'pause') this.#wait();
    if (onFull !== 'pass' || !this.isBacklogged) return;
    this.isBacklogged = false;
    for (const session of sessions) session.release(hold.backlog);
    this.#resumeGauge();
  }

  #wait(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    for (const session of this.#options.sessions) session.hold(hold.spool);
    this.#pauseGauge();
  }

  /** Holds clients back while the evidence worker is behind. */
  #checkBacklog(backlog: number, backlogMax: number): void {
    const { onTrouble, sessions } = this.#options;
    const onFull = this.#options.onFull();
    const passes = onFull === 'pass' && this.full !== null;
    if (!this.isBacklogged && backlog > backlogMax && !passes) {
      this.isBacklogged = true;
      this.#pauseGauge();
      onTrouble('backlog', `${backlog} bytes of journal are not sealed yet: clients are not read`);
      for (const session of sessions) session.hold(hold.backlog);
    } else if (this.isBacklogged && backlog < backlogMax / 2) {
      this.isBacklogged = false;
      this.#resumeGauge();
      onTrouble('backlog_over', 'the evidence worker has caught up: clients are read again');
      for (const session of sessions) session.release(hold.backlog);
    }
  }

  #tellAll(): void {
    const { journal, gauges, turn, monoMs } = this.#options;
    const nowMs = monoMs();
    const { unrecorded } = this;
    const hasPassed = !isZero(this.#waiting());
    for (const { session, gap, close, atMs } of unrecorded.takeEnds()) {
      const lateMs = Math.round(nowMs - atMs);
      if (gap !== null) {
        journal.gap(session, { ...gap, lateMs });
        gauges.countGap(gap.reason);
        unrecorded.count({ statements: gap.statements ?? 0, bytes: gap.bytes ?? 0 });
      }
      journal.close(session, { ...close, lateMs });
    }
    turn.arm();
    if (hasPassed && (unrecorded.sinceMs !== null || unrecorded.hasSessions)) {
      const gap = unrecorded.takeGap(nowMs);
      journal.gap(0, gap);
      gauges.countGap(gap.reason);
    }
    unrecorded.sinceMs = null;
  }

  #waiting(): Omit<PassedEntry, 'reason'> {
    const { sessions } = this.#options;
    return this.unrecorded.waiting(Array.from(sessions, (session) => session.journal.passed));
  }

  #pauseGauge(): void {
    this.#options.gauges.pause(this.#options.monoMs());
  }

  #resumeGauge(): void {
    const { gauges, turn, monoMs } = this.#options;
    if (!this.isBacklogged && !this.isWaiting && !turn.isFailing) gauges.resume(monoMs());
  }
}

function isZero({ sessions, statements, bytes }: Omit<PassedEntry, 'reason'>): boolean {
  return sessions === 0 && statements === 0 && bytes === 0;
}
