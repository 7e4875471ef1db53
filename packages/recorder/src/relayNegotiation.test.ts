/**
 * Protocol versions and options: what a real server answers passes as it is; a server that would speak more
 * than the decoder knows, which does not exist yet, is asked again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startTestPostgres, untilActive } from '@pgtape/testkit';
import { readNegotiate, readStartup } from '@pgtape/wire';
import {
  authentication,
  cancelRequest,
  connectTo,
  frame,
  gather,
  ready,
  startRelay,
  startServer,
  startupMessage,
  type TestRelay,
  type TestServer,
  until,
  untyped,
} from './relayFixture.testing.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

function startup(version: number, parameters: Readonly<Record<string, string>> = {}): Buffer {
  const packet = startupMessage({ user: 'postgres', ...parameters });
  packet.writeInt32BE(version, 4);
  return packet;
}

const grease = { '_pq_.test_protocol_negotiation': '1' };
const names = Object.keys(grease);

describe('in front of PostgreSQL', () => {
  let root: string;
  let postgres: EmbeddedPostgres;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'pgtape-relay-negotiation-'));
    postgres = await startTestPostgres({
      dir: join(root, 'cluster'),
      password: 'plant-1f0e-secret',
      settings: { fsync: 'off' },
      hba: ['host template1 postgres 127.0.0.1/32 password'],
    });
  });
  afterAll(async () => {
    await postgres.stop();
    rmSync(root, { recursive: true, force: true });
  });

  /** What the server says to a packet; bytes that differ from one connection to the next are masked. */
  async function answer(port: number, packet: Buffer): Promise<string> {
    const client = await connectTo(port);
    client.socket.write(packet);
    let hasEnded = false;
    void client.ended.then(() => {
      hasEnded = true;
    });
    await until(() => hasEnded || /R\0\0\0/.test(client.received().toString('latin1')), 'answer');
    client.socket.destroy();
    return client.received().toString('latin1');
  }

  it.each([
    { name: '3.0', packet: startup(0x30000) },
    { name: '3.1', packet: startup(0x30001) },
    { name: '3.2', packet: startup(0x30002) },
    { name: '3.3', packet: startup(0x30003) },
    { name: '3.9999 and grease', packet: startup(0x3270f, grease) },
    { name: '3.0 and an option', packet: startup(0x30000, { '_pq_.x': 'y', '_pq_.z': '' }) },
    { name: '4.0', packet: startup(0x40000) },
    { name: '2.0', packet: untyped(0x20000, Buffer.alloc(288, 0)) },
    { name: '1.0', packet: untyped(0x10000, Buffer.alloc(288, 0)) },
    { name: 'a request code nobody knows', packet: untyped(80_877_105) },
    { name: 'no user', packet: untyped(0x30000, Buffer.from('database\0x\0\0')) },
    { name: 'a name of 100 bytes', packet: startupMessage({ user: 'u'.repeat(100) }) },
  ])('$name: the client gets what it gets directly', async ({ packet }) => {
    const relay = await startRelay({ serverPort: postgres.port, trustUpstream: false });
    cleanups.push(relay.close);
    const direct = await answer(postgres.port, packet);
    expect(direct).not.toBe('');
    expect(await answer(relay.port, packet)).toBe(direct);
  });

  it.each([
    { name: '3.0, four bytes', version: 0x30000, keyBytes: 4 },
    { name: '3.2, thirty-two bytes', version: 0x30002, keyBytes: 32 },
  ])(
    'the key of $name cancels, is known to be its session, and is not journaled',
    async ({ version, keyBytes }) => {
      const relay = await startRelay({ serverPort: postgres.port, trustUpstream: false });
      cleanups.push(relay.close);
      const client = await connectTo(relay.port);
      client.socket.write(startup(version, { database: 'template1' }));
      await until(() => client.received().includes(authentication(3)), 'challenge');
      client.socket.write(frame('p', 'plant-1f0e-secret\0'));
      await until(() => client.received().includes(ready), 'ready');
      const told = client.received();
      const at = told.indexOf(Buffer.from([0x4b, 0, 0, 0, 8 + keyBytes]));
      const key = told.subarray(at + 9, at + 9 + keyBytes);
      client.socket.write(frame('Q', 'select pg_sleep(30)\0'));
      await untilActive(postgres, told.readUInt32BE(at + 5));
      const cancel = await connectTo(relay.port);
      cancel.socket.write(cancelRequest(told.readUInt32BE(at + 5), key));
      await cancel.ended;
      cancel.socket.end();
      await until(() => client.received().includes('57014'), 'cancelled');
      client.socket.destroy();
      const targets = relay.entries().filter(({ kind }) => kind === 'cancelled');
      expect(targets.map(({ body }) => body.toString())).toEqual(['{"target":1}']);
      expect(key).toHaveLength(keyBytes);
      expect(relay.journalBytes().includes(key)).toBe(false);
    },
  );
});

/** Takes any version and option, unlike every server there is; with `says` it answers so. */
async function newer(
  says: Buffer | null,
  more: Partial<Parameters<typeof startRelay>[0]> = {},
): Promise<{ relay: TestRelay; server: TestServer; asked: string[] }> {
  const asked: string[] = [];
  const server = await startServer((socket: Socket) => {
    const got = gather(socket);
    let step = 0;
    socket.on('data', () => {
      const bytes = got.received();
      const end = bytes.readInt32BE(0);
      if (step === 0 && bytes.length >= end) {
        step = 1;
        const read = readStartup(bytes.subarray(0, end));
        const names = read.kind === 'startup' ? Object.keys(read.parameters).join(',') : '';
        asked.push(read.kind === 'startup' ? `${read.protocol} ${names}` : read.kind);
        const isNewer = read.kind === 'startup' && read.minor > 2;
        socket.write(Buffer.concat([isNewer && says !== null ? says : Buffer.alloc(0), authentication(3)]));
      }
      if (step === 1 && bytes.length > end) {
        step = 2;
        socket.write(Buffer.concat([authentication(0), ready]));
      }
    });
    socket.on('end', () => socket.end());
  });
  const relay = await startRelay({ serverPort: server.port, trustUpstream: false, ...more });
  cleanups.push(relay.close, server.close);
  return { relay, server, asked };
}

const says = (minor: number, ...unrecognized: string[]): Buffer => {
  const head = Buffer.alloc(8);
  head.writeInt32BE(0x30000 | minor, 0);
  head.writeInt32BE(unrecognized.length, 4);
  return frame('v', Buffer.concat([head, Buffer.from(unrecognized.map((name) => `${name}\0`).join(''))]));
};

describe('in front of a server newer than the decoder', () => {
  it.each([
    { name: 'takes it without a word', answer: null },
    { name: 'agrees to 3.3', answer: says(3, ...names) },
    { name: 'takes the option', answer: says(2) },
  ])('that $name: it is asked again for less, and the client is told', async ({ answer }) => {
    for (const trustUpstream of [false, true]) {
      const { relay, server, asked } = await newer(answer, { trustUpstream });
      const client = await connectTo(relay.port);
      const password = frame('p', 'secret\0');
      // Sent too early, it must reach the second connection alone.
      client.socket.write(Buffer.concat([startup(0x3270f, grease), password]));
      await until(() => client.received().includes(ready), 'ready');
      const told = client.received();
      const end = 1 + told.readInt32BE(1);
      expect([told[0], readNegotiate(told.subarray(5, end))]).toEqual([
        0x76,
        { protocol: '3.2', unrecognized: names },
      ]);
      expect(told.subarray(end).equals(Buffer.concat([authentication(3), authentication(0), ready]))).toBe(
        true,
      );
      expect(asked).toEqual([`3.9999 user,${names[0]}`, '3.2 user']);
      const clamped = Buffer.from(startup(0x30002));
      expect(server.connections.map(({ bytesRead }) => bytesRead)).toEqual([
        startup(0x3270f, grease).length,
        clamped.length + password.length,
      ]);
      const journaled = relay.entries().filter(({ kind }) => kind === 'startup');
      expect(journaled.map(({ body }) => body.equals(clamped))).toEqual([false, true]);
      expect(relay.relay.sessionsOpen).toBe(1);
      expect(relay.troubles).toEqual(['protocol_clamped']);
      client.socket.end();
      await client.ended;
      expect(relay.relay.sessionsOpen).toBe(0);
    }
  });

  it('that lets in at once: nothing of what it said first reaches the client', async () => {
    const server = await startServer((socket: Socket) => {
      const got = gather(socket);
      socket.once('data', () => {
        const minor = got.received().readUInt16BE(6);
        const name = frame('S', `minor\0${minor}\0`);
        socket.write(
          Buffer.concat([
            frame('N', 'MN\0\0'),
            authentication(0),
            name,
            frame('K', Buffer.alloc(8, 9)),
            ready,
          ]),
        );
      });
      socket.on('end', () => socket.end());
    });
    const relay = await startRelay({ serverPort: server.port, trustUpstream: true });
    cleanups.push(relay.close, server.close);
    const client = await connectTo(relay.port);
    client.socket.write(startup(0x30007));
    await until(() => client.received().includes(ready), 'ready');
    const told = [frame('N', 'MN\0\0'), says(2), authentication(0), frame('S', 'minor\0' + '2\0')];
    const whole = Buffer.concat([...told, frame('K', Buffer.alloc(8, 9)), ready]);
    expect(client.received().equals(whole)).toBe(true);
    client.socket.destroy();
  });

  it('that turns it down itself is not asked again', async () => {
    const { relay, asked } = await newer(says(2, ...names));
    const client = gather((await connectTo(relay.port)).socket);
    client.socket.write(startup(0x3270f, grease));
    await until(() => client.received().includes(authentication(3)), 'challenge');
    expect(client.received().equals(Buffer.concat([says(2, ...names), authentication(3)]))).toBe(true);
    expect(asked).toHaveLength(1);
    client.socket.destroy();
  });
});
