/** What a stop leaves: the reel is closed in the archive where the vault answers, and waits in the outbox where it does not. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@pgtape/testkit';
import { RecorderConfig, startRecorder } from './index.ts';
import { startRecorderBeside } from './recorderBeside.testing.ts';
import {
  connectTo,
  ready,
  startReadyServer,
  startupMessage,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

let root: string;
let server: TestServer;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-stopping-'));
  mkdirSync(join(root, 'journal'), { mode: 0o700 });
  server = await startReadyServer();
});
afterEach(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

async function session(port: number): Promise<Awaited<ReturnType<typeof connectTo>>> {
  const client = await connectTo(port);
  client.socket.write(startupMessage());
  await until(() => client.received().length === ready.length, 'ready');
  return client;
}

const outbox = (): string[] =>
  readdirSync(join(root, 'spool', 'outbox'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.zst'),
  );

describe('a recorder that is told to stop', () => {
  it('ends the reel in the archive, sessions that the database ended and those still open alike', async () => {
    const beside = await startRecorderBeside(root, server.port, {
      trustUpstream: true,
      segment: { maxSeconds: 60 },
    });
    const ended = await session(beside.recorder.listen.port);
    // As the server's own shutdown.
    server.connections[0]?.end();
    await ended.ended;
    const open = await session(beside.recorder.listen.port);
    const records = await beside.finish();
    await open.ended;
    expect(
      records.filter(({ kind }) => kind === 'closed').map((record) => ('why' in record ? record.why : '')),
    ).toEqual(['server_closed', 'recorder_stopped']);
    expect(records.at(-1)).toMatchObject({ kind: 'reel_closed', why: 'stopped' });
    expect(outbox()).toEqual([]);
  });

  it('keeps it in the outbox, closed, when the grace ends before the vault answers; the next start sends it', async () => {
    const grace = 1;
    const recorder = await startRecorder(
      RecorderConfig.parse({
        listen: { port: 0 },
        upstream: { port: server.port },
        trustUpstream: true,
        spool: { dir: join(root, 'spool') },
        journal: { dir: join(root, 'journal'), onDisk: true },
        vault: { url: `http://127.0.0.1:${await freePort()}` },
        stopGraceSeconds: grace,
        log: { level: 'silent' },
      }),
    );
    const { reel } = recorder;
    const client = await session(recorder.listen.port);
    const before = performance.now();
    const { unsentSegments } = await recorder.close();
    // A good deal less than the ten seconds of grace that there are where nothing is said.
    expect(performance.now() - before).toBeLessThan(9000);
    await client.ended;
    expect(unsentSegments).toBeGreaterThan(0);
    expect(outbox()).toHaveLength(unsentSegments);
    const records = (
      await (await startRecorderBeside(root, server.port, { trustUpstream: true })).finish()
    ).filter((record) => record.reel === reel);
    // Nothing of it had to be recovered: its own end stands on it.
    expect(records.at(-1)).toMatchObject({ kind: 'reel_closed', why: 'stopped' });
    expect(records.some((record) => record.kind === 'gap')).toBe(false);
    expect(outbox()).toEqual([]);
  });
});
