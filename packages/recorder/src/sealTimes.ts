/** Owns when the segments of the outbox were sealed, and when the vault last took one. Knows no clock and no file. */

export interface SealTimesSeen {
  /** Of the oldest not acknowledged; null: there is none. */
  readonly oldestSealedUs: number | null;
  /** As of the look that found it; null: none yet. */
  readonly acknowledgedUs: number | null;
}

export class SealTimes {
  /** Oldest first; segments are acknowledged about in the order they were sealed in. */
  readonly #sealed: number[];
  #acked = 0;
  #acknowledgedUs: number | null = null;

  /** @param found segments that were there at the start: of these the start is all that is known */
  constructor(found: number, nowUs: number) {
    this.#sealed = new Array<number>(found).fill(nowUs);
  }

  sealed(nowUs: number): void {
    this.#sealed.push(nowUs);
  }

  /**
   * @param pending segments in the outbox
   * @param acked acknowledged since the start
   */
  look(pending: number, acked: number, nowUs: number): SealTimesSeen {
    if (acked !== this.#acked) this.#acknowledgedUs = nowUs;
    this.#acked = acked;
    this.#sealed.splice(0, Math.max(0, this.#sealed.length - pending));
    return { oldestSealedUs: this.#sealed[0] ?? null, acknowledgedUs: this.#acknowledgedUs };
  }
}
