import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '@pgtape/testkit';
import { exitCode } from './exitCode.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function pgtape(cwd: string, ...args: readonly string[]): Run {
  const run = spawnSync(process.execPath, [main, ...args], { cwd, encoding: 'utf8', timeout: 60_000 });
  return { code: run.status ?? -1, out: run.stdout, err: run.stderr };
}

interface Up {
  readonly child: ChildProcess;
  readonly connection: string;
  stop(): Promise<number>;
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
        async stop() {
          child.kill('SIGINT');
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

async function archived(cwd: string, atLeast: number): Promise<Run> {
  for (let waited = 0; waited < 15_000; waited += 500) {
    const run = pgtape(cwd, 'sessions', '-o', 'json');
    if (run.code === 0 && (JSON.parse(run.out) as unknown[]).length >= atLeast) return run;
    await sleep(500);
  }
  throw new Error(`never ${atLeast} sessions on tape`);
}

describe('pgtape up', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-up-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('records a demo that sessions, search, play and verify then tell, over two runs', async () => {
    const flags = await flagsFor();
    const up = await startUp(dir, flags, { LANG: 'de_DE.UTF-8', LC_ALL: 'xx_YY.bogus' });
    const demo = pgtape(dir, 'demo');
    expect([demo.code, demo.err]).toEqual([0, '']);
    expect(demo.out).toContain('All of it is on tape');
    const sessions = JSON.parse((await archived(dir, 4)).out) as Record<string, unknown>[];
    expect(sessions.map(({ user, verdict }) => [user, verdict])).toEqual([
      ['postgres', 'open'],
      ['ada_dba', 'open'],
      ['shop_app', 'open'],
      ['grace_analyst', 'open'],
    ]);
    expect(await up.stop()).toBe(0);

    const verified = pgtape(dir, 'verify', '-o', 'json', '--strict');
    expect([verified.code, (JSON.parse(verified.out) as { verdict: string }).verdict]).toEqual([
      0,
      'complete',
    ]);
    const failures = pgtape(dir, 'search', '--error', 'any', '-o', 'jsonl');
    const states = failures.out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { error: { sqlstate: string } }).error.sqlstate);
    expect(states.sort()).toEqual(['23514', '42501']);
    expect(pgtape(dir, 'search', 'ALTER ROLE grace_analyst').out).toContain("PASSWORD '[redacted]'");
    expect(pgtape(dir, 'search', 'no such text').code).toBe(exitCode.found);
    const played = pgtape(dir, 'play', 'last', '--speed', 'max');
    expect(played.out).toContain('SELECT count(*), max(amount) FROM shop.orders');
    expect(played.err).toContain('complete');

    const again = await startUp(dir, flags);
    expect(again.connection).toBe(up.connection);
    const other = pgtape(dir, 'up', ...(await flagsFor()));
    expect([other.code, other.err]).toEqual([exitCode.environment, expect.stringContaining('ALREADY_UP')]);
    expect(pgtape(dir, 'demo').code).toBe(0);
    expect(await again.stop()).toBe(0);
    expect((JSON.parse(pgtape(dir, 'sessions', '-o', 'json').out) as unknown[]).length).toBe(8);
  }, 120_000);

  it('goes on after kill -9: the stale lock and the server left behind are dealt with', async () => {
    const flags = await flagsFor();
    const up = await startUp(dir, flags);
    expect(pgtape(dir, 'demo').code).toBe(0);
    up.child.kill('SIGKILL');
    const again = await startUp(dir, flags);
    expect(await again.stop()).toBe(0);
    const verified = pgtape(dir, 'verify', '-o', 'json');
    expect((JSON.parse(verified.out) as { verdict: string }).verdict).toBe('complete');
    expect((JSON.parse(pgtape(dir, 'sessions', '-o', 'json').out) as unknown[]).length).toBe(4);
  }, 120_000);

  it('says which port is in use and which flag helps', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    const flags = await flagsFor();
    const run = pgtape(dir, 'up', ...flags, '--port', String(port));
    holder.close();
    expect([run.code, run.out]).toEqual([exitCode.environment, '']);
    expect(run.err).toContain(`port ${port} for the recorder is in use [PORT_IN_USE]`);
    expect(run.err).toContain('./pgtape up --port');
  });

  it('says that a directory cannot be written', async () => {
    // A file where the directory should be: root may write anywhere else.
    writeFileSync(join(dir, 'taken'), '');
    const run = pgtape(dir, 'up', '--dir', join(dir, 'taken', 'inside'));
    expect(run.code).toBe(exitCode.environment);
    expect(run.err).toContain('[DIRECTORY_NOT_WRITABLE]');
    expect(run.err).toContain('--dir DIRECTORY');
    const proc = pgtape(dir, 'up', '--dir', '/proc/pgtape');
    expect([proc.code, proc.err]).toEqual([
      exitCode.environment,
      expect.stringContaining('DIRECTORY_NOT_WRITABLE'),
    ]);
  });

  it('keeps what it makes to its owner', async () => {
    const up = await startUp(dir, await flagsFor());
    const modeOf = (path: string): string => (statSync(join(dir, '.pgtape', path)).mode & 0o777).toString(8);
    expect(['archive', 'spool', 'postgres.password', 'recorder.yaml', 'up.lock'].map(modeOf)).toEqual([
      '700',
      '700',
      '600',
      '600',
      '600',
    ]);
    const password = readFileSync(join(dir, '.pgtape', 'postgres.password'), 'utf8').trim();
    expect(readFileSync(join(dir, '.pgtape', 'recorder.log'), 'utf8')).not.toContain(password);
    expect(await up.stop()).toBe(0);
  }, 60_000);
});

describe('the command line', () => {
  it.each([
    { name: 'no archive', args: ['sessions'], code: exitCode.environment, err: 'NO_ARCHIVE' },
    { name: 'an unknown command', args: ['sesions'], code: exitCode.usage, err: 'sessions' },
    { name: 'an unknown option', args: ['verify', '--strictly'], code: exitCode.usage, err: '--strict' },
    {
      name: 'a bad format',
      args: ['sessions', '-o', 'xml'],
      code: exitCode.usage,
      err: 'table, json, jsonl',
    },
    { name: 'a bad port', args: ['up', '--port', '70000'], code: exitCode.usage, err: '1 to 65535' },
    { name: 'no up to demo', args: ['demo'], code: exitCode.environment, err: './pgtape up' },
    {
      name: 'a missing file',
      args: ['recorder', '--config', 'none.yaml'],
      code: exitCode.usage,
      err: 'CONFIG_UNREADABLE',
    },
    {
      name: 'no vault to tail',
      args: ['tail', '--vault', 'http://127.0.0.1:1'],
      code: exitCode.environment,
      err: 'VAULT_UNREACHABLE',
    },
  ])('explains $name', ({ args, code, err }) => {
    const run = pgtape(tmpdir(), ...args);
    expect([run.code, run.out]).toEqual([code, '']);
    expect(run.err).toContain(err);
  });

  it.each([
    ['up'],
    ['demo'],
    ['sessions'],
    ['search'],
    ['play'],
    ['tail'],
    ['verify'],
    ['recorder'],
    ['vault'],
  ])('pgtape %s --help has examples', (command) => {
    const run = pgtape(tmpdir(), command, '--help');
    expect([run.code, run.err]).toEqual([0, '']);
    expect(run.out).toContain('Examples:');
  });
});
