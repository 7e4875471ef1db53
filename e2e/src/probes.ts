/** What the end-to-end tests ask of running processes and of finished archives, from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ReelVerdict, type Verdict, worse } from '@pgtape/evidence';
import pg from 'pg';
import { pgtapeMain } from './pgtapeCommand.ts';
import type { Stack } from './stack.ts';

export const mebibyte = 1024 * 1024;

export interface VerifyReport {
  readonly code: number | null;
  /** Over everything. */
  readonly whole: string;
  /** The worst of the recorders' reels, `forged` where anything is. */
  readonly verdict: string;
  /** The recorders' reels. */
  readonly reels: readonly ReelVerdict[];
  /** The vaults' own. */
  readonly vaults: readonly ReelVerdict[];
  readonly strangers: readonly string[];
}

/** `pgtape verify --strict` as a user runs it. */
export function verify(archiveDir: string): VerifyReport {
  const args = [pgtapeMain, 'verify', '--archive', archiveDir, '-o', 'json', '--strict'];
  const run = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 64 * mebibyte,
    env: process.env,
  });
  if (!run.stdout.startsWith('{')) throw new Error(`verify said: ${run.stdout}${run.stderr}`);
  const report = JSON.parse(run.stdout) as Omit<VerifyReport, 'code' | 'whole' | 'vaults'>;
  const [reels, vaults] = ['recorder', 'vault'].map((by) => report.reels.filter((reel) => reel.by === by));
  const worst = reels!.reduce<Verdict>((sum, reel) => worse(sum, reel.verdict), 'complete');
  const verdict = report.verdict === 'forged' ? 'forged' : worst;
  return { ...report, code: run.status, whole: report.verdict, verdict, reels: reels!, vaults: vaults! };
}

/** Resident set of a process in bytes; `peak`: the highest it ever was. */
export function residentBytes(pid: number, which: 'now' | 'peak' = 'now'): number {
  const name = which === 'peak' ? 'VmHWM' : 'VmRSS';
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1024;
}

/** Prometheus text as numbers: `name` or `name{label="value"}` to value. */
export async function metricsAt(port: number, host = '127.0.0.1'): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${host}:${port}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** Polls until `isTrue` is; throws with `what` after `ms`. */
export async function until(
  what: string,
  ms: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(25);
  }
}

/** The living reel alone has a journal, and nothing waits for the vault. What a recorder that has just started says of its outbox is nothing. */
export async function drained(stack: Stack, ms = 60_000): Promise<void> {
  let seen = {};
  const isDrained = async (): Promise<boolean> => {
    const metrics = await metricsAt(stack.ports.health);
    const value = (name: string): number => metrics[`pgtape_recorder_${name}`] ?? 0;
    const journals = readdirSync(stack.journalDir).flatMap((id) => readdirSync(join(stack.journalDir, id)));
    const reels = journals.filter((name) => /^[0-9a-f]{32}$/.test(name)).length;
    seen = {
      reels,
      waiting: value('outbox_segments'),
      blocked: value('blocked_reels'),
      errors: value('send_errors_total'),
    };
    return (
      value('worker_running') === 1 &&
      value('records_total') > 0 &&
      value('outbox_segments') === 0 &&
      reels === 1
    );
  };
  try {
    await until('nothing waits for the vault', ms, isDrained);
  } catch (error) {
    throw new Error(`what waits: ${JSON.stringify(seen)}`, { cause: error });
  }
}

/** Runs with a client that is ended afterwards. */
export async function withClient<T>(
  config: pg.ClientConfig,
  run: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(config);
  client.on('error', () => {});
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end().catch(() => {});
  }
}

export function pgbench(stack: Stack, port: number, args: readonly string[]): void {
  execFileSync('pgbench', [...args, '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', 'postgres'], {
    env: { ...process.env, PGPASSWORD: stack.postgres.password },
    stdio: 'pipe',
  });
}

/** Round trips of `SELECT 1` in milliseconds, one after the other, for about `ms`. */
export async function roundTrips(client: pg.Client, ms: number, pauseMs = 2): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const from = performance.now();
    await client.query('SELECT 1');
    times.push(performance.now() - from);
    await sleep(pauseMs);
  }
  return times.sort((a, b) => a - b);
}

/** The `share` quantile (0 to 1) of sorted numbers. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A measured number, for who reads the run's output. */
export function tell(text: string): void {
  process.stderr.write(`      ${text}\n`);
}
