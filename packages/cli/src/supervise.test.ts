/** image/supervise with commands that do as a test says: what it passes on, when it starts again, how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

/** Each command writes lines here, its pid among them. */
function said(): string[] {
  try {
    return readFileSync(join(dir, 'said'), 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}

function start(script: string): { readonly pid: number; readonly ended: Promise<number | null> } {
  const command = ['sh', '-c', `say() { echo "$1" >>${dir}/said; }\n${script}`];
  const child = spawn(supervise, command, { stdio: ['ignore', 'ignore', 'ignore'] });
  process_ = child;
  return {
    pid: child.pid as number,
    ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
  };
}

async function until(what: () => boolean, withinMs = 5000): Promise<void> {
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
    const killedMs = performance.now();
    kill(said()[0] as string, 'SIGKILL');
    await until(() => said().length === 2);
    // No pause: what is left is the start of a shell.
    expect(performance.now() - killedMs).toBeLessThan(90);
  });

  it.each(['exit 0', 'exit 1', 'kill -SEGV $$'])('starts again after %s', async (end) => {
    start(`say $$; ${end}`);
    await until(() => said().length >= 3);
    expect(new Set(said()).size).toBe(said().length);
  });

  it('slows down where a command keeps dying at once, and never gives up', async () => {
    start('say $$');
    // Eleven starts with a tenth of a second between them, then one every two seconds.
    await until(() => said().length >= 11);
    await sleep(1000);
    expect(said().length).toBeLessThanOrEqual(12);
    await until(() => said().length >= 13);
  }, 15_000);

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
    await sleep(100);
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
