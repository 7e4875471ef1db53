import { spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@pgtape/testkit';
import { pgtapeMain } from './pgtapeCommand.ts';
import { until } from './probes.ts';

const tmpfs = 0x01021994;
const isMemory = (dir: string): boolean => statfsSync(dir).type === tmpfs;
const uid = process.getuid?.() ?? 0;

interface Ended {
  readonly code: number;
  readonly text: string;
}

/** Runs `pgtape recorder` with this environment over the spool; `whileUp` once it listens, then SIGTERM. */
async function runRecorder(
  spool: string,
  env: Readonly<Record<string, string>>,
  whileUp: () => void | Promise<void> = () => {},
): Promise<Ended> {
  const port = await freePort();
  const args = [
    pgtapeMain,
    'recorder',
    '--spool',
    spool,
    '--listen',
    `127.0.0.1:${port}`,
    '--upstream',
    '127.0.0.1:1',
  ];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH ?? '', PGTAPE_RECORDER_STOP_GRACE_SECONDS: '0.2', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
  try {
    await until('it listens or ends', 60_000, () => text.includes('"started"') || child.exitCode !== null);
    if (child.exitCode === null) await whileUp();
  } finally {
    child.kill('SIGTERM');
  }
  return { code: await ended, text };
}

/** The one journal of a reel below a directory. */
const journalsBelow = (dir: string): string[] =>
  existsSync(dir)
    ? readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.journal'))
    : [];

const recorderOf = (spool: string): string => readFileSync(join(spool, 'recorder-id'), 'utf8').trim();

describe('the journal lies in memory unless a disk was asked for', () => {
  let dir = '';
  let runtimeDir = '';
  const shm = join('/dev/shm', `pgtape-${uid}`);
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-journal-'));
    runtimeDir = mkdtempSync('/dev/shm/pgtape-run-');
  });
  afterEach(() => {
    const spool = join(dir, 'spool');
    if (existsSync(join(spool, 'recorder-id')))
      rmSync(join(shm, recorderOf(spool)), { recursive: true, force: true });
    rmSync(dir, { recursive: true, force: true });
    rmSync(runtimeDir, { recursive: true, force: true });
  });

  it('with nothing configured: in XDG_RUNTIME_DIR', async () => {
    const spool = join(dir, 'spool');
    let found: string[] = [];
    await runRecorder(spool, { XDG_RUNTIME_DIR: runtimeDir }, () => {
      found = journalsBelow(join(runtimeDir, `pgtape-${uid}`, recorderOf(spool)));
    });
    expect(found).toEqual([expect.stringMatching(/^[0-9a-f]{32}\/0*1\.journal$/)]);
    expect(journalsBelow(spool)).toEqual([]);
  });

  it.each([
    { name: 'without XDG_RUNTIME_DIR', env: () => ({}) },
    { name: 'with one that is not there', env: () => ({ XDG_RUNTIME_DIR: '/run/user/4242424242' }) },
    { name: 'with one on a disk', env: () => ({ XDG_RUNTIME_DIR: dir }) },
    { name: 'with an empty one', env: () => ({ XDG_RUNTIME_DIR: '' }) },
  ])('$name: in /dev/shm, for nobody else to read', async ({ env }) => {
    const spool = join(dir, 'spool');
    let found: string[] = [];
    await runRecorder(spool, env(), () => {
      found = journalsBelow(join(shm, recorderOf(spool)));
    });
    expect(isMemory('/dev/shm')).toBe(true);
    expect(found).toHaveLength(1);
    expect(journalsBelow(spool)).toEqual([]);
  });

  (uid === 0 ? it : it.skip)(
    'does not take a directory in XDG_RUNTIME_DIR that somebody else prepared',
    async () => {
      const spool = join(dir, 'spool');
      const trap = join(runtimeDir, `pgtape-${uid}`);
      mkdirSync(trap, { mode: 0o777 });
      chownSync(trap, 65_534, 65_534);
      let found: string[] = [];
      await runRecorder(spool, { XDG_RUNTIME_DIR: runtimeDir }, () => {
        found = journalsBelow(join(shm, recorderOf(spool)));
      });
      expect(readdirSync(trap)).toEqual([]);
      expect(found).toHaveLength(1);
    },
  );

  it('on a disk: refused, and says what to do', async () => {
    expect(isMemory(dir)).toBe(false);
    const env = { PGTAPE_RECORDER_JOURNAL_DIR: join(dir, 'journal') };
    const { code, text } = await runRecorder(join(dir, 'spool'), env);
    expect(text).toMatch(/is not memory-backed, and the journal holds statements with their secrets/);
    expect(text).toMatch(/point journal\.dir at a tmpfs, or accept a disk with journal\.onDisk/);
    expect(text).not.toMatch(/^\s+at /m);
    expect(code).toBe(3);
    expect(journalsBelow(dir)).toEqual([]);
  });

  it('on a disk with journal.onDisk: taken, with a warning', async () => {
    const journal = join(dir, 'journal');
    let found: string[] = [];
    const env = { PGTAPE_RECORDER_JOURNAL_DIR: journal, PGTAPE_RECORDER_JOURNAL_ON_DISK: 'true' };
    const { text } = await runRecorder(join(dir, 'spool'), env, () => {
      found = journalsBelow(journal);
    });
    expect(found).toHaveLength(1);
    expect(text).toMatch(/the journal lies on a disk .*statements reach it with their secrets/);
  });
});
