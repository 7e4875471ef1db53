/** What stands in the way of a start in a pod, and that clients are served all the same. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecorderStatus } from '@pgtape/evidence';
import { RecorderConfig } from './config.ts';
import { placesInPod, startRecorderInPod } from './podRecorder.ts';
import type { RunningRecorder } from './recorderDeps.ts';
import {
  connectTo,
  ready,
  startReadyServer,
  startupMessage,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

let root: string;
let memory: string;
let server: TestServer;
let running: RunningRecorder | null = null;
const warnings: string[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-pod-'));
  memory = mkdtempSync('/dev/shm/pgtape-pod-');
  server = await startReadyServer();
  warnings.length = 0;
});

afterEach(async () => {
  await running?.close();
  running = null;
  await server.close();
  rmSync(root, { recursive: true, force: true });
  rmSync(memory, { recursive: true, force: true });
});

const configOf = (more: object): RecorderConfig =>
  RecorderConfig.parse({
    listen: { port: 0 },
    upstream: { port: server.port },
    capture: { mode: 'Service', port: server.port },
    trustUpstream: true,
    spool: { dir: join(root, 'spool') },
    journal: { dir: memory },
    health: { port: 0 },
    stopGraceSeconds: 0,
    ...more,
  });

async function start(more: object): Promise<RunningRecorder> {
  const log = { info: () => {}, warn: (fields: object) => warnings.push(JSON.stringify(fields)) };
  running = await startRecorderInPod(configOf(more), { log, standIns: ['config_last_good'] });
  return running;
}

/** Once the evidence worker runs. */
async function reasons(recorder: RunningRecorder): Promise<unknown> {
  for (let asked = 0; ; asked += 1) {
    const response = await fetch(`http://127.0.0.1:${recorder.health?.port}/readyz`);
    const answer = (await response.json()) as { ok: boolean };
    if (answer.ok || asked === 3000) return answer;
    await sleep(10);
  }
}

async function isServed({ listen }: RunningRecorder): Promise<boolean> {
  const client = await connectTo(listen.port);
  client.socket.write(startupMessage());
  await until(() => client.received().length > 0, 'the server answers');
  client.socket.destroy();
  return client.received().equals(ready);
}

describe('a start in a pod', () => {
  it('says with what it runs, and is ready', async () => {
    const recorder = await start({});
    expect(await isServed(recorder)).toBe(true);
    const answer = await reasons(recorder);
    expect(answer).toMatchObject({ ok: true, reasons: expect.arrayContaining(['config_last_good']) });
  });

  it.each([
    ['is a file', () => join(root, 'spool')],
    ['cannot be written to', () => '/sys/pgtape'],
  ])('goes on in memory where the outbox volume %s', async (_name, place) => {
    writeFileSync(join(root, 'spool'), '');
    const recorder = await start({ spool: { dir: place() } });
    expect(await isServed(recorder)).toBe(true);
    expect(recorder.journalDir.startsWith(memory)).toBe(true);
    expect(await reasons(recorder)).toMatchObject({
      ok: true,
      reasons: expect.arrayContaining(['config_last_good', 'spool_elsewhere']),
    });
    expect(warnings.join('\n')).toContain('SPOOL_UNUSABLE');
  });

  it('does without health while its port is taken, takes it once it is free, and says so', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const recorder = await start({ health: { port } });
    expect(await isServed(recorder)).toBe(true);
    expect(recorder.health).toBeNull();
    expect(warnings.join('\n')).toContain('health_absent');
    await new Promise((resolve) => other.close(resolve));
    await until(() => recorder.health !== null, 'health is served');
    const said = (await (await fetch(`http://127.0.0.1:${port}/v1/recorder`)).json()) as RecorderStatus;
    expect(said.health).toEqual({ reason: 'health_port_taken', absentSeconds: expect.any(Number) });
    expect(said.health?.absentSeconds).toBeGreaterThan(0);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toMatch(/^pgtape_recorder_health_failures_total\{reason="health_port_taken"\} [1-9]/m);
    expect(metrics).toMatch(/^pgtape_recorder_health_absent_seconds_total [0-9.]*[1-9]/m);
  });

  it('tries the places as configured, in the journal, in the container', () => {
    const places = placesInPod(configOf({})).map(({ spool, journal }) => [spool.dir, journal.dir]);
    expect(places).toEqual([
      [join(root, 'spool'), memory],
      [join(memory, 'spool'), memory],
      ['/dev/shm/pgtape-spool', '/dev/shm/pgtape-journal'],
    ]);
  });
});
