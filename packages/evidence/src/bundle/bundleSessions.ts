/** Judges the sessions of a bundle by the lines that were proven or attested. Knows no files but their names. */
import type { GapReason } from '../gapReasons.ts';
import type { BundleFindings } from './bundleFindings.ts';
import { type BundleSessionVerdict, type BundleVerdictWord, worseOf } from './bundleVerdict.ts';
import type { Manifest } from './manifest.ts';

/** What of a line, shown or redacted, its session depends on. */
export interface SessionLine {
  readonly artefact: string;
  readonly reel: string;
  readonly session: string | undefined;
  readonly n: number | undefined;
  readonly kind: string;
  readonly why: unknown;
  readonly reason: unknown;
  readonly isRedacted: boolean;
  readonly isRecovered: boolean;
}

interface Entry {
  readonly reel: string;
  readonly whole: boolean;
  verdict: BundleVerdictWord;
  lines: number;
  attested: number;
  lastN: number;
  closed: boolean;
  isUntied: boolean;
}

export class BundleSessions {
  readonly #entries = new Map<string, Entry>();
  readonly #findings: BundleFindings;

  constructor(manifest: Manifest, findings: BundleFindings) {
    this.#findings = findings;
    for (const { session, reel, whole } of manifest.sessions)
      this.#entries.set(session, {
        reel,
        whole,
        verdict: 'complete',
        lines: 0,
        attested: 0,
        lastN: 0,
        closed: false,
        isUntied: false,
      });
  }

  /** Lines of the reel are missing or not to be believed, and named: what follows them cannot be tied to what came before. */
  untie(reel: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.reel !== reel || entry.closed) continue;
      entry.verdict = 'forged';
      entry.isUntied = true;
    }
  }

  /** Takes the lines in the order of their reel. */
  line(line: SessionLine): void {
    if (line.session === undefined) this.#reelGap(line);
    else this.#sessionLine(line, line.session);
  }

  /** A gap of the whole reel is one of every session that had begun and was not over by then. */
  #reelGap({ artefact, reel, kind, reason }: SessionLine): void {
    if (kind !== 'gap') {
      this.#findings.forged(artefact, 'line_unasked', `a ${kind} line of no session`);
      return;
    }
    const verdict = verdictOfGap(reason);
    this.#findings.add(verdict, artefact, String(reason), 'of the whole reel');
    for (const entry of this.#entries.values())
      if (entry.reel === reel && entry.whole && entry.lastN > 0 && !entry.closed)
        entry.verdict = worseOf(entry.verdict, verdict);
  }

  #sessionLine(line: SessionLine, session: string): void {
    const { artefact, reel, kind, isRedacted } = line;
    const entry = this.#entries.get(session);
    if (entry === undefined || entry.reel !== reel) {
      this.#findings.forged(
        artefact,
        'line_unasked',
        `of session ${session}, which the manifest does not name`,
      );
      return;
    }
    this.#place(entry, line, session);
    entry.lines++;
    entry.lastN = line.n ?? 0;
    if (isRedacted) {
      entry.attested++;
      entry.verdict = worseOf(entry.verdict, 'attested');
    }
    if (line.isRecovered) entry.verdict = worseOf(entry.verdict, 'crashed');
    if (kind === 'gap') {
      const verdict = verdictOfGap(line.reason);
      this.#findings.add(verdict, artefact, String(line.reason), `session ${session}`);
      entry.verdict = worseOf(entry.verdict, verdict);
    }
    if (kind !== 'closed') return;
    entry.closed = true;
    if (line.why === 'recorder_crashed') entry.verdict = worseOf(entry.verdict, 'crashed');
  }

  #place(entry: Entry, { artefact, n = 0 }: SessionLine, session: string): void {
    if (entry.isUntied) return;
    const isNext = entry.whole ? n === entry.lastN + 1 : n > entry.lastN;
    if (entry.closed)
      this.#findings.forged(artefact, 'after_closed', `session ${session} goes on after its end`);
    else if (!isNext)
      this.#findings.forged(artefact, 'session_gap', `session ${session}: n ${n} after ${entry.lastN}`);
    else return;
    entry.verdict = 'forged';
  }

  finish(): BundleSessionVerdict[] {
    return Array.from(this.#entries, ([session, { whole, verdict, lines, attested, closed }]) => {
      if (lines === 0) this.#findings.forged(session, 'session_missing', 'none of its lines is here');
      const judged = !whole ? 'excerpt' : closed ? 'complete' : 'open';
      return {
        session,
        verdict: worseOf(lines === 0 ? 'forged' : verdict, judged),
        lines,
        attested,
        closed,
      };
    });
  }
}

function verdictOfGap(reason: unknown): 'crashed' | 'gap' {
  return (reason as GapReason) === 'recorder_crashed' ? 'crashed' : 'gap';
}
