/**
 * Owns the count of what all sessions of a reel hold while messages wait to be finished or answered, and its bound. It follows from the
 * journal alone, so that a reel decoded again decides the same. Knows no session.
 */

/** 256 MiB: frames not yet whole, messages that wait for replies, texts of prepared statements, values of portals. */
export const heldBytesMax = 256 * 1024 * 1024;

/**
 * What a session may hold whatever the others do: otherwise a few hostile ones could end the recording of all. A 4096th of the bound,
 * 64 KiB; with 5000 sessions 312 MiB more, should each of them hold that much.
 */
const shares = 4096;

export class HeldBytes {
  readonly max: number;
  readonly share: number;
  #total = 0;

  /** @param max bytes; settings of a reel, kept in its snapshots */
  constructor(max: number = heldBytesMax) {
    this.max = max;
    this.share = Math.floor(max / shares);
  }

  get total(): number {
    return this.#total;
  }

  /** A session that held `before` holds `now`. */
  changed(before: number, now: number): void {
    this.#total += now - before;
  }

  /** Bytes that a session which holds `now`, and held `before`, has to give up; 0 while all is well. */
  excess(before: number, now: number): number {
    if (now <= before || now <= this.share || this.#total <= this.max) return 0;
    return Math.min(this.#total - this.max, now - this.share);
  }
}
