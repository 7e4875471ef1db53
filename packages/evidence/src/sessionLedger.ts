/**
 * Follows every session of a reel through its lines: ordinals, end, gaps. Knows nothing of segments but their
 * keys.
 */
import type { ParsedRecord } from './checkRecord.ts';
import type { Findings } from './findings.ts';
import type { GapReason } from './gapReasons.ts';
import { type SessionVerdict, type Verdict, worse } from './verdict.ts';

interface Entry {
  verdict: Verdict;
  statements: number;
  lastN: number;
  closed: boolean;
  readonly gaps: GapReason[];
  readonly firstKey: string;
  lastKey: string;
}

/** How the reel ended, which says what a session without `closed` means. */
export type ReelEnd = 'closed' | 'crashed' | 'open';

const verdictOfUnclosed: Readonly<Record<ReelEnd, Verdict>> = {
  closed: 'gap',
  crashed: 'crashed',
  open: 'open',
};

export class SessionLedger {
  readonly #findings: Findings;
  readonly #sessions = new Map<string, Entry>();
  #untied = false;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /**
   * From here on nothing is tied to what came before: a segment is missing, damaged or not of this chain.
   * Sessions not yet closed may have had lines in it, and later ones may have been put in its place; all of
   * them are forged.
   */
  untie(): void {
    this.#untied = true;
    for (const entry of this.#sessions.values()) {
      if (!entry.closed) entry.verdict = 'forged';
    }
  }

  /** Takes a line that has a session. */
  record(record: ParsedRecord, key: string, line: number, recovered: boolean): void {
    const session = record.session!;
    let entry = this.#sessions.get(session);
    if (entry === undefined) {
      entry = {
        verdict: 'complete',
        statements: 0,
        lastN: 0,
        closed: false,
        gaps: [],
        firstKey: key,
        lastKey: key,
      };
      this.#sessions.set(session, entry);
    }
    this.#checkPlace(entry, record, key, line);
    if (recovered) entry.verdict = worse(entry.verdict, 'crashed');
    if (record.kind === 'statement') entry.statements++;
    if (record.kind === 'gap') this.#gap(entry, record, key, line);
    if (record.kind === 'closed') {
      entry.closed = true;
      if (record.why === 'recorder_crashed') entry.verdict = worse(entry.verdict, 'crashed');
    }
    entry.lastN = record.n!;
    entry.lastKey = key;
  }

  #checkPlace(entry: Entry, record: ParsedRecord, key: string, line: number): void {
    const n = record.n!;
    if (this.#untied) {
      entry.verdict = 'forged';
      return;
    }
    if (entry.closed) {
      entry.verdict = 'forged';
      this.#findings.add(
        'forged',
        `${key}#${line}`,
        'after_closed',
        `session ${record.session} goes on after its closed line`,
      );
    } else if (n !== entry.lastN + 1) {
      entry.verdict = 'forged';
      const detail = `session ${record.session}: n ${n} where ${entry.lastN + 1} must stand`;
      this.#findings.add('forged', `${key}#${line}`, 'session_gap', detail);
    }
  }

  #gap(entry: Entry, record: ParsedRecord, key: string, line: number): void {
    const reason = record.reason as GapReason;
    const verdict = reason === 'recorder_crashed' ? 'crashed' : 'gap';
    if (!entry.gaps.includes(reason)) entry.gaps.push(reason);
    entry.verdict = worse(entry.verdict, verdict);
    this.#findings.add(verdict, `${key}#${line}`, reason, `session ${record.session}: ${record.detail}`);
  }

  /** One verdict for each session, in the order of their first lines. */
  finish(end: ReelEnd): SessionVerdict[] {
    return Array.from(this.#sessions, ([session, entry]) => {
      const { verdict, statements, lastN, closed, gaps, firstKey, lastKey } = entry;
      if (!closed && end === 'closed' && verdict !== 'forged') {
        this.#findings.add(
          'gap',
          session,
          'session_not_closed',
          'the reel ended in order, this session did not',
        );
      }
      return {
        session,
        verdict: closed ? verdict : worse(verdict, verdictOfUnclosed[end]),
        statements,
        lastN,
        closed,
        gaps,
        firstKey,
        lastKey,
      };
    });
  }
}
