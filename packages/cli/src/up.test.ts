import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isRunning } from '@pgtape/process';
import { freePort } from '@pgtape/testkit';
import pg from 'pg';
import { writeBigArchive } from './archive.testing.ts';
import { exitCode } from './exitCode.ts';
import { type FakeIo, runFake } from './fakeIo.testing.ts';
import { upLayout } from './upLayout.ts';
import { upHolder } from './upLock.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

/** A command in this process: starting one costs a tenth of a second, and there are many. */
const pgtape = (cwd: string, ...args: readonly string[]): Promise<FakeIo> => runFake(args, { cwd });

interface Up {
  readonly child: ChildProcess;
  readonly connection: string;
  /** Everything said so far. */
  text(): string;
  readonly ended: Promise<number>;
  stop(signal?: NodeJS.Signals): Promise<number>;
}

async function flagsFor(): Promise<string[]> {
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const names = ['--port', '--vault-otlp-port', '--vault-http-port', '--health-port'];
  return names.flatMap((name, at) => [name, String(ports[at])]);
}

async function startUp(cwd: string, flags: readonly string[], env: Record<string, string> = {}): Promise<Up> {
  const child = spawn(process.execPath, [main, 'up', ...flags], {
    cwd,
    env: { ...process.env, ...env },
    stdio: 'pipe',
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
  for (let waited = 0; waited < 60_000; waited += 50) {
    const connection = /postgres:\/\/\S+/.exec(text)?.[0];
    if (connection !== undefined && text.includes('Ctrl-C')) {
      return {
        child,
        connection,
        text: () => text,
        ended,
        async stop(signal = 'SIGINT') {
          child.kill(signal);
          return await ended;
        },
      };
    }
    if (child.exitCode !== null) throw new Error(`up ended: ${text}`);
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error(`up never came up: ${text}`);
}

/** The listing once so many sessions are on tape to their ends; a session may lie in several segments. */
async function archived(cwd: string, atLeast: number): Promise<FakeIo> {
  let listing = '';
  for (let waited = 0; waited < 60_000; waited += 100) {
    const run = await pgtape(cwd, 'sessions', '-o', 'json');
    listing = run.out.text;
    const sessions = run.code === 0 ? (JSON.parse(listing) as { verdict: string }[]) : [];
    if (sessions.length >= atLeast && sessions.every(({ verdict }) => verdict !== 'open')) return run;
    await sleep(100);
  }
  throw new Error(`never ${atLeast} whole sessions on tape: ${listing}`);
}

/** The process whose command line holds `part`. */
function processWith(part: string): number {
  const pid = readdirSync('/proc').find((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(part);
    } catch {
      return false;
    }
  });
  if (pid === undefined) throw new Error(`no process with ${JSON.stringify(part)}`);
  return Number(pid);
}

function childOf(cwd: string, name: 'vault' | 'recorder'): number {
  return processWith(`${name}\0--config\0${upLayout(join(cwd, '.pgtape'))[name].configFile}\0`);
}

/** The server, by the port its recorder was told. */
function serverOf(cwd: string): number {
  const yaml = readFileSync(upLayout(join(cwd, '.pgtape')).recorder.configFile, 'utf8');
  return processWith(`\0port=${/upstream:\n {2}host: \S+\n {2}port: (\d+)/.exec(yaml)?.[1]}\0`);
}

const verdictOf = async (cwd: string): Promise<string> =>
  (JSON.parse((await pgtape(cwd, 'verify', '-o', 'json', '--strict')).out.text) as { verdict: string })
    .verdict;
const directly = ['--archive', join('.pgtape', 'archive')];
const sessionCount = async (cwd: string): Promise<number> =>
  (JSON.parse((await pgtape(cwd, 'sessions', ...directly, '-o', 'json')).out.text) as unknown[]).length;

describe('pgtape up', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-up-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('signal_echo: the same signal twice at once still ends it in order', async () => {
    const up = await startUp(dir, await flagsFor());
    up.child.kill('SIGTERM');
    await sleep(50);
    expect(await up.stop('SIGTERM')).toBe(0);
    expect(() => processWith(join(dir, '.pgtape', 'postgres'))).toThrow('no process');
  });

  it('records a demo that sessions, search, play and verify then tell, over two runs', async () => {
    const flags = await flagsFor();
    const up = await startUp(dir, flags, { LANG: 'de_DE.UTF-8', LC_ALL: 'xx_YY.bogus' });
    const demo = await pgtape(dir, 'demo');
    expect([demo.code, demo.err.text]).toEqual([0, '']);
    expect(demo.out.text).toContain('All of it is on tape');
    const sessions = JSON.parse((await archived(dir, 4)).out.text) as Record<string, unknown>[];
    expect(sessions.map(({ user, verdict }) => [user, verdict])).toEqual([
      ['postgres', 'complete'],
      ['ada_dba', 'complete'],
      ['shop_app', 'complete'],
      ['grace_analyst', 'complete'],
    ]);
    const failures = await pgtape(dir, 'search', '--error', 'any', '-o', 'jsonl');
    const states = failures.out.text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { error: { sqlstate: string } }).error.sqlstate);
    expect(states.sort()).toEqual(['23514', '42501']);
    const altered = await pgtape(dir, 'search', 'ALTER ROLE grace_analyst');
    expect(altered.out.text).toContain("PASSWORD '[redacted]'");
    expect((await pgtape(dir, 'search', 'no such text')).code).toBe(exitCode.found);
    const played = await pgtape(dir, 'play', 'last', '--speed', 'max');
    expect(played.out.text).toContain('SELECT count(*), max(amount) FROM shop.orders');
    expect(played.err.text).toContain('complete');
    expect(await up.stop()).toBe(0);

    expect(await verdictOf(dir)).toBe('complete');
    const unrecorded = await pgtape(dir, 'sessions');
    expect([unrecorded.code, unrecorded.err.text]).toEqual([
      exitCode.environment,
      expect.stringMatching(/NO_VAULT.*\n.*\.\/pgtape up.*--archive DIRECTORY/),
    ]);

    const again = await startUp(dir, flags);
    expect(again.connection).toBe(up.connection);
    const other = await pgtape(dir, 'up', ...(await flagsFor()));
    expect([other.code, other.err.text]).toEqual([
      exitCode.environment,
      expect.stringContaining(`already running here (pid ${again.child.pid}): ${up.connection} [ALREADY_UP]`),
    ]);
    expect((await pgtape(dir, 'demo')).code).toBe(0);
    expect(await again.stop()).toBe(0);
    expect(await sessionCount(dir)).toBe(8);
  });

  it('goes on after kill -9: the stale lock and the server left behind are dealt with', async () => {
    const flags = await flagsFor();
    const up = await startUp(dir, flags);
    for (let session = 1; session <= 4; session += 1) {
      const client = new pg.Client({ connectionString: up.connection });
      await client.connect();
      await client.query('select $1::int', [session]);
      await client.end();
    }
    up.child.kill('SIGKILL');
    await up.ended;
    expect((await pgtape(dir, 'demo')).err.text).toContain('[NOT_UP]');
    const again = await startUp(dir, flags);
    expect(again.text()).toContain('the last run did not end in order');
    expect(await again.stop()).toBe(0);
    expect(await verdictOf(dir)).toBe('complete');
    expect(await sessionCount(dir)).toBe(4);
    const found = await pgtape(dir, 'search', 'select $1::int', ...directly, '-o', 'jsonl');
    expect(found.out.text.trimEnd().split('\n').length).toBe(4);
  });

  it('ends in order, in a directory named from here, when its terminal is closed', async () => {
    const up = await startUp(dir, [...(await flagsFor()), '--dir', 'sub/try']);
    const lockFile = join(dir, 'sub', 'try', 'up.lock');
    expect(upHolder(lockFile)).toMatchObject({ pid: up.child.pid, connection: up.connection });
    // A closed terminal takes what is written to it with an error.
    up.child.stdout?.destroy();
    up.child.stderr?.destroy();
    expect(await up.stop('SIGHUP')).toBe(0);
    expect(existsSync(lockFile)).toBe(false);
    const verified = await pgtape(dir, 'verify', '--archive', 'sub/try/archive');
    expect([verified.code, verified.out.text]).toEqual([0, expect.stringContaining('Verdict: complete')]);
  });

  it.each([
    {
      name: 'the recorder',
      find: (of: string) => childOf(of, 'recorder'),
      says: 'the recorder ended by itself (exit code 137)',
    },
    { name: 'PostgreSQL', find: (of: string) => serverOf(of), says: 'PostgreSQL ended by itself' },
  ])('stops the others and says so when $name dies', async ({ find, says }) => {
    const up = await startUp(dir, await flagsFor());
    const pids = [childOf(dir, 'vault'), childOf(dir, 'recorder')];
    process.kill(find(dir), 'SIGKILL');
    expect(await up.ended).toBe(exitCode.failure);
    expect(up.text()).toContain(`pgtape: ${says} [CHILD_ENDED]`);
    expect(up.text().includes('closing the tape')).toBe(says.startsWith('PostgreSQL'));
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(join(dir, '.pgtape', 'up.lock'))).toBe(false);
  });

  it('runs once where it is started twice at the same time', async () => {
    const flags = [await flagsFor(), await flagsFor()];
    const runs = await Promise.allSettled(flags.map((some) => startUp(dir, some)));
    const failures = runs.filter((run) => run.status === 'rejected');
    expect(failures.map(({ reason }) => String(reason))).toEqual([
      expect.stringMatching(/already (starting|running) here .*\[ALREADY_UP\]/),
    ]);
    for (const run of runs) if (run.status === 'fulfilled') expect(await run.value.stop()).toBe(0);
    expect(await verdictOf(dir)).toBe('complete');
  });

  it('says which port is in use and which flag helps', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    const run = await pgtape(dir, 'up', ...(await flagsFor()), '--port', String(port));
    holder.close();
    expect([run.code, run.out.text]).toEqual([exitCode.environment, '']);
    expect(run.err.text).toContain(`port ${port} for the recorder is in use [PORT_IN_USE]`);
    expect(run.err.text).toContain('./pgtape up --port');
    expect(existsSync(upLayout(join(dir, '.pgtape')).lockFile)).toBe(false);
  });

  it('says that a directory cannot be written', async () => {
    // A file where the directory should be: root may write anywhere else.
    writeFileSync(join(dir, 'taken'), '');
    const run = await pgtape(dir, 'up', '--dir', join(dir, 'taken', 'inside'));
    expect(run.code).toBe(exitCode.environment);
    expect(run.err.text).toContain('[DIRECTORY_NOT_WRITABLE]');
    expect(run.err.text).toContain('--dir DIRECTORY');
    const proc = await pgtape(dir, 'up', '--dir', '/proc/pgtape');
    expect([proc.code, proc.err.text]).toEqual([
      exitCode.environment,
      expect.stringContaining('DIRECTORY_NOT_WRITABLE'),
    ]);
  });

  it('keeps what it makes to its owner', async () => {
    const up = await startUp(dir, await flagsFor());
    const modeOf = (path: string): string => (statSync(join(dir, '.pgtape', path)).mode & 0o777).toString(8);
    const files = ['postgres.password', 'vault.token', 'vault.token.sha256', 'recorder.yaml', 'up.lock'];
    expect(['archive', 'spool', ...files].map(modeOf)).toEqual(['700', '700', ...files.map(() => '600')]);
    const token = readFileSync(join(dir, '.pgtape', 'vault.token'), 'utf8').trim();
    expect((await pgtape(dir, 'sessions')).err.text).toBe('no sessions\n');
    for (const file of ['vault.log', 'vault.yaml', 'vault.token.sha256', 'recorder.log', 'up.lock']) {
      expect([file, readFileSync(join(dir, '.pgtape', file), 'utf8').includes(token)]).toEqual([file, false]);
    }
    const password = readFileSync(join(dir, '.pgtape', 'postgres.password'), 'utf8').trim();
    expect(readFileSync(join(dir, '.pgtape', 'recorder.log'), 'utf8')).not.toContain(password);
    expect(await up.stop()).toBe(0);
  });
});

describe('the process', () => {
  it('ends quietly when its reader goes away, and with 130 at a signal', async () => {
    const root = mkdtempSync(join(tmpdir(), 'pgtape-pipe-'));
    writeBigArchive(root, 20_000, 1, 1000);
    const command = `"${process.execPath}" "${main}" search --archive "${root}" -o jsonl`;
    const piped = spawnSync('bash', ['-c', `set -o pipefail; ${command} | head -1 | wc -l`], {
      encoding: 'utf8',
    });
    const notice = `pgtape: reading ${root} directly: this reading is not recorded\n`;
    expect([piped.status, piped.stdout.trim(), piped.stderr]).toEqual([0, '1', notice]);
    const tape = spawn(process.execPath, [main, 'play', 'last', '--archive', root], { stdio: 'pipe' });
    await once(tape.stdout, 'data');
    tape.kill('SIGINT');
    const [code] = (await once(tape, 'exit')) as [number];
    rmSync(root, { recursive: true });
    expect(code).toBe(exitCode.interrupted);
  });
});
