/**
 * R2: forwarded bytes equal received bytes, whatever they are and however they are cut. R8: nothing in them
 * ends the relay.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import {
  authentication,
  connectTo,
  frame,
  gather,
  ready,
  startRelay,
  startServer,
  startupMessage,
  type TestClient,
  type TestRelay,
  until,
} from './relayFixture.testing.ts';

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Pair {
  readonly client: TestClient;
  readonly server: TestClient;
}

/** Connects and starts up; `server` is the recorder's connection as the server sees it. */
async function pair(relay: TestRelay, next: () => Promise<Socket>): Promise<Pair> {
  const startup = startupMessage();
  const accepted = next();
  const client = await connectTo(relay.port);
  client.socket.write(startup);
  const server = gather(await accepted);
  await until(() => server.received().length >= startup.length, 'startup at the server');
  return { client, server };
}

/** Writes the pieces, giving the event loop a turn between them. */
async function writePieces(socket: Socket, bytes: Buffer, sizes: readonly number[]): Promise<void> {
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    socket.write(bytes.subarray(at, at + size));
    at += size;
    if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

const body = fc.uint8Array({ maxLength: 200 });
const tag = (tags: string): fc.Arbitrary<string> => fc.constantFrom(...tags);
const frontendTraffic = fc.array(
  fc.tuple(tag('QPBDECSHdcfFp'), body).map(([t, b]) => frame(t, b)),
  { maxLength: 40 },
);
const backendTraffic = fc.array(
  fc.oneof(
    fc.tuple(tag('123CDEINSTZntdcA'), body).map(([t, b]) => frame(t, b)),
    fc.nat(3000).map((length) => frame('D', Buffer.alloc(length, 7))),
  ),
  { maxLength: 40 },
);
const garbage = fc
  .array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 })
  .map((parts) => parts.map((p) => Buffer.from(p)));
const sizes = fc.oneof(
  fc.constant([1]),
  fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 8 }),
);

describe.each([
  ['read in place', true],
  ["read by 'data' events", false],
] as const)('relayed bytes, accepted sockets %s', (_, rewrapAccepted) => {
  const waiting: ((socket: Socket) => void)[] = [];
  const next = (): Promise<Socket> => new Promise((resolve) => waiting.push(resolve));
  let server: Awaited<ReturnType<typeof startServer>>;
  let relay: TestRelay;

  beforeAll(async () => {
    server = await startServer((socket) => waiting.shift()?.(socket));
    relay = await startRelay({ serverPort: server.port, inspectBytesMax: 1024, rewrapAccepted });
  });
  afterAll(async () => {
    relay.close();
    await server.close();
  });

  async function exchange(
    up: Buffer,
    down: Buffer,
    upSizes: readonly number[],
    downSizes: readonly number[],
  ): Promise<void> {
    const { client, server: far } = await pair(relay, next);
    const startup = far.received().length;
    await Promise.all([
      writePieces(client.socket, up, upSizes).then(() => client.socket.end()),
      writePieces(far.socket, down, downSizes).then(() => far.socket.end()),
    ]);
    await Promise.all([client.ended, far.ended]);
    expect(far.received().subarray(startup).equals(up)).toBe(true);
    expect(client.received().equals(down)).toBe(true);
  }

  it('R2: random messages, every chunking', async () => {
    await fc.assert(
      fc.asyncProperty(frontendTraffic, backendTraffic, sizes, sizes, (up, down, upSizes, downSizes) =>
        exchange(Buffer.concat(up), Buffer.concat(down), upSizes, downSizes),
      ),
      { numRuns: 40 },
    );
  });

  it('R8: random bytes in both directions', async () => {
    const before = relay.relay.gauges.gaps.get('bad_framing') ?? 0;
    await fc.assert(
      fc.asyncProperty(garbage, garbage, sizes, sizes, (up, down, upSizes, downSizes) =>
        exchange(Buffer.concat(up), Buffer.concat(down), upSizes, downSizes),
      ),
      { numRuns: 40 },
    );
    expect(relay.relay.gauges.gaps.get('bad_framing') ?? 0).toBeGreaterThan(before);
  });

  it.each([0, 3, -1, 0x7f_ff_ff_ff])(
    'R8: length %d for every type byte, then the bytes go on',
    async (length) => {
      const head = Buffer.alloc(5);
      head.writeInt32BE(length, 1);
      for (const type of [0, 0x51, 0x44, 0x64, 0x70, 0x52, 0x5a, 0xff]) {
        head[0] = type;
        const bytes = Buffer.concat([frame('S'), head, Buffer.from('whatever follows')]);
        await exchange(bytes, bytes, [7], [1000]);
      }
    },
  );

  it('R2: large bodies, full read buffers, in both directions at once', async () => {
    const { client, server: far } = await pair(relay, next);
    const startup = far.received().length;
    const rows = Buffer.concat(Array.from({ length: 200 }, (_, n) => frame('D', Buffer.alloc(60_000, n))));
    const copy = Buffer.concat(Array.from({ length: 200 }, (_, n) => frame('d', Buffer.alloc(50_000, n))));
    client.socket.end(copy);
    far.socket.end(rows);
    await Promise.all([client.ended, far.ended]);
    expect(sha(far.received().subarray(startup))).toBe(sha(copy));
    expect(sha(client.received())).toBe(sha(rows));
  });

  it('R2: a slow reader gets every byte of what a fast server sends', async () => {
    const { client, server: far } = await pair(relay, next);
    const rows = Buffer.concat(Array.from({ length: 400 }, (_, n) => frame('D', Buffer.alloc(40_000, n))));
    client.socket.pause();
    far.socket.end(rows);
    for (let pause = 0; pause < 20; pause += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      client.socket.resume();
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.pause();
    }
    client.socket.resume();
    await client.ended;
    client.socket.end();
    expect(sha(client.received())).toBe(sha(rows));
  });

  it('R2: a slow server gets every byte of what a fast client sends', async () => {
    const { client, server: far } = await pair(relay, next);
    const startup = far.received().length;
    const copy = Buffer.concat(Array.from({ length: 400 }, (_, n) => frame('d', Buffer.alloc(40_000, n))));
    far.socket.pause();
    client.socket.end(copy);
    for (let pause = 0; pause < 20; pause += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      far.socket.resume();
      await new Promise((resolve) => setImmediate(resolve));
      far.socket.pause();
    }
    far.socket.resume();
    await far.ended;
    far.socket.end();
    expect(sha(far.received().subarray(startup))).toBe(sha(copy));
  });

  it('R2: with so many sessions that reads are copied', async () => {
    const idle = await Promise.all(Array.from({ length: 410 }, () => connectTo(relay.port)));
    await until(() => relay.relay.isCrowded, 'crowded');
    const down = Buffer.concat(Array.from({ length: 50 }, (_, n) => frame('D', Buffer.alloc(20_000 + n, n))));
    const up = Buffer.concat(Array.from({ length: 50 }, (_, n) => frame('d', Buffer.alloc(20_000 + n, n))));
    await exchange(up, down, [60_000], [70_000]);
    for (const client of idle) client.socket.destroy();
  });

  it('what is cut is journaled and what is counted is counted', async () => {
    const { client, server: far } = await pair(relay, next);
    const number = relay.relay.gauges.sessionsTotal;
    client.socket.write(frame('Q', 'select 1\0'));
    far.socket.write(
      Buffer.concat([
        authentication(0),
        frame('D', 'abc'),
        frame('D', 'de'),
        frame('C', 'SELECT 2\0'),
        ready,
      ]),
    );
    await until(() => client.received().length > 40, 'answer');
    client.socket.end(frame('X'));
    far.socket.end();
    await Promise.all([client.ended, far.ended]);
    await until(() => relay.relay.sessionsOpen === 0, 'session closed');
    const entries = relay.entries().filter((entry) => entry.session === number);
    const stream = (kind: string): string =>
      Buffer.concat(entries.filter((entry) => entry.kind === kind).map((entry) => entry.body)).toString(
        'hex',
      );
    expect(stream('startup')).toBe(startupMessage().toString('hex'));
    expect(stream('frontend')).toBe(Buffer.concat([frame('Q', 'select 1\0'), frame('X')]).toString('hex'));
    expect(stream('backend')).toBe(
      Buffer.concat([authentication(0), frame('C', 'SELECT 2\0'), ready]).toString('hex'),
    );
    const counted = entries.filter((entry) => entry.kind === 'counted');
    expect(
      counted.map((entry) => [entry.flag, entry.body.readUInt32LE(4), entry.body.readDoubleLE(8)]),
    ).toEqual([[0x44, 2, 15]]);
    const close = entries.find((entry) => entry.kind === 'close');
    expect(JSON.parse(close?.body.toString() ?? '')).toEqual({
      why: 'terminated',
      bytesFromClient: startupMessage().length + frame('Q', 'select 1\0').length + 5,
      bytesFromServer: authentication(0).length + 15 + frame('C', 'SELECT 2\0').length + ready.length,
    });
  });
});
