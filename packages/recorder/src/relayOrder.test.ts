/**
 * R1: nothing is forwarded, in either direction, before its journal entry is in the kernel. R11: what is
 * never in it.
 */
import type { Socket } from 'node:net';
import { type JournalDisk, journalDisk } from './journalFile.ts';
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
  type TestServer,
  until,
} from './relayFixture.testing.ts';

const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Tape {
  readonly relay: TestRelay;
  readonly server: TestServer;
  readonly client: TestClient;
  readonly far: TestClient;
}

const tapes: Tape[] = [];
afterEach(async () => {
  for (const { relay, server, client } of tapes.splice(0)) {
    client.socket.destroy();
    relay.close();
    await server.close();
  }
});

async function record(more: Partial<Parameters<typeof startRelay>[0]> = {}): Promise<Tape> {
  const accepted: Socket[] = [];
  const server = await startServer((socket) => accepted.push(socket));
  const relay = await startRelay({ serverPort: server.port, ...more });
  const client = await connectTo(relay.port);
  client.socket.write(startupMessage());
  await until(() => accepted.length === 1, 'server');
  const far = gather(accepted[0] as Socket);
  await until(() => far.received().length === startupMessage().length, 'startup');
  const tape = { relay, server, client, far };
  tapes.push(tape);
  return tape;
}

/** A disk that can be told to fail, and that remembers what it has taken. */
function failingDisk(): { disk: JournalDisk; fail: (code: string | null) => void; taken: () => Buffer } {
  let failure: string | null = null;
  const taken: Buffer[] = [];
  const check = (): void => {
    if (failure !== null) throw Object.assign(new Error(failure), { code: failure });
  };
  return {
    disk: {
      ...journalDisk,
      open: (path) => {
        check();
        return journalDisk.open(path);
      },
      write: (fd, bytes, offset, length) => {
        check();
        taken.push(Buffer.from(bytes.subarray(offset, offset + length)));
        return journalDisk.write(fd, bytes, offset, length);
      },
    },
    fail: (code) => {
      failure = code;
    },
    taken: () => Buffer.concat(taken),
  };
}

describe('R1', () => {
  it.each(['ENOSPC', 'EIO'])(
    'a journal that fails with %s: nothing is forwarded until it works again',
    async (code) => {
      const { disk, fail, taken } = failingDisk();
      const { relay, client, far } = await record({ disk });
      const startup = far.received().length;
      fail(code);
      const query = frame('Q', 'select 1\0');
      const rows = Buffer.concat([frame('D', Buffer.alloc(1000, 1)), ready]);
      client.socket.write(query);
      far.socket.write(rows);
      await pauseMs(50);
      client.socket.write(query);
      far.socket.write(rows);
      await pauseMs(350);
      expect(far.received().length).toBe(startup);
      expect(client.received().length).toBe(0);
      expect(relay.relay.turn.isFailing).toBe(true);
      expect(relay.relay.gauges.isPaused).toBe(true);
      fail(null);
      await until(() => far.received().length === startup + 2 * query.length, 'queries');
      await until(() => client.received().length === 2 * rows.length, 'rows');
      expect(client.received().equals(Buffer.concat([rows, rows]))).toBe(true);
      expect(relay.relay.turn.isFailing).toBe(false);
      expect(relay.relay.gauges.isPaused).toBe(false);
      const gap = relay.entries().find((entry) => entry.kind === 'gap');
      expect(gap?.session).toBe(0);
      expect(JSON.parse(gap?.body.toString() ?? '')).toMatchObject({ reason: 'journal_full' });
      expect(taken().includes('select 1')).toBe(true);
      expect(relay.troubles).toEqual(['journal_full', 'journal_over']);
    },
  );

  it('a new client of a failing journal waits too, and is served when it works again', async () => {
    const { disk, fail } = failingDisk();
    const { relay, server } = await record({ disk });
    fail('ENOSPC');
    const late = await connectTo(relay.port);
    late.socket.write(startupMessage());
    await pauseMs(150);
    expect(server.connections).toHaveLength(1);
    fail(null);
    await until(() => server.connections.length === 2, 'late client');
    late.socket.destroy();
  });

  it('at every forwarded byte the journal already holds it', async () => {
    const { disk, taken } = failingDisk();
    const { client, far } = await record({ disk });
    for (let n = 0; n < 200; n += 1) {
      const text = `statement ${n} of the tape`;
      const seen = new Promise<void>((resolve, reject) => {
        far.socket.once('data', () =>
          taken().includes(text) ? resolve() : reject(new Error(`${text} came first`)),
        );
      });
      client.socket.write(frame('Q', `${text}\0`));
      await seen;
      const tag = `ANSWER ${n}.`;
      const answered = new Promise<void>((resolve, reject) => {
        client.socket.once('data', () =>
          taken().includes(tag) ? resolve() : reject(new Error(`${tag} came first`)),
        );
      });
      far.socket.write(frame('C', `${tag}\0`));
      await answered;
    }
  });

  it('one write for all sessions of a turn', async () => {
    let writes = 0;
    const disk: JournalDisk = {
      ...journalDisk,
      write: (fd, bytes, offset, length) => {
        writes += 1;
        return journalDisk.write(fd, bytes, offset, length);
      },
    };
    const { relay } = await record({ disk });
    const before = writes;
    relay.relay.journal.startup(1, Buffer.from('a'));
    relay.relay.journal.startup(2, Buffer.from('b'));
    relay.relay.turn.arm();
    relay.relay.turn.arm();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(writes).toBe(before + 1);
  });
});

describe('R11', () => {
  it('authentication payloads, salts and cancel keys are nowhere in the journal, at any split', async () => {
    const secret = 'correct-horse-battery-staple';
    const salt = 'SALTSALTSALTSALT';
    const key = 'CANCELKEYCANCELKEYCANCELKEY';
    for (const size of [1, 3, 7, 4096]) {
      const { relay, client, far } = await record({ trustUpstream: false });
      const startup = far.received().length;
      const pieces = async (socket: Socket, bytes: Buffer, done: () => boolean): Promise<void> => {
        for (let at = 0; at < bytes.length; at += size) {
          socket.write(bytes.subarray(at, at + size));
          await new Promise((resolve) => setImmediate(resolve));
        }
        await until(done, 'pieces');
      };
      const challenge = Buffer.concat([authentication(11, Buffer.from(`r=nonce,s=${salt},i=4096`))]);
      const scram = authentication(10, Buffer.from('SCRAM-SHA-256\0\0'));
      await pieces(far.socket, scram, () => client.received().length === scram.length);
      const first = frame('p', `SCRAM-SHA-256\0${secret}`);
      await pieces(client.socket, first, () => far.received().length === startup + first.length);
      const soFar = client.received().length;
      const rest = Buffer.concat([
        challenge,
        authentication(12, Buffer.from(`v=${secret}`)),
        authentication(0),
        frame('K', Buffer.concat([Buffer.from([0, 0, 18, 103]), Buffer.from(key)])),
        ready,
      ]);
      await pieces(far.socket, rest, () => client.received().length === soFar + rest.length);
      await pieces(
        client.socket,
        frame('p', secret),
        () => far.received().toString().split(secret).length === 3,
      );
      relay.relay.turn.run();
      const journal = relay.journalBytes();
      for (const planted of [secret, salt, key]) expect(journal.includes(planted)).toBe(false);
      // What the record needs is there: the kinds of request, and the backend's pid.
      const backend = Buffer.concat(
        relay.entries().flatMap((entry) => (entry.kind === 'backend' ? [entry.body] : [])),
      );
      expect(backend.includes(Buffer.from([0x4b, 0, 0, 0, 8, 0, 0, 18, 103]))).toBe(true);
      expect(backend.includes(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 11]))).toBe(true);
    }
  });
});
