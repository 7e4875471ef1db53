/** R7: memory is bounded, and a slow peer slows its own session only. */
import type { Socket } from 'node:net';
import {
  connectTo,
  frame,
  gather,
  ready,
  startRelay,
  startServer,
  startupMessage,
  type TestClient,
  type TestRelay,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

const mebibyte = 1024 * 1024;
const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let server: TestServer;
let relay: TestRelay;
afterEach(async () => {
  relay.close();
  await server.close();
});

async function start(more: Partial<Parameters<typeof startRelay>[0]> = {}): Promise<void> {
  server = await startServer(() => {});
  relay = await startRelay({ serverPort: server.port, ...more });
}

async function open(
  parameters?: Readonly<Record<string, string>>,
): Promise<{ client: TestClient; far: Socket }> {
  const before = server.connections.length;
  const client = await connectTo(relay.port);
  client.socket.write(startupMessage(parameters));
  await until(() => server.connections.length > before, 'server');
  return { client, far: server.connections[before] as Socket };
}

/** Writes until `bytes` are written or the other side takes no more; how many were taken from us. */
function flood(socket: Socket, chunk: Buffer, chunks: number): () => number {
  let sent = 0;
  const push = (): void => {
    while (sent < chunks && socket.writableLength < 4 * mebibyte) {
      socket.write(chunk);
      sent += 1;
    }
    if (sent < chunks && !socket.destroyed) setTimeout(push, 1);
  };
  push();
  return () => sent * chunk.length - socket.writableLength;
}

describe('R7', () => {
  it('a client that stops reading holds up its server, not the memory, and nobody else', async () => {
    await start();
    const slow = await open();
    slow.client.socket.pause();
    const taken = flood(slow.far, frame('D', Buffer.alloc(mebibyte, 1)), 200);
    const quick = await open();
    gather(quick.far);
    await pauseMs(200);
    const rss = process.memoryUsage.rss();
    let answers = 0;
    quick.far.on('data', () => quick.far.write(ready));
    for (; answers < 200; answers += 1) {
      const before = quick.client.received().length;
      quick.client.socket.write(frame('Q', 'select 1\0'));
      await until(() => quick.client.received().length > before, 'answer');
    }
    await pauseMs(200);
    // What the kernel's buffers of two connections hold, and one read of ours; not the 200 MiB.
    expect(taken()).toBeLessThan(40 * mebibyte);
    expect(process.memoryUsage.rss() - rss).toBeLessThan(32 * mebibyte);
    slow.client.socket.destroy();
    quick.client.socket.destroy();
  });

  it('a server that stops reading holds up its client, not the memory', async () => {
    await start();
    const { client, far } = await open();
    await pauseMs(20);
    far.pause();
    const taken = flood(client.socket, frame('d', Buffer.alloc(mebibyte, 1)), 200);
    await pauseMs(300);
    const rss = process.memoryUsage.rss();
    await pauseMs(300);
    expect(taken()).toBeLessThan(40 * mebibyte);
    expect(process.memoryUsage.rss() - rss).toBeLessThan(32 * mebibyte);
    client.socket.destroy();
  });

  it('clients are not read while the backlog is too long; replication is, and answers pass', async () => {
    await start({ backlogBytesMax: 10_000 });
    const { client, far } = await open();
    const standby = await open({ user: 'ann', replication: 'database' });
    const got = gather(far);
    const standbyGot = gather(standby.far);
    client.socket.write(frame('Q', `${'x'.repeat(20_000)}\0`));
    await until(() => relay.relay.isBacklogged, 'backlog');
    await until(() => got.received().length > 20_000, 'first query');
    const before = got.received().length;
    client.socket.write(frame('Q', 'held back\0'));
    standby.client.socket.write(frame('d', 'not held back'));
    far.write(ready);
    await until(() => standbyGot.received().includes('not held back'), 'replication');
    await until(() => client.received().length === ready.length, 'answer');
    await pauseMs(50);
    expect(got.received().length).toBe(before);
    const late = await open();
    late.client.socket.write(frame('Q', 'late\0'));
    relay.progress[1] = (relay.progress[0] as number) - 6000;
    relay.relay.tick();
    expect(relay.relay.isBacklogged).toBe(true);
    relay.progress[1] = relay.progress[0] as number;
    relay.relay.tick();
    await until(() => got.received().includes('held back'), 'release');
    expect(relay.relay.gauges.isPaused).toBe(false);
    expect(relay.relay.pausedSeconds).toBeGreaterThan(0.04);
    expect(relay.troubles).toEqual(['backlog', 'backlog_over']);
    for (const one of [client, standby.client, late.client]) one.socket.destroy();
  });

  it('1,000 idle sessions stay small', async () => {
    await start();
    server.onConnection((socket) => socket.resume().on('end', () => socket.end()));
    const before = process.memoryUsage.rss();
    const clients: TestClient[] = [];
    for (let wave = 0; wave < 20; wave += 1) {
      const opened = await Promise.all(Array.from({ length: 50 }, () => connectTo(relay.port)));
      for (const client of opened) client.socket.write(startupMessage());
      clients.push(...opened);
    }
    await until(() => relay.relay.sessionsOpen === 1000, 'sessions');
    // A session is open before the server has seen its connection.
    await until(() => server.connections.length === 1000, 'connections');
    for (const socket of server.connections) socket.write(ready);
    await until(() => clients.every((client) => client.received().length === ready.length), 'ready');
    const mebibytes = (process.memoryUsage.rss() - before) / mebibyte;
    // The test's own 2,000 sockets are in it: what the relay takes is about half.
    expect(mebibytes).toBeLessThan(150);
    for (const client of clients) client.socket.destroy();
    await until(() => relay.relay.sessionsOpen === 0, 'all closed');
  });
});
