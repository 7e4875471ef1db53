/** What a run of the matrix has so far, in the cache: rows that are done are not run again. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
  /** By major and suite. */
  readonly direct: Record<string, DirectOutcome>;
  /** By row name. */
  readonly rows: Record<string, RowOutcome>;
}

export function loadState(file: string, fresh: boolean): RunState {
  if (fresh) rmSync(file, { force: true });
  if (!existsSync(file)) return { direct: {}, rows: {} };
  return JSON.parse(readFileSync(file, 'utf8')) as RunState;
}

/** Keeps what another run over other rows has written meanwhile. */
export function saveState(file: string, state: RunState): void {
  mkdirSync(dirname(file), { recursive: true });
  const there = loadState(file, false);
  Object.assign(state.direct, { ...there.direct, ...state.direct });
  Object.assign(state.rows, { ...there.rows, ...state.rows });
  writeFileSync(`${file}.${process.pid}.new`, JSON.stringify(state));
  renameSync(`${file}.${process.pid}.new`, file);
}
