/** image/supervise with commands that do as a test says: what it passes on, when it starts again, how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const supervise = fileURLToPath(new URL('../../../image/supervise', import.meta.url));

let dir: string;
let process_: ChildProcess | null = null;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-supervise-'));
});
afterEach(() => {
  process_?.kill('SIGKILL');
  for (const pid of said()) kill(pid, 'SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

function kill(pid: string, signal: NodeJS.Signals): void {
  if (/^\d+$/.test(pid)) {
    try {
      process.kill(Number(pid), signal);
    } catch {
      // It has ended.
    }
  }
}

function linesOf(name: string): string[] {
  try {
    return readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}

/** Each command writes lines here, its pid among them. */
const said = (): string[] => linesOf('said');

/** How many seconds each new start was put off, by the supervisor's own word: a busy machine adds to what a clock would show. */
const pauses = (): string[] =>
  linesOf('log').flatMap((line) => /started again after (\S+) s/.exec(line)?.slice(1) ?? []);

function start(script: string): { readonly pid: number; readonly ended: Promise<number | null> } {
  const command = ['sh', '-c', `say() { echo "$1" >>${dir}/said; }\n${script}`];
  const log = openSync(join(dir, 'log'), 'a');
  const child = spawn(supervise, command, { stdio: ['ignore', 'ignore', log] });
  closeSync(log);
  process_ = child;
  return {
    pid: child.pid as number,
    ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
  };
}

/** The shell sleeps: it knows its child by then, and waits for it. */
const isWaiting = (pid: number): boolean => /\) S /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

async function until(what: () => boolean, withinMs = 30_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!what()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${said().join(' ')}`);
    await sleep(5);
  }
}

const idle = 'say $$; while :; do sleep 0.05; done';

describe('the supervisor', () => {
  it('starts what was killed again, at once', async () => {
    start(idle);
    await until(() => said().length === 1);
    await sleep(1100);
    kill(said()[0] as string, 'SIGKILL');
    await until(() => said().length === 2);
    expect(pauses()).toEqual(['0']);
  });

  it.each(['exit 0', 'exit 1', 'kill -SEGV $$'])('starts again after %s', async (end) => {
    start(`say $$; ${end}`);
    await until(() => said().length >= 3);
    expect(new Set(said()).size).toBe(said().length);
  });

  it('slows down where a command keeps dying at once, and never gives up', async () => {
    start('say $$');
    await until(() => said().length >= 13);
    expect(pauses().slice(0, 12)).toEqual([...Array(10).fill('0.1'), '2', '2']);
  });

  it('passes SIGTERM on, waits, and ends with the status of the command', async () => {
    const { pid, ended } = start(`trap 'say term; sleep 0.3; say drained; exit 7' TERM; ${idle}`);
    await until(() => said().length === 1);
    process.kill(pid, 'SIGTERM');
    expect(await ended).toBe(7);
    expect(said().slice(1)).toEqual(['term', 'drained']);
  });

  it('passes SIGHUP on, and the command lives', async () => {
    const { pid, ended } = start(`trap 'say hup' HUP; trap 'exit 0' TERM; ${idle}`);
    await until(() => said().length === 1);
    // The command may run before the shell knows whom to pass it to; a command that has just begun needs none.
    await until(() => isWaiting(pid));
    process.kill(pid, 'SIGHUP');
    await until(() => said().includes('hup'));
    process.kill(pid, 'SIGHUP');
    await until(() => said().filter((line) => line === 'hup').length === 2);
    process.kill(pid, 'SIGTERM');
    expect(await ended).toBe(0);
    expect(said().filter((line) => /^\d/.test(line))).toHaveLength(1);
  });

  it('ends while it waits to start again', async () => {
    const { pid, ended } = start('say $$; exit 3');
    await until(() => said().length >= 11);
    process.kill(pid, 'SIGTERM');
    expect(await ended).toBe(3);
  });

  it('costs next to nothing', async () => {
    const { pid } = start(idle);
    await until(() => said().length === 1);
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    expect(Number(resident)).toBeLessThan(2500);
  });
});
