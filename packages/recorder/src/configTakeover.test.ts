/** A configuration that changes while the recorder runs, with everything it reaches: relay, seals, vault. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configHash, RecorderStatus } from '@pgtape/evidence';
import { RecorderConfig } from './config.ts';
import { type RecorderBeside, sealedPolicy, startRecorderBeside } from './recorderBeside.testing.ts';
import { policyOf } from './reelPlan.ts';
import {
  connectTo,
  ready,
  startReadyServer,
  startupMessage,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

let root: string;
let file: string;
let server: TestServer;
let beside: RecorderBeside | null = null;
let configured: object;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-takeover-'));
  file = join(root, 'recorder.yaml');
  server = await startReadyServer();
});
afterEach(async () => {
  await beside?.finish();
  beside = null;
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

/** As a kubelet swaps it: another file in its place. */
function write(text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

async function start(): Promise<void> {
  write('{}');
  const read = (path: string) => {
    const text = readFileSync(path, 'utf8');
    const changes = JSON.parse(text) as object;
    return Promise.resolve({ config: RecorderConfig.parse({ ...configured, ...changes }), text });
  };
  beside = await startRecorderBeside(
    root,
    server.port,
    { trustUpstream: true, health: { port: 0 } },
    { configText: '{}', configFiles: { files: [file, join(root, 'fallback.yaml')], read } },
    (config) => {
      configured = config;
    },
  );
}

async function status(): Promise<RecorderStatus> {
  const { health } = beside!.recorder;
  const answer = await fetch(`http://127.0.0.1:${health?.port}/v1/recorder`);
  return RecorderStatus.parse(await answer.json());
}

async function isStatus(check: (now: RecorderStatus) => boolean, what: string): Promise<RecorderStatus> {
  for (let tries = 0; tries < 450; tries++) {
    const now = await status();
    if (check(now)) return now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not within 45 s: ${what}`);
}

async function session(): Promise<void> {
  const client = await connectTo(beside!.recorder.listen.port);
  client.socket.write(startupMessage());
  await until(() => client.received().length === ready.length, 'ready');
  client.socket.destroy();
}

describe('a configuration that changes', () => {
  it('is in force, on tape, and in the seals that follow; what needs a start says so', async () => {
    await start();
    expect((await status()).config).toMatchObject({ state: 'current', restartNeeded: [] });
    await session();
    const text = '{"limits":{"sessionsMax":1,"sqlBytesMax":1000},"rawLanes":["10.9.0.0/16"]}';
    write(text);
    const now = await isStatus(({ configHash: hash }) => hash === configHash(text), 'taken over');
    const policy = policyOf(RecorderConfig.parse({ ...configured, rawLanes: ['10.9.0.0/16'] }));
    expect(now.config).toEqual({
      state: 'restart_needed',
      policyHash: policy,
      restartNeeded: ['limits.sqlBytesMax'],
    });
    await session();
    const records = await beside!.finish();
    beside = null;
    expect(records.filter(({ kind }) => kind === 'configured')).toMatchObject([
      {
        config: configHash(text),
        policy,
        changed: ['limits.sessionsMax', 'rawLanes'],
        restart_needed: ['limits.sqlBytesMax'],
      },
    ]);
    const archive = join(root, 'archive');
    expect(sealedPolicy(archive, 'reel_opened')).not.toBe(policy);
    expect(sealedPolicy(archive, 'configured')).toBe(policy);
    expect(sealedPolicy(archive, 'reel_closed')).toBe(policy);
  });

  it('that is broken changes nothing, says so, and is taken over once it is mended', async () => {
    await start();
    const before = (await status()).configHash;
    write('{"limits":');
    const broken = await isStatus(({ config }) => config?.state === 'config_invalid', 'told');
    expect(broken.configHash).toBe(before);
    write('{"listen":{"port":0,"tls":{"certFile":"/nowhere","keyFile":"/nowhere"}}}');
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect((await status()).config?.state).toBe('config_invalid');
    const text = '{"failure":{"onSpoolFull":"refuse"}}';
    write(text);
    await isStatus(
      ({ config, configHash: hash }) => config?.state === 'current' && hash === configHash(text),
      'mended',
    );
    rmSync(file);
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect(await status()).toMatchObject({ configHash: configHash(text), config: { state: 'current' } });
  });
});
