/** What verification says: the words and shapes of verdicts. Decides nothing. */
import type { GapReason } from './gapReasons.ts';
import type { VaultWords } from './vaultLedger.ts';

/** Worst first: a reel or session has the worst verdict any finding about it has. */
export const verdicts = ['forged', 'crashed', 'gap', 'open', 'complete'] as const;
export type Verdict = (typeof verdicts)[number];

export interface Finding {
  readonly verdict: Verdict;
  /** Object key, `key#line`, or session id. */
  readonly artefact: string;
  /** Stable word, e.g. `tree_root`, `segment_missing`. */
  readonly reason: string;
  /** For people. */
  readonly detail: string;
}

export interface SessionVerdict {
  readonly session: string;
  readonly verdict: Verdict;
  readonly statements: number;
  readonly lastN: number;
  readonly closed: boolean;
  readonly gaps: readonly GapReason[];
  /** Keys of the objects that hold its first and last line. */
  readonly firstKey: string;
  readonly lastKey: string;
}

export interface ReelVerdict {
  readonly reel: string;
  readonly recorder: string;
  /** Who wrote it; a reel of which no line could be read counts as a recorder's. */
  readonly by: 'recorder' | 'vault';
  /** It has its end, `reel_closed`. */
  readonly closed: boolean;
  /** Its last line is one that a reel may end with: that, or a gap that says `recorder_crashed`. */
  readonly ended: boolean;
  /** Public key of segment 1; '' when it could not be read. */
  readonly key: string;
  /** Of the first header that could be read; '' when none could. */
  readonly recoveryKey: string;
  /** The last segment that could be read, and SHA-256 of its seal line; null when none could. */
  readonly tail: { readonly segment: number; readonly seal: string } | null;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  readonly segments: number;
  readonly records: number;
  /** Decompressed bytes. */
  readonly bytes: number;
  readonly sessions: readonly SessionVerdict[];
  /** Sentences: what these bytes alone cannot prove. */
  readonly notProven: readonly string[];
  /** Of a vault's reel: what it says about others; null for a recorder's. */
  readonly vault: VaultWords | null;
}

/** The worse of two. */
export function worse(a: Verdict, b: Verdict): Verdict {
  return verdicts.indexOf(a) <= verdicts.indexOf(b) ? a : b;
}
