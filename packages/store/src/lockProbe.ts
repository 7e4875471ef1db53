/**
 * Owns the words and judgements of a lock's probe: what was tried against objects of the probe's own, how the store
 * answered, and whether that is the lock that was wanted. Pure; it refuses to try anything itself.
 */
import type { Lock } from './store.ts';
import { StoreError } from './storeError.ts';

/**
 * - `drop_retention`: the store takes an object and does not keep the retention it came with.
 * - `delete`: delete the version. `bypass`: the same, asking to bypass the retention.
 * - `shorten`: an earlier date. `change_mode`: the weaker kind of retention, asking for the bypass.
 * - `overwrite`: other bytes under the key change what the version holds.
 * - `suspend_versions`: stop keeping versions.
 * - `hold_after_expiry`: delete a version whose retention is over while a hold is on.
 */
export type ProbeTest =
  | 'drop_retention'
  | 'delete'
  | 'bypass'
  | 'shorten'
  | 'change_mode'
  | 'overwrite'
  | 'suspend_versions'
  | 'hold_after_expiry';

/** `refused_by_permission`: these credentials may not; what the lock would have done is not known. */
export type ProbeOutcome = 'refused_by_lock' | 'refused_by_permission' | 'allowed' | 'unknown';

export interface ProbeResult {
  readonly test: ProbeTest;
  readonly outcome: ProbeOutcome;
  readonly detail: string;
}

export interface ProbeReport {
  /** What the probe's object was found to have; `none` where nothing protects it. */
  readonly lock: Lock;
  readonly results: readonly ProbeResult[];
}

/** What one attempt came to. The effect counts, not the answer: servers have said both wrongly. */
export interface Attempt {
  /** Undefined: the store said it was done. */
  readonly error: unknown;
  /** Whether what was to be broken is broken; null: it could not be looked at. */
  readonly isBroken: boolean | null;
  /** Whether these credentials may do the same where nothing protects; null: not known. */
  readonly isPermitted: boolean | null;
}

/** The server's own sentence; who must act is the reader's question, not the probe's. */
function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own =
    error instanceof StoreError && error.cause instanceof Error ? error.cause.message : error.message;
  const word = error instanceof StoreError && error.errno !== undefined ? ` (${error.errno})` : '';
  return `${own}${word}`.slice(0, 300);
}

export function outcomeOf(test: ProbeTest, { error, isBroken, isPermitted }: Attempt): ProbeResult {
  if (isBroken === true)
    return {
      test,
      outcome: 'allowed',
      detail: error === undefined ? 'done' : `done, though: ${said(error)}`,
    };
  if (isBroken === null) return { test, outcome: 'unknown', detail: 'what came of it cannot be looked at' };
  if (error === undefined)
    return { test, outcome: 'refused_by_lock', detail: 'said to be done, without effect' };
  const detail = said(error);
  const code = error instanceof StoreError ? error.code : '';
  if (code === 'STORE_LOCKED') return { test, outcome: 'refused_by_lock', detail };
  if (code !== 'STORE_ACCESS') return { test, outcome: 'unknown', detail };
  // The same word for both on most servers: it was the lock if the same is permitted where nothing protects.
  if (isPermitted === null) return { test, outcome: 'unknown', detail };
  return { test, outcome: isPermitted ? 'refused_by_lock' : 'refused_by_permission', detail };
}

const strength: Readonly<Record<Lock, number>> = { none: 0, bypassable: 1, strict: 2 };

/** Why the store does not give the lock that is wanted; empty: nothing speaks against it. */
export function weaknessesOf(report: ProbeReport, wanted: Lock): string[] {
  if (wanted === 'none') return [];
  const found: string[] = [];
  if (strength[report.lock] < strength[wanted]) {
    found.push(
      `an object put under a ${wanted} retention has ${report.lock === 'none' ? 'none' : `a ${report.lock} one`}`,
    );
  }
  for (const { test, outcome, detail } of report.results) {
    if (outcome === 'allowed') found.push(`${test} is allowed (${detail})`);
  }
  return found;
}
