/**
 * What runs of the matrix have found: of this machine in the cache, where a run that was stopped goes on, and of the last run of
 * each row in docs/fidelity.jsonl, so that a run of some rows keeps the results of the others.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { OracleResult } from './row.ts';
import type { SuiteResult } from './suites.ts';

export interface DirectOutcome {
  readonly tests: SuiteResult['tests'];
  readonly output: string;
}

export interface RowOutcome {
  readonly version: string;
  readonly passed: number;
  readonly directPassed: number;
  readonly total: number;
  /** The same tests passed, and what the suite printed is the same. */
  readonly identical: boolean;
  readonly oracle: OracleResult;
  readonly seconds: number;
  /** ISO date. */
  readonly date: string;
}

export interface RunState {
  /** By major, suite and whether in TLS. */
  readonly direct: Record<string, DirectOutcome>;
  /** By row name. */
  readonly rows: Record<string, RowOutcome>;
}

type Outcome =
  | { readonly kind: 'direct'; readonly name: string; readonly outcome: DirectOutcome }
  | { readonly kind: 'rows'; readonly name: string; readonly outcome: RowOutcome };

/** The last of each name counts. */
export function loadState(file: string, fresh: boolean): RunState {
  if (fresh) rmSync(file, { force: true });
  const state: RunState = { direct: {}, rows: {} };
  if (!existsSync(file)) return state;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const { kind, name, outcome } = JSON.parse(line) as Outcome;
    if (kind === 'direct') state.direct[name] = outcome;
    else state.rows[name] = outcome;
  }
  return state;
}

/** Adds one outcome to the file; what other runs add at the same time stays. */
export function saveOutcome(file: string, outcome: Outcome): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(outcome)}\n`);
}

/** Rows as last committed; those of names that the matrix no longer has are dropped. */
export function committedRows(file: string, names: readonly string[]): Record<string, RowOutcome> {
  const { rows } = loadState(file, false);
  return Object.fromEntries(Object.entries(rows).filter(([name]) => names.includes(name)));
}

/** In the order of the matrix, as `loadState` reads it. */
export function rowsText(rows: Readonly<Record<string, RowOutcome>>, names: readonly string[]): string {
  return names
    .flatMap((name) => (rows[name] === undefined ? [] : [{ kind: 'rows', name, outcome: rows[name] }]))
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}
