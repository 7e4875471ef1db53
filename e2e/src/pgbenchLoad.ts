/**
 * pgbench through a recorder that may die at any moment, run after run: which of its statements were answered, by pgbench's own log of
 * transactions, and how often each stands on a tape.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Load } from './marks.ts';
import type { ArchivedRecord } from './stack.ts';

/** The recorder that pgbench goes through, and where its files lie. */
export interface PgbenchTarget {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly password: string;
}

const clients = 3;
/** Transactions a second of one pgbench: what a night of it makes has to be counted in memory. */
const rate = 60;
/** A run ends by itself after this time: pgbench that is stopped by a signal loses its log. */
const runSeconds = 2;

/** A transaction of two statements that name themselves. `n` is counted by pgbench, for each of its clients. */
const script = `\\set n :n + 1
BEGIN;
INSERT INTO bench VALUES (:run, :client_id, :n);
SELECT 'found', n FROM bench WHERE r = :run AND c = :client_id AND n = :n;
END;
`;

const kinds = ['insert', 'select'] as const;
const simple =
  /^(INSERT INTO bench VALUES \(|SELECT 'found', n FROM bench WHERE r = )(\d+)(?:, | AND c = )(\d+)(?:, | AND n = )(\d+)/;

/** Runs pgbench once. @returns the transactions that were answered, as `client.n` */
async function runOnce(
  { host, port, password }: PgbenchTarget,
  dir: string,
  run: number,
  mode: 'simple' | 'prepared',
): Promise<string[]> {
  const child = spawn(
    'pgbench',
    [
      ...['-n', '-M', mode, '-c', String(clients), '-j', '1', '-T', String(runSeconds), '-R', String(rate)],
      ...['-l', `--log-prefix=${join(dir, `run-${run}`)}`, '-D', 'n=0', '-D', `run=${run}`],
      ...['-f', join(dir, 'script.sql'), '-h', host, '-p', String(port), '-U', 'postgres', 'postgres'],
    ],
    { env: { ...process.env, PGPASSWORD: password, PGCONNECT_TIMEOUT: '3' }, stdio: 'ignore' },
  );
  await new Promise((resolve) => child.once('exit', resolve));
  const answered: string[] = [];
  for (const name of readdirSync(dir).filter((file) => file.startsWith(`run-${run}.`))) {
    for (const line of readFileSync(join(dir, name), 'utf8').split('\n')) {
      const [client, number, time] = line.split(' ');
      if (time !== undefined && /^\d+$/.test(time)) answered.push(`${client}.${number}`);
    }
    rmSync(join(dir, name));
  }
  return answered;
}

/**
 * Two pgbench, simple and prepared, again and again; numbers of runs are never used twice.
 * @param directUrl where its table is made
 */
export async function startPgbench(target: PgbenchTarget, directUrl: string): Promise<Load> {
  const dir = join(target.dir, 'pgbench');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'script.sql'), script);
  const direct = new pg.Client({ connectionString: directUrl });
  try {
    await direct.connect();
    await direct.query('CREATE TABLE IF NOT EXISTS bench (r int, c int, n int)');
    await direct.query('CREATE INDEX IF NOT EXISTS bench_place ON bench (r, c, n)');
  } finally {
    await direct.end();
  }
  const answered = new Set<string>();
  let run = 0;
  let isOver = false;
  const repeat = async (mode: 'simple' | 'prepared'): Promise<void> => {
    while (!isOver) {
      run += 1;
      const mine = run;
      for (const id of await runOnce(target, dir, mine, mode)) {
        for (const kind of kinds) answered.add(`${kind} ${mine}.${id}`);
      }
      await sleep(20);
    }
  };
  const running = [repeat('simple'), repeat('prepared')];
  return {
    answered,
    errors: [],
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}

/** The statement of pgbench that a record tells of; null: none. */
export function benchMark(record: ArchivedRecord): string | null {
  if (record.kind !== 'statement' || record.outcome !== 'completed') return null;
  const text = String(record.sql);
  const found = simple.exec(text);
  const kind = text.startsWith('INSERT') ? 'insert' : 'select';
  if (found !== null) return `${kind} ${found[2]}.${found[3]}.${found[4]}`;
  if (!text.includes('$1') || !text.includes('bench')) return null;
  const params = (record.params as { v: string }[] | undefined) ?? [];
  return `${kind} ${params.map(({ v }) => v).join('.')}`;
}

/** How often each stands among records, read one after the other. */
export function countBench(
  records: Iterable<ArchivedRecord>,
  counts: Map<string, number> = new Map(),
): Map<string, number> {
  for (const record of records) {
    const id = benchMark(record);
    if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}
