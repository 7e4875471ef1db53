/** One cell of the table: a suite over a transport, directly and recorded, and what the oracle says of the recording. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogEntry, readLog } from '../jsonLog.ts';
import type { ArchivedRecord } from '../stack.ts';
import type { Transport } from '../transport.ts';
import type { Build } from './builds.ts';
import { compareSessions } from './compareSessions.ts';
import { compareTotals, compareTraces, type StatementTotals } from './countOracle.ts';
import { type MessageCounts, tracesByPid } from './libpqTrace.ts';
import { aroundName, type Place, startPlace } from './place.ts';
import { serverSessions } from './serverEvents.ts';
import type { Suite, SuiteResult } from './suites.ts';
import { tapeSessions } from './tapeEvents.ts';

/** What the three witnesses say of a recording. */
export interface OracleResult {
  /** Events that log and tape have alike. */
  readonly events: number;
  readonly named: Readonly<Record<string, number>>;
  /** Sessions counted by libpq's trace, query ids counted by pg_stat_statements. */
  readonly traces: number;
  readonly queries: number;
  /** What must be empty, as text, the first few hundred; and how many there are. */
  readonly unnamed: readonly string[];
  readonly unnamedCount: number;
}

export interface Recorded {
  readonly result: SuiteResult;
  readonly oracle: OracleResult;
  readonly seconds: number;
}

async function inWorkDir<T>(run: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-suite-'));
  chmodSync(dir, 0o777);
  try {
    return await run(dir);
  } finally {
    if (process.env.PGTAPE_KEEP === undefined) rmSync(dir, { recursive: true, force: true });
  }
}

/** The suite against the server itself, in TLS where the recorded run is: libpq words some of its messages by that. */
export async function runDirect(build: Build, suite: Suite, transport: Transport): Promise<SuiteResult> {
  const tls = transport.tls === true;
  const place = await startPlace({ build, transport: null, tls, trust: suite.trust });
  try {
    return await inWorkDir((workDir) =>
      suite.run({ build, port: place.port, password: place.postgres.password, workDir, traceDir: null }),
    );
  } finally {
    await place.clear();
  }
}

const totalsQuery =
  'SELECT queryid::text, sum(calls)::text AS calls, sum(rows)::text AS rows FROM pg_stat_statements WHERE toplevel GROUP BY 1';

function totalsOf(rows: readonly Record<string, string>[]): StatementTotals {
  return new Map(
    rows.map(({ queryid, calls, rows: count }) => [
      queryid as string,
      { calls: Number(calls), rows: Number(count) },
    ]),
  );
}

/** The three witnesses, and that nothing is missing by the tape's own word. */
export function judge(
  records: readonly ArchivedRecord[],
  log: Iterable<LogEntry>,
  traces: ReadonlyMap<string | number, MessageCounts>,
  totals: StatementTotals | null,
): OracleResult {
  const tape = tapeSessions(records);
  const comparison = compareSessions(serverSessions(log), tape, aroundName);
  const traced = compareTraces(traces, tape);
  const counted =
    totals === null
      ? { compared: 0, different: [], named: {} }
      : compareTotals(comparison.totals, totals, comparison.withoutEntry);
  const gaps = records.filter(({ kind }) => kind === 'gap').map((gap) => `gap: ${JSON.stringify(gap)}`);
  const more = [...gaps, ...traced.different, ...counted.different];
  return {
    events: comparison.same,
    named: { ...comparison.named, ...counted.named },
    traces: traced.compared,
    queries: counted.compared,
    unnamed: [...more, ...comparison.unnamed],
    unnamedCount: more.length + comparison.unnamedCount,
  };
}

/** The suite with libpq's traces of its sessions, by whoever began them. */
async function tracedRun(
  { port, postgres: { password } }: Place,
  build: Build,
  suite: Suite,
  traceDir: string,
): Promise<{ readonly result: SuiteResult; readonly traces: Map<string | number, MessageCounts> }> {
  const result = await inWorkDir((workDir) => suite.run({ build, port, password, workDir, traceDir }));
  return {
    result,
    traces: new Map<string | number, MessageCounts>([...(result.traces ?? []), ...tracesByPid(traceDir)]),
  };
}

/** The suite through a recorder, then the server's log beside the tape. */
export async function runRecorded(build: Build, suite: Suite, transport: Transport): Promise<Recorded> {
  const tls = transport.tls === true;
  const place = await startPlace({ build, transport, tls, trust: suite.trust });
  const started = performance.now();
  try {
    if (suite.counted) await place.ask('CREATE EXTENSION pg_stat_statements');
    const { result, traces } = await inWorkDir((traceDir) => tracedRun(place, build, suite, traceDir));
    const totals = suite.counted ? totalsOf(await place.ask(totalsQuery)) : null;
    const records = await place.finish();
    const oracle = judge(records, readLog(place.serverLog), traces, totals);
    return { result, oracle, seconds: (performance.now() - started) / 1000 };
  } finally {
    await place.clear();
  }
}
