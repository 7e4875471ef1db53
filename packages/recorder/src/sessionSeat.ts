/**
 * Owns whether a connection may be a session or a cancel request, and that it counts as one: most at once, and what a full spool does with
 * those that come. Knows no sockets.
 */
import type { RefusalReason } from './refusal.ts';
import type { RelayContext } from './relayContext.ts';
import type { SessionJournal } from './sessionJournal.ts';

/** Replication is exempt from `sessionsMax`, but it asks for that before it has shown who it is: it gets so many more. */
const exemptSessions = 64;

type Seats = Pick<
  RelayContext,
  'sessionsMax' | 'sessionsOpen' | 'cancelsMax' | 'cancelsOpen' | 'full' | 'onFull'
>;

export class SessionSeat {
  readonly #seats: Seats;
  #isSession = false;
  #isCancel = false;

  /** @param seats its counts are kept here */
  constructor(seats: Seats) {
    this.#seats = seats;
  }

  /** @param exempt a walsender's. @returns why not; null: it is taken, or was before */
  take(exempt: boolean, journal: SessionJournal): RefusalReason | null {
    const { sessionsMax, sessionsOpen, full, onFull } = this.#seats;
    const max = exempt ? sessionsMax + exemptSessions : sessionsMax;
    if (!this.#isSession && sessionsOpen >= max) return 'sessions_max';
    if (full !== null && !exempt) {
      if (onFull === 'refuse') return full;
      // It waits with all others, and is recorded like them.
      if (onFull === 'pause') journal.record();
    }
    this.count();
    return null;
  }

  /** Whatever the bounds say. */
  count(): void {
    if (this.#isSession) return;
    this.#isSession = true;
    this.#seats.sessionsOpen += 1;
  }

  takeForCancel(): boolean {
    if (this.#seats.cancelsOpen >= this.#seats.cancelsMax) return false;
    this.#isCancel = true;
    this.#seats.cancelsOpen += 1;
    return true;
  }

  leave(): void {
    if (this.#isSession) this.#seats.sessionsOpen -= 1;
    if (this.#isCancel) this.#seats.cancelsOpen -= 1;
    this.#isSession = false;
    this.#isCancel = false;
  }
}
