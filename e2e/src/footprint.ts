/** Prints what a recorder costs that runs as in its container: time to its start, resident memory when nobody is connected. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@pgtape/testkit';
import { childrenOf, imageRoot, residentBytes, startEntrypoint } from './imageRoot.ts';

const starts = 7;
/** Memory is given back three seconds after a start. */
const idleMs = 8000;

export interface Footprint {
  readonly startMs: readonly number[];
  /** Bytes. */
  readonly recorder: { readonly all: number; readonly anonymous: number };
  readonly supervisor: { readonly all: number; readonly anonymous: number };
}

async function startOnce(root: string, dwellMs: number): Promise<Footprint> {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-footprint-'));
  const memory = mkdtempSync('/dev/shm/pgtape-footprint-');
  const log = join(dir, 'log');
  const port = await freePort();
  const config = {
    listen: { port },
    capture: { mode: 'Service', port },
    spool: { dir: join(dir, 'spool') },
    journal: { dir: memory },
    health: { port: await freePort() },
    stopGraceSeconds: 0,
  };
  writeFileSync(join(dir, 'recorder.yaml'), JSON.stringify(config));
  const beginMs = performance.now();
  const entrypoint = startEntrypoint(
    root,
    ['recorder', '--config', join(dir, 'recorder.yaml'), '--last-config', join(dir, 'last.yaml')],
    log,
  );
  while (!readFileSync(log, 'utf8').includes('"event":"started"')) {
    if (performance.now() - beginMs > 30_000)
      throw new Error(`it did not start:\n${readFileSync(log, 'utf8')}`);
    await sleep(2);
  }
  const startMs = performance.now() - beginMs;
  await sleep(dwellMs);
  const [recorder] = childrenOf(entrypoint.pid);
  const measured = {
    startMs: [startMs],
    recorder: residentBytes(recorder as number),
    supervisor: residentBytes(entrypoint.pid),
  };
  process.kill(entrypoint.pid, 'SIGTERM');
  await entrypoint.ended;
  rmSync(dir, { recursive: true, force: true });
  rmSync(memory, { recursive: true, force: true });
  return measured;
}

/** @param root see `imageRoot` */
export async function footprint(root: string): Promise<Footprint> {
  const startMs: number[] = [];
  for (let start = 0; start < starts; start += 1) startMs.push(...(await startOnce(root, 0)).startMs);
  const idle = await startOnce(root, idleMs);
  return { ...idle, startMs: [...startMs, ...idle.startMs].sort((a, b) => a - b) };
}

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

if (process.argv[1]?.endsWith('footprint.js')) {
  const { startMs, recorder, supervisor } = await footprint(imageRoot());
  const median = startMs[Math.floor(startMs.length / 2)] ?? 0;
  process.stdout.write(
    `start: ${startMs[0]?.toFixed(0)} ms at best, ${median.toFixed(0)} ms median of ${startMs.length}\n` +
      `idle: recorder ${mebibytes(recorder.all)} MiB resident, ${mebibytes(recorder.anonymous)} of them not of files; ` +
      `supervisor ${mebibytes(supervisor.all)} MiB, ${mebibytes(supervisor.anonymous)} not of files\n`,
  );
}
