/** Coverage against a real server: each way past the recorder is told, and nothing that came through it is. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordOf } from '@pgtape/evidence';
import { type EmbeddedPostgres, startTestPostgres, testPostgresMajor } from '@pgtape/testkit';
import pg from 'pg';
import type { RunningRecorder } from './index.ts';
import { type RecorderBeside, startRecorderBeside } from './recorderBeside.testing.ts';
import { until } from './relayFixture.testing.ts';

const password = 'coverage-pw';
const pollSeconds = 1;
let root: string;
let socketDir: string;
let postgres: EmbeddedPostgres;
let beside: RecorderBeside | null = null;
let dirs = 0;

async function startServer(): Promise<EmbeddedPostgres> {
  return startTestPostgres({
    dir: join(root, 'postgres'),
    ...(postgres === undefined ? {} : { port: postgres.port }),
    password,
    settings: { unix_socket_directories: socketDir, autovacuum: 'off' },
    hba: ['local all all scram-sha-256', 'host all,replication all 127.0.0.2/32 scram-sha-256'],
  });
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-coverage-'));
  socketDir = mkdtempSync(join(tmpdir(), 'pgtape-socket-'));
  chmodSync(socketDir, 0o777);
  postgres = await startServer();
  await past(`create role watcher login password '${password}'; grant pg_read_all_stats to watcher;
    create role blind login password '${password}'`);
  credentials('watcher', password);
  credentials('blind', password);
  credentials('watcher', 'not it', 'wrong');
});
afterEach(async () => {
  await beside?.finish();
  beside = null;
});
afterAll(async () => {
  await postgres.stop();
  for (const dir of [root, socketDir]) rmSync(dir, { recursive: true, force: true });
});

function credentials(user: string, secret: string, name = user): void {
  mkdirSync(join(root, name));
  writeFileSync(join(root, name, 'username'), user, { mode: 0o600 });
  writeFileSync(join(root, name, 'password'), `${secret}\n`, { mode: 0o600 });
}

async function connect(port: number, more: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    ...more,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** A session that comes past the recorder, and goes. */
async function past(sql = 'select 1', more: pg.ClientConfig = {}): Promise<void> {
  const client = await connect(postgres.port, more);
  await client.query(sql);
  await client.end();
}

async function start(
  coverage: object = { credentialsDir: join(root, 'watcher') },
  dir = `run-${++dirs}`,
): Promise<RunningRecorder> {
  beside = await startRecorderBeside(join(root, dir), postgres.port, {
    upstream: { port: postgres.port, localAddress: '127.0.0.2' },
    coverage: { periodSeconds: pollSeconds, ...coverage },
  });
  return beside.recorder;
}

const coverageOf = (recorder: RunningRecorder) => recorder.stats().coverage;

async function polls(recorder: RunningRecorder, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const before = coverageOf(recorder).atUs;
    await until(() => coverageOf(recorder).atUs !== before, 'a poll');
  }
}

async function measured(): Promise<RunningRecorder> {
  const recorder = await start();
  await until(() => coverageOf(recorder).state === 'measured', 'measured');
  return recorder;
}

async function bypassRecords(): Promise<RecordOf<'bypass'>[]> {
  const records = await beside!.finish();
  beside = null;
  return records.filter((record) => record.kind === 'bypass');
}

describe('coverage', () => {
  it('tells a session by the unix socket and one by TCP, each once, and none that was recorded', async () => {
    const recorder = await measured();
    const ours = await connect(recorder.listen.port);
    const local = await connect(postgres.port, { host: socketDir, application_name: 'exec psql' });
    const direct = await connect(postgres.port, { application_name: 'direct' });
    await until(() => coverageOf(recorder).bypasses === 2, 'both');
    await polls(recorder, 2);
    expect(coverageOf(recorder)).toMatchObject({ recorded: 1, bypasses: 2, seen: 3, reason: null });
    for (const client of [ours, local, direct]) await client.end();
    const told = await bypassRecords();
    expect(
      told
        .map(({ how, application, address, user, database }) => ({
          how,
          application,
          address,
          user,
          database,
        }))
        .sort((a, b) => a.application.localeCompare(b.application)),
    ).toEqual([
      {
        how: 'activity',
        application: 'direct',
        address: '127.0.0.1',
        user: 'postgres',
        database: 'postgres',
      },
      { how: 'activity', application: 'exec psql', address: '', user: 'postgres', database: 'postgres' },
    ]);
    expect(told.every(({ pid, started }) => pid > 0 && started.length > 15)).toBe(true);
  });

  if (testPostgresMajor >= 14) {
    it('counts sessions shorter than a poll, and not those of the recorder, nor wrong passwords, nor walsenders', async () => {
      const recorder = await measured();
      // Past what the server may count late of what was before.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      for (let at = 0; at < 5; at++) await (await connect(recorder.listen.port)).end();
      await expect(connect(recorder.listen.port, { password: 'wrong' })).rejects.toThrow(/password/);
      const sender = await connect(recorder.listen.port, { replication: 'database' } as pg.ClientConfig);
      await sender.query('IDENTIFY_SYSTEM');
      await sender.end();
      await polls(recorder, 3);
      const before = coverageOf(recorder);
      expect(before).toMatchObject({ recorded: 6, bypasses: 0 });
      for (let at = 0; at < 12; at++) await past();
      await until(() => coverageOf(recorder).bypassesBy.counted > 0, 'counted');
      await polls(recorder, 2);
      const { bypasses } = coverageOf(recorder);
      // The first look grants what may have been under way then; nothing is told twice.
      expect(bypasses).toBeGreaterThanOrEqual(10);
      expect(bypasses).toBeLessThanOrEqual(12);
      const told = await bypassRecords();
      expect(told.reduce((sum, { sessions }) => sum + sessions, 0)).toBe(bypasses);
      expect(told.find(({ how }) => how === 'counted')).toMatchObject({
        database: 'postgres',
        pid: 0,
        started: '0',
      });
    });
  }

  it('churn: hundreds of short sessions through the recorder, and none of them is taken for a bypass', async () => {
    const recorder = await measured();
    const until5s = performance.now() + 5000;
    let sessions = 0;
    const worker = async (): Promise<void> => {
      while (performance.now() < until5s || sessions < 200) {
        const client = await connect(recorder.listen.port);
        await client.query('select 1');
        await client.end();
        sessions += 1;
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    await polls(recorder, 3);
    expect(coverageOf(recorder)).toMatchObject({ recorded: sessions, bypasses: 0, recent: [] });
  });

  it('recorder_stopped: what it left open is not told by the next one', async () => {
    const first = await measured();
    const client = await connect(first.listen.port);
    // A backend that computes does not notice that its client has gone.
    const busy = client
      .query('select count(*) from generate_series(1, 2000000) a, generate_series(1, 20) b')
      .catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 300));
    await beside!.finish();
    const second = await start(undefined, `run-${dirs}`);
    await until(() => coverageOf(second).state === 'measured', 'measured');
    await polls(second, 2);
    expect(coverageOf(second)).toMatchObject({ bypasses: 0 });
    await past("select pg_terminate_backend(pid) from pg_stat_activity where query like 'select count%'");
    await busy;
  });

  it('server_restart: fails while it is away, then goes on, and nothing recorded is told', async () => {
    const recorder = await measured();
    await postgres.stop();
    await until(() => coverageOf(recorder).state === 'failed', 'failed');
    expect(['unreachable', 'query_failed']).toContain(coverageOf(recorder).reason);
    postgres = await startServer();
    await until(() => coverageOf(recorder).state === 'measured', 'measured again');
    const ours = await connect(recorder.listen.port);
    await polls(recorder, 2);
    expect(coverageOf(recorder)).toMatchObject({ bypasses: 0, reason: null });
    const direct = await connect(postgres.port);
    await until(() => coverageOf(recorder).bypasses === 1, 'told');
    await ours.end();
    await direct.end();
  });

  it('smart_shutdown: is not what the server waits for', async () => {
    const recorder = await measured();
    await polls(recorder, 2);
    const ended = (): boolean => !existsSync(join(postgres.dataDir, 'postmaster.pid'));
    expect(ended()).toBe(false);
    process.kill(postgres.pid, 'SIGTERM');
    await until(ended, 'the server has ended', 10_000);
    await until(() => coverageOf(recorder).state === 'failed', 'failed', 10_000);
    expect(coverageOf(recorder)).toMatchObject({ reason: 'unreachable', bypasses: 0 });
    // Whoever only knocks leaves nothing in the server's log.
    expect(readFileSync(postgres.logFile, 'utf8')).not.toMatch(/SASL|message type|could not receive/);
    await postgres.stop();
    postgres = await startServer();
    await until(() => coverageOf(recorder).state === 'measured', 'measured again', 15_000);
  }, 60_000);

  it.each([
    { name: 'wrong password', dir: 'wrong', state: 'failed', reason: 'login_refused' },
    { name: 'missing grant', dir: 'blind', state: 'failed', reason: 'missing_grant' },
    { name: 'no credentials', dir: 'nothing', state: 'no_credentials', reason: 'no_credentials' },
  ])('$name: nothing is claimed', async ({ dir, state, reason }) => {
    const recorder = await start({ credentialsDir: join(root, dir) });
    await until(() => coverageOf(recorder).state !== 'starting', 'told');
    expect(coverageOf(recorder)).toMatchObject({ state, reason, atUs: null, bypasses: 0 });
  });

  it('allow: who is meant to come past is no bypass', async () => {
    const recorder = await start({
      credentialsDir: join(root, 'watcher'),
      allow: [{ user: 'postgres', application: 'exporter' }],
    });
    await until(() => coverageOf(recorder).state === 'measured', 'measured');
    const exporter = await connect(postgres.port, { application_name: 'exporter' });
    const other = await connect(postgres.port, { application_name: 'somebody' });
    await until(() => coverageOf(recorder).bypasses > 0, 'told');
    expect(coverageOf(recorder).recent.map(({ application }) => application)).toEqual(['somebody']);
    await exporter.end();
    await other.end();
  });

  if (testPostgresMajor >= 14) {
    it('allow in one database: short sessions are counted in the others, and not there', async () => {
      await past('create database ledger');
      const recorder = await start({
        credentialsDir: join(root, 'watcher'),
        allow: [{ user: 'postgres', application: 'exporter', database: 'postgres' }],
      });
      await until(() => coverageOf(recorder).state === 'measured', 'measured');
      // Past what the server may count late of what was before.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      await (await connect(recorder.listen.port, { database: 'ledger' })).end();
      for (let at = 0; at < 12; at++) await past('select 1', { application_name: 'exporter' });
      await polls(recorder, 3);
      expect(coverageOf(recorder)).toMatchObject({ recorded: 1, bypasses: 0 });
      for (let at = 0; at < 12; at++) await past('select 1', { database: 'ledger' });
      await until(() => coverageOf(recorder).bypassesBy.counted > 0, 'counted');
      await polls(recorder, 2);
      const { bypasses } = coverageOf(recorder);
      // The first look grants what may have been under way then.
      expect(bypasses).toBeGreaterThanOrEqual(9);
      expect(bypasses).toBeLessThanOrEqual(12);
      expect(new Set((await bypassRecords()).map(({ database }) => database))).toEqual(new Set(['ledger']));
    }, 60_000);
  }
});
