/** The composition, with an evidence worker that does what a test says. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecorderConnection, RecorderStatus } from '@pgtape/evidence';
import { RecorderConfig } from './config.ts';
import type { RecorderDeps, RunningRecorder } from './recorderDeps.ts';
import {
  connectTo,
  readJournal,
  ready,
  startReadyServer,
  startServer,
  startupMessage,
  type TestServer,
  until,
} from './relayFixture.testing.ts';
import { startRecorder } from './startRecorder.ts';
import type { StartWorker, WorkerListener } from './workerKeeper.ts';
import type { ToWorker, WorkerPlan, WorkerStats } from './workerPlan.ts';

const stats: WorkerStats = {
  records: 7,
  statements: 5,
  sessionsOpen: 1,
  decodeLost: 0,
  segmentsSealed: 3,
  segmentsAcked: 2,
  outboxSegments: 1,
  outboxBytes: 100,
  oldestSealedUs: null,
  acknowledgedUs: null,
  sendErrors: 0,
  lastSendError: '',
  blockedReels: 0,
  cpuUs: 10,
  typesLearned: 2,
  typeLookups: { answered: 1, timed_out: 3 },
};

interface FakeWorker {
  readonly plans: WorkerPlan[];
  readonly posted: ToWorker[];
  readonly start: StartWorker;
  listener: WorkerListener | null;
}

/** Says `started`, answers `stats` and `stop`. */
function fakeWorker(unsentSegments = 0): FakeWorker {
  const worker: FakeWorker = {
    plans: [],
    posted: [],
    listener: null,
    start: (plan, listener) => {
      worker.plans.push(plan);
      worker.listener = listener;
      setImmediate(() => listener.onMessage({ kind: 'started', recoveredReels: [] }));
      return {
        post: (message) => {
          worker.posted.push(message);
          if (message.kind === 'stats') listener.onMessage({ kind: 'stats', stats });
          else
            setImmediate(() => listener.onMessage({ kind: 'stopped', unsentSegments, unrecoveredReels: 0 }));
        },
        terminate: () => Promise.resolve(),
      };
    },
  };
  return worker;
}

async function statusOf(recorder: RunningRecorder): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${recorder.health?.port}/v1/recorder`)).json();
}

let root: string;
let server: TestServer;
let running: RunningRecorder | null;
const warnings: string[] = [];

beforeEach(async () => {
  root = mkdtempSync('/dev/shm/pgtape-recorder-test-');
  running = null;
  warnings.length = 0;
  server = await startReadyServer();
});
afterEach(async () => {
  await running?.close();
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

function configOf(more: object = {}): RecorderConfig {
  return RecorderConfig.parse({
    listen: { port: 0 },
    upstream: { port: server.port },
    trustUpstream: true,
    spool: { dir: join(root, 'spool') },
    journal: { dir: join(root, 'journal') },
    health: { port: 0 },
    log: { level: 'silent' },
    ...more,
  });
}

async function start(more: object = {}, deps: RecorderDeps = {}): Promise<RunningRecorder> {
  const log = { info: () => {}, warn: (_fields: object, message: string) => void warnings.push(message) };
  running = await startRecorder(configOf(more), { startWorker: fakeWorker().start, log, ...deps });
  return running;
}

describe('startRecorder', () => {
  it('records a session, and closes the tape in order', async () => {
    const worker = fakeWorker(2);
    const recorder = await start({}, { startWorker: worker.start });
    const client = await connectTo(recorder.listen.port);
    client.socket.write(startupMessage());
    await until(() => client.received().length === ready.length, 'ready');
    expect(recorder.stats()).toMatchObject({
      sessionsOpen: 1,
      sessionsTotal: 1,
      bytesFromServer: ready.length,
    });
    expect(await recorder.close()).toEqual({ unsentSegments: 2 });
    running = null;
    await client.ended;
    const entries = readJournal(recorder.journalDir);
    expect(entries.map((entry) => entry.kind).filter((kind) => kind !== 'tick')).toEqual([
      'reel',
      'clock',
      'open',
      'startup',
      'backend',
      'close',
      'end',
    ]);
    expect(JSON.parse(entries.find((entry) => entry.kind === 'close')?.body.toString() ?? '')).toMatchObject({
      why: 'recorder_stopped',
    });
    expect(JSON.parse(entries[0]?.body.toString() ?? '')).toMatchObject({
      reel: recorder.reel,
      recorder: recorder.recorder,
      name: 'recorder',
      journal: 'memory',
    });
    expect(worker.plans[0]).toMatchObject({ reel: recorder.reel, outboxDir: join(root, 'spool', 'outbox') });
    expect(worker.posted.at(-1)).toEqual({ kind: 'stop', graceMs: 10_000 });
    // The worker of this test leaves the reel where it is.
    expect(readdirSync(join(root, 'spool')).sort()).toEqual(['journal-place', 'outbox', 'recorder-id']);
  });

  it('ticks each second and shows health and metrics', async () => {
    const recorder = await start();
    await until(() => recorder.stats().worker !== null, 'worker stats');
    const health = recorder.health;
    const get = async (path: string): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`http://${health?.host}:${health?.port}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    expect((await get('/livez')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    const metrics = (await get('/metrics')).text;
    for (const line of [
      'pgtape_recorder_sessions_open 0',
      'pgtape_recorder_statements_total 5',
      'pgtape_recorder_paused 0',
      'pgtape_recorder_types_learned 2',
      'pgtape_recorder_type_lookups_total{result="answered"} 1',
      'pgtape_recorder_type_lookups_total{result="timed_out"} 3',
    ]) {
      expect(metrics).toContain(line);
    }
    expect(readJournal(recorder.journalDir).some((entry) => entry.kind === 'tick')).toBe(true);
  });

  it('status_endpoint: says what it is and where clients reach it, and whose connection arrived', async () => {
    const postgres = await startServer((socket: Socket) => socket.once('data', () => socket.end('N')));
    const recorder = await start(
      { upstream: { port: postgres.port }, capture: { mode: 'AddressSwap' }, name: 'shop/orders' },
      { configText: 'name: shop/orders\n', version: '1.2.3' },
    );
    const get = async (path: string): Promise<unknown> =>
      (await fetch(`http://127.0.0.1:${recorder.health?.port}${path}`)).json();
    await until(() => recorder.stats().tls.matched === true, 'the server was asked for TLS');
    const status = RecorderStatus.parse(await get('/v1/recorder'));
    expect(status).toMatchObject({
      version: '1.2.3',
      reel: recorder.reel,
      database: 'shop/orders',
      configHash: createHash('sha256').update('name: shop/orders\n').digest('hex').slice(0, 16),
      recorderStarts: 1,
      capture: { mode: 'AddressSwap', achieved: true, listeners: [`127.0.0.1:${recorder.listen.port}`] },
      tls: { matched: true, reason: null },
      coverage: { state: 'no_credentials' },
      spool: { full: null },
    });
    const client = await connectTo(recorder.listen.port);
    const { localPort } = client.socket;
    const seen = (port: number | undefined) => get(`/v1/recorder/connection?from=127.0.0.1:${port}`);
    await until(() => recorder.stats().sessionsOpen === 0, 'idle');
    expect(RecorderConnection.parse(await seen(localPort))).toEqual({ seen: true });
    expect(await seen(1)).toEqual({ seen: false });
    expect(await get('/v1/recorder/connection')).toEqual({ ok: false, reasons: ['not_understood'] });
    client.socket.destroy();
    await recorder.close();
    expect(
      RecorderStatus.parse(await statusOf(await start({ capture: { mode: 'AddressSwap' } }))).recorderStarts,
    ).toBe(2);
    await postgres.close();
  });

  it('a_port_that_postgres_holds: in a pod the recorder starts, says so, and takes it when it is free', async () => {
    const recorder = await start({
      listen: { port: server.port },
      capture: { mode: 'AddressSwap', port: server.port },
    });
    const verdict = () => recorder.stats().capture;
    await until(() => verdict().reason === 'address_in_use', 'told');
    expect(verdict()).toMatchObject({ achieved: false, others: [`127.0.0.1:${server.port}`] });
    await server.close();
    await until(() => verdict().achieved === true, 'taken');
    expect(recorder.listen.port).toBe(server.port);
    server = await startServer(() => {});
  });

  it('journals the types its worker has learned, and warns of a database whose types stay unknown', async () => {
    const worker = fakeWorker();
    const recorder = await start({}, { startWorker: worker.start });
    await until(() => recorder.stats().workerRunning, 'running');
    const entry = {
      database: 'shop',
      types: [{ oid: 90_001, name: 'public.mood', kind: 'enum', of: 0 } as const],
    };
    worker.listener?.onMessage({ kind: 'types', entry });
    const journaled = () => readJournal(recorder.journalDir).filter(({ kind }) => kind === 'types');
    await until(() => journaled().length === 1, 'the entry');
    expect(journaled().map(({ session, body }) => [session, JSON.parse(body.toString())])).toEqual([
      [0, entry],
    ]);
    worker.listener?.onMessage({
      kind: 'types_failed',
      database: 'till',
      reason: 'login_refused',
      detail: 'no',
    });
    expect(warnings.at(-1)).toContain('types of database "till" stay unknown (login_refused): no');
  });

  it('a worker that dies is started anew; meanwhile it is not ready and traffic goes on', async () => {
    const worker = fakeWorker();
    const recorder = await start({}, { startWorker: worker.start });
    await until(() => recorder.stats().workerRunning, 'running');
    worker.listener?.onExit('exit code 1');
    expect(recorder.stats().workerRunning).toBe(false);
    const answer = await fetch(`http://${recorder.health?.host}:${recorder.health?.port}/readyz`);
    expect(answer.status).toBe(503);
    const client = await connectTo(recorder.listen.port);
    client.socket.write(startupMessage());
    await until(() => client.received().length === ready.length, 'ready');
    await until(() => recorder.stats().workerRunning, 'restarted');
    expect(worker.plans).toHaveLength(2);
    expect(worker.plans[1]).toBe(worker.plans[0]);
    expect(recorder.stats().workerRestarts).toBe(1);
    client.socket.destroy();
  });

  it("gaps_counted_once: the worker's gaps by their reason, those told again after it died not again", async () => {
    const worker = fakeWorker();
    const recorder = await start({}, { startWorker: worker.start });
    const gap = { kind: 'gap', reason: 'decode_lost', reel: recorder.reel } as const;
    worker.listener?.onMessage({ ...gap, seq: 4 });
    worker.listener?.onExit('exit code 1');
    worker.listener?.onMessage({ ...gap, seq: 4 });
    expect(recorder.stats().gaps).toEqual({ decode_lost: 1 });
  });

  it('journal_directory_removed: it is made anew within a tick, and a gap says so', async () => {
    const recorder = await start();
    const client = await connectTo(recorder.listen.port);
    client.socket.write(startupMessage());
    await until(() => client.received().length === ready.length, 'ready');
    rmSync(recorder.journalDir, { recursive: true });
    await until(() => existsSync(recorder.journalDir), 'a new directory');
    expect(statSync(recorder.journalDir).mode & 0o777).toBe(0o700);
    const other = await connectTo(recorder.listen.port);
    other.socket.write(startupMessage());
    await until(() => other.received().length === ready.length, 'ready');
    const entries = readJournal(recorder.journalDir);
    expect(entries[0]?.kind).toBe('reel');
    expect(entries.find(({ kind }) => kind === 'gap')?.body.toString()).toContain('journal_damaged');
    expect(warnings.some((line) => line.includes('was removed'))).toBe(true);
    client.socket.destroy();
    other.socket.destroy();
  });

  it('journal_place_gone: a run that did not end in order, and its journal: a warning and a gap', async () => {
    await start();
    const place = join(root, 'spool', 'journal-place');
    const noted = readFileSync(place, 'utf8');
    await running?.close();
    rmSync(join(root, 'journal'), { recursive: true });
    writeFileSync(place, noted);
    warnings.length = 0;
    const recorder = await start();
    const gaps = (): string[] =>
      readJournal(recorder.journalDir)
        .filter(({ kind }) => kind === 'gap')
        .map(({ body }) => (JSON.parse(body.toString()) as { reason: string }).reason);
    await until(() => gaps().length > 0, 'gap');
    expect(gaps()).toEqual(['recorder_crashed']);
    expect(warnings.some((line) => line.includes('is gone'))).toBe(true);
  });

  it('vault_refuses: not ready, one warning when it begins and one when it is over', async () => {
    const worker = fakeWorker();
    const recorder = await start({}, { startWorker: worker.start });
    await until(() => recorder.stats().workerRunning, 'running');
    const tell = (blockedReels: number): void =>
      worker.listener?.onMessage({ kind: 'stats', stats: { ...stats, blockedReels, lastSendError: 'no' } });
    const readiness = async (): Promise<string> => {
      const answer = await fetch(`http://${recorder.health?.host}:${recorder.health?.port}/readyz`);
      return `${answer.status} ${await answer.text()}`;
    };
    tell(1);
    tell(1);
    const refused = await readiness();
    tell(0);
    expect(refused).toMatch(/^503 .*vault_refuses/s);
    expect(warnings.filter((line) => line === 'no')).toHaveLength(1);
    expect(warnings.filter((line) => line.includes('takes what it had refused'))).toHaveLength(1);
    expect(await readiness()).toMatch(/^200/);
  });

  it('spool_lost: another one has taken the lock: the worker stops, and it is not ready', async () => {
    const worker = fakeWorker();
    let terminated = 0;
    const startWorker: StartWorker = (plan, listener) => ({
      ...worker.start(plan, listener),
      terminate: () => {
        terminated += 1;
        return Promise.resolve();
      },
    });
    const recorder = await start({}, { startWorker });
    writeFileSync(join(root, 'spool', 'lock'), 'of somebody else');
    await until(() => warnings.some((line) => line.includes('another recorder has taken')), 'noticed');
    expect(terminated).toBe(1);
    const answer = await fetch(`http://${recorder.health?.host}:${recorder.health?.port}/readyz`);
    expect(await answer.text()).toContain('spool_lost');
  });

  it('a second recorder on the same spool is told so and leaves the first alone', async () => {
    const recorder = await start();
    await expect(startRecorder(configOf(), { startWorker: fakeWorker().start })).rejects.toMatchObject({
      code: 'SPOOL_LOCKED',
    });
    const client = await connectTo(recorder.listen.port);
    client.socket.write(startupMessage());
    await until(() => client.received().length === ready.length, 'ready');
    client.socket.destroy();
  });

  it('a port in use: a clear error, and no lock, no reel and no listener left behind', async () => {
    const failing = startRecorder(configOf({ listen: { port: server.port } }), {
      startWorker: fakeWorker().start,
      log: { info: () => {}, warn: () => {} },
    });
    await expect(failing).rejects.toMatchObject({
      code: 'LISTEN',
      message: expect.stringContaining('listen.port') as unknown,
    });
    expect(existsSync(join(root, 'spool', 'lock'))).toBe(false);
    expect(readdirSync(join(root, 'journal'))).toEqual([]);
  });

  it('a journal on a disk is warned about', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'pgtape-on-disk-'));
    await start({ journal: { dir: join(disk, 'journal'), onDisk: true } });
    if (!tmpdir().startsWith('/dev/shm'))
      expect(warnings.some((line) => line.includes('secrets'))).toBe(true);
    await running?.close();
    running = null;
    rmSync(disk, { recursive: true });
  });
});

describe('RecorderConfig', () => {
  it('needs only a spool', () => {
    expect(RecorderConfig.parse({ spool: { dir: '/x' } })).toMatchObject({
      listen: { host: '127.0.0.1', port: 5433 },
      upstream: { host: '127.0.0.1', port: 5432 },
      trustUpstream: false,
      failure: { onSpoolFull: 'pass' },
      spool: { maxBytes: 4 * 1024 ** 3, highWater: 0.9, lowWater: 0.7 },
    });
  });

  it.each([
    { name: 'an unknown key', config: { spool: { dir: '/x' }, listen: { prot: 1 } } },
    { name: 'no spool', config: {} },
    { name: 'a port that is none', config: { spool: { dir: '/x' }, listen: { port: 70_000 } } },
    { name: 'water marks the wrong way round', config: { spool: { dir: '/x', lowWater: 0.9 } } },
    { name: 'a vault that is no URL', config: { spool: { dir: '/x' }, vault: { url: 'localhost' } } },
  ])('refuses $name', ({ config }) => {
    expect(RecorderConfig.safeParse(config).success).toBe(false);
  });
});
