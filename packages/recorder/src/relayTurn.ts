/**
 * Owns the order of one event-loop turn: journal first, forward after (R1), for all sessions at once. When
 * the journal cannot be written nothing is forwarded, everybody stops reading, and it is tried again. Knows
 * no bytes.
 */
import type { JournalWriter } from './journalWriter.ts';

/** What waits for the turn's journal write. */
export interface Forwarder {
  forward(): void;
  /** It passes unrecorded, which a gap will say: it does not wait while the journal fails. */
  readonly isPassing: boolean;
}

const waits = { isPassing: false } as const;

export interface TurnEvents {
  /** The journal failed: stop every read. */
  onFailure(error: NodeJS.ErrnoException): void;
  /** It works again: journal what happened. Nothing is forwarded yet. */
  onRecovery(error: NodeJS.ErrnoException, lostMs: number): void;
  /** That is written too, and what waited is forwarded: read again. */
  onRecovered(): void;
  /** Everything of the turn is in the kernel and forwarded. */
  onFlushed(): void;
}

/**
 * A turn of this many journal bytes is written at once instead of at the loop's end: it bounds the buffer.
 */
const turnBytesMax = 4 * 1024 * 1024;
const retryMs = 100;

export class RelayTurn {
  readonly #journal: JournalWriter;
  readonly #events: TurnEvents;
  /** Filled up to `#waitingCount` and never shortened: setting an array's length is a call into the engine. */
  #waiting: (Forwarder | null)[] = [];
  #spare: (Forwarder | null)[] = [];
  #waitingCount = 0;
  #after: { readonly then: () => void; readonly who: Pick<Forwarder, 'isPassing'> }[] = [];
  #armed = false;
  #running = false;
  #failedWith: NodeJS.ErrnoException | null = null;
  #failedAt = 0;
  #isTold = false;
  #retry: NodeJS.Timeout | null = null;
  readonly #onLoopEnd = (): void => {
    this.#armed = false;
    this.run();
  };

  constructor(journal: JournalWriter, events: TurnEvents) {
    this.#journal = journal;
    this.#events = events;
  }

  get isFailing(): boolean {
    return this.#failedWith !== null;
  }

  /** Calls `forward` once this turn is journaled; the caller asks once per turn. */
  schedule(forwarder: Forwarder): void {
    this.#waiting[this.#waitingCount++] = forwarder;
    if (this.#journal.turnBytes > turnBytesMax) this.run();
    else this.arm();
  }

  /**
   * Runs `then` once what was journaled so far is in the kernel, or `who` passes. For the rare paths; streams use `schedule`.
   */
  after(then: () => void, who: Pick<Forwarder, 'isPassing'> = waits): void {
    this.#after.push({ then, who });
    this.arm();
  }

  /** Sees to it that what was journaled in this turn is written at its end. */
  arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(this.#onLoopEnd);
  }

  /** Writes and forwards now. @returns false when the journal could not be written */
  run(): boolean {
    if (this.#running) return true;
    if (!this.#journal.flush()) {
      this.#fail(this.#journal.failure as NodeJS.ErrnoException);
      this.#forward(false);
      return false;
    }
    const hasFailed = this.#failedWith !== null;
    if (this.#failedWith !== null && !this.#recover(this.#failedWith)) return false;
    this.#forward(true);
    if (hasFailed) this.#events.onRecovered();
    this.#events.onFlushed();
    return true;
  }

  dispose(): void {
    if (this.#retry !== null) clearInterval(this.#retry);
    this.#retry = null;
  }

  /** @param all also what waits for the journal; the rest goes on waiting */
  #forward(all: boolean): void {
    this.#running = true;
    const waiting = this.#waiting;
    const count = this.#waitingCount;
    this.#waiting = this.#spare;
    this.#waitingCount = 0;
    for (let at = 0; at < count; at += 1) {
      const forwarder = waiting[at] as Forwarder;
      waiting[at] = null;
      if (all || forwarder.isPassing) forwarder.forward();
      else this.#waiting[this.#waitingCount++] = forwarder;
    }
    this.#spare = waiting;
    if (this.#after.length > 0) {
      const after = this.#after;
      this.#after = [];
      for (const one of after) {
        if (all || one.who.isPassing) one.then();
        else this.#after.push(one);
      }
    }
    this.#running = false;
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#failedWith !== null) return;
    this.#failedWith = error;
    this.#failedAt = performance.now();
    this.#retry = setInterval(() => this.run(), retryMs);
    this.#events.onFailure(error);
  }

  /** The gap that tells of the failure has to be written too before anything moves again. */
  #recover(error: NodeJS.ErrnoException): boolean {
    if (!this.#isTold) {
      this.#isTold = true;
      this.#events.onRecovery(error, performance.now() - this.#failedAt);
      if (!this.#journal.flush()) return false;
    }
    this.#isTold = false;
    this.#failedWith = null;
    this.dispose();
    return true;
  }
}
