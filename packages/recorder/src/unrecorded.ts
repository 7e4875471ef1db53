/**
 * Owns what passed unrecorded while the spool was full and is in no journal yet: the ends of sessions that had been told of, and sums over
 * those that came and went. Bounded: of told sessions there are as many as were open. Writes nothing by itself.
 */
import type { CloseEntry, GapEntry, PassedEntry } from './journalFormat.ts';
import type { FullReason } from './spoolLevel.ts';

/** What of one session, or of many, was not recorded. */
export interface Passed {
  readonly statements: number;
  /** Both ways together. */
  readonly bytes: number;
}

/** A told session that ended meanwhile. */
export interface LateEnd {
  readonly session: number;
  readonly gap: GapEntry | null;
  readonly close: CloseEntry;
  /** When it ended, milliseconds since the reel started. */
  readonly atMs: number;
}

export class Unrecorded {
  /** Since when, milliseconds since the reel started; null: nothing passes. */
  sinceMs: number | null = null;
  reason: FullReason = 'spool_full';
  /** Bytes of openings that sessions keep in memory. */
  heldBytes = 0;
  /** Over the process: for metrics. */
  statementsTotal = 0;
  bytesTotal = 0;
  #ends: LateEnd[] = [];
  #sessions = 0;
  #statements = 0;
  #bytes = 0;

  /** Sessions that came and went wait to be told of. */
  get hasSessions(): boolean {
    return this.#sessions > 0;
  }

  begin(reason: FullReason, nowMs: number): void {
    this.sinceMs ??= nowMs;
    this.reason = reason;
  }

  /** Told of in the journal, by whatever gap. */
  count({ statements, bytes }: Passed): void {
    this.statementsTotal += statements;
    this.bytesTotal += bytes;
  }

  ended(end: LateEnd): void {
    this.#ends.push(end);
  }

  /** A session that the journal knows nothing of came and went. */
  cameAndWent({ statements, bytes }: Passed): void {
    this.#sessions += 1;
    this.#statements += statements;
    this.#bytes += bytes;
  }

  /** What waits to be told, with what `live` sessions have let pass so far. */
  waiting(live: Iterable<Passed>): Omit<PassedEntry, 'reason'> {
    let statements = this.#statements;
    let bytes = this.#bytes;
    for (const passed of live) {
      statements += passed.statements;
      bytes += passed.bytes;
    }
    for (const { gap } of this.#ends) {
      statements += gap?.statements ?? 0;
      bytes += gap?.bytes ?? 0;
    }
    return { sessions: this.#sessions, statements, bytes };
  }

  /** Takes the ends to be written now. */
  takeEnds(): LateEnd[] {
    const ends = this.#ends;
    this.#ends = [];
    return ends;
  }

  /** The reel's own gap, to be written now; its counts are of sessions that have none of their own. */
  takeGap(nowMs: number): GapEntry {
    const seconds = ((nowMs - (this.sinceMs ?? nowMs)) / 1000).toFixed(1);
    const [sessions, statements, bytes] = [this.#sessions, this.#statements, this.#bytes];
    this.sinceMs = null;
    this.#sessions = 0;
    this.#statements = 0;
    this.#bytes = 0;
    this.count({ statements, bytes });
    const what = this.reason === 'spool_full' ? 'the spool was full' : 'the journal took nothing';
    const detail = `${what}: for ${seconds} s sessions were relayed unrecorded; ${sessions} of them came and went`;
    return { reason: this.reason, detail, sessions, statements, bytes };
  }
}
