/**
 * Bugs that show only with a server that PostgreSQL is not: replies out of order, answers cut anywhere, the inputs of a hostile server.
 * Scripted servers; the bytes go on as they came, and what cannot be placed ends the decoding, by name.
 */
import type { Socket } from 'node:net';
import type { DraftRecord } from '@pgtape/evidence';
import { message } from '@pgtape/testkit';
import { inShort, JournalTail } from './relayBench.testing.ts';
import {
  authentication,
  connectTo,
  frame,
  gather,
  ready,
  sslRequest,
  startRelay,
  startServer,
  startupMessage,
  type TestRelay,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

let server: TestServer;
let relay: TestRelay;
let tail: JournalTail;
let serve: (socket: Socket) => void;

beforeAll(async () => {
  server = await startServer((socket) => serve(socket));
  relay = await startRelay({ serverPort: server.port });
  tail = new JournalTail(relay.dir);
});
afterAll(async () => {
  tail.close();
  relay.close();
  await server.close();
});

const int16 = (...values: number[]): Buffer =>
  Buffer.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const letIn = Buffer.concat([authentication(3), authentication(0), frame('K', Buffer.alloc(8, 1)), ready]);
const complete = frame('C', 'SELECT 1\0');
const one = Buffer.concat([
  message.parse('', 'select 1'),
  message.bind('', ''),
  message.execute(''),
  message.sync(),
]);
const answers = [frame('1'), frame('2'), frame('D', Buffer.from([0, 0])), complete, ready];

/** Answers everything that comes behind the startup with `bytes`, cut in pieces, and then ends. */
async function exchange(
  sent: Buffer,
  bytes: Buffer,
  piece = bytes.length,
): Promise<{ heard: Buffer; got: Buffer; records: DraftRecord[] }> {
  const arrived: Buffer[] = [];
  serve = (socket) => {
    let isLetIn = false;
    socket.on('data', (chunk: Buffer) => {
      arrived.push(chunk);
      const length = arrived.reduce((sum, part) => sum + part.length, 0);
      if (!isLetIn) {
        isLetIn = true;
        socket.write(letIn);
      }
      if (length !== startupMessage().length + sent.length) return;
      void (async () => {
        for (let at = 0; at < bytes.length; at += piece) {
          socket.write(bytes.subarray(at, at + piece));
          await new Promise((resolve) => setImmediate(resolve));
        }
        socket.end();
      })();
    });
  };
  const from = tail.read().length;
  const client = await connectTo(relay.port);
  client.socket.write(startupMessage());
  await until(() => client.received().length === letIn.length, 'let in');
  client.socket.write(sent);
  await client.ended;
  client.socket.end();
  const since = (): DraftRecord[] => {
    relay.relay.turn.run();
    return tail.read().slice(from);
  };
  await until(() => since().some(({ kind }) => kind === 'closed'), 'the end');
  return { heard: client.received().subarray(letIn.length), got: Buffer.concat(arrived), records: since() };
}

const gaps = (records: readonly DraftRecord[]): string[] =>
  records.filter(({ kind }) => kind === 'gap').map(inShort);

const orders = [
  {
    of: 21,
    bug: 'npgsql#5231: ParseComplete out of order',
    replies: [1, 0, 2, 3, 4],
    gap: 'BindComplete does not fit parse',
  },
  {
    of: 21,
    bug: 'odyssey#564: a row without its statement',
    replies: [2, 0, 1, 3, 4],
    gap: 'DataRow does not fit parse',
  },
  {
    of: 22,
    bug: 'crate#10979: ReadyForQuery before what was executed',
    replies: [0, 1, 4, 2, 3],
    gap: 'ReadyForQuery does not fit execute',
  },
  {
    of: 3,
    bug: 'pglite#958: a ReadyForQuery too many',
    replies: [0, 1, 2, 3, 4, 4],
    gap: 'ReadyForQuery does not fit idle',
  },
];

describe('replies out of order', () => {
  it.each(orders)('$of $bug: nothing is guessed, and the bytes go on', async ({ replies, gap }) => {
    const bytes = Buffer.concat(replies.map((place) => answers[place] as Buffer));
    const { heard, records } = await exchange(one, bytes);
    expect(heard.equals(bytes)).toBe(true);
    expect(gaps(records)).toEqual([`gap decode_lost: ${gap}`]);
  });
});

/** What section 8.2 of the protocol's study lists for the server's side; `gap` is null where it is a message like any other. */
const hostile: readonly { name: string; sent?: Buffer; bytes: Buffer; gap: RegExp | null }[] = [
  {
    name: 'RowDescription of 65,535 columns that are not there',
    bytes: Buffer.concat([frame('T', int16(-1)), frame('D', int16(0)), complete, ready]),
    gap: null,
  },
  {
    name: 'DataRow with more columns than RowDescription',
    bytes: Buffer.concat([frame('T', int16(0)), frame('D', int16(9)), complete, ready]),
    gap: null,
  },
  {
    name: 'DataRow with a column of negative length',
    bytes: Buffer.concat([
      frame('T', int16(0)),
      frame('D', Buffer.concat([int16(1), int32(-7)])),
      complete,
      ready,
    ]),
    gap: null,
  },
  {
    name: 'CommandComplete without its zero byte',
    bytes: Buffer.concat([frame('C', 'SELECT 1'), ready]),
    gap: null,
  },
  {
    name: 'ErrorResponse without a field',
    bytes: Buffer.concat([frame('E', Buffer.of(0)), ready]),
    gap: null,
  },
  { name: 'ErrorResponse without its end', bytes: Buffer.concat([frame('E', 'C42601'), ready]), gap: null },
  {
    name: 'NoticeResponse of 20 MB',
    bytes: Buffer.concat([frame('N', Buffer.alloc(20_000_000, 65)), frame('T', int16(0)), complete, ready]),
    gap: null,
  },
  {
    name: 'a type byte there is none of',
    bytes: Buffer.concat([frame('y'), ready]),
    gap: /unknown_0x79 does not fit query/,
  },
  {
    name: 'ReadyForQuery without a body',
    bytes: Buffer.concat([complete, frame('Z')]),
    gap: /ReadyForQuery does not fit/,
  },
  {
    name: 'ReadyForQuery with a body of two',
    bytes: Buffer.concat([complete, frame('Z', 'II')]),
    gap: /ReadyForQuery does not fit/,
  },
  {
    name: 'CopyInResponse of -1 columns',
    bytes: Buffer.concat([
      frame('G', Buffer.concat([Buffer.of(0), int16(-1)])),
      frame('E', 'C57014\0\0'),
      ready,
    ]),
    gap: null,
  },
  {
    name: 'CopyOutResponse of -1 columns',
    bytes: Buffer.concat([
      frame('H', Buffer.concat([Buffer.of(0), int16(-1)])),
      frame('c'),
      frame('C', 'COPY 0\0'),
      ready,
    ]),
    gap: null,
  },
  {
    name: 'BackendKeyData amid a session',
    bytes: Buffer.concat([frame('K', Buffer.alloc(257, 2)), ready]),
    gap: /BackendKeyData does not fit query/,
  },
  {
    name: 'NegotiateProtocolVersion with a count that is not so',
    bytes: Buffer.concat([frame('v', Buffer.concat([int32(196_610), int32(0x7f_ff_ff_ff)])), ready]),
    gap: /NegotiateProtocolVersion does not fit query/,
  },
  {
    name: 'an authentication request of an unknown code amid a session',
    bytes: Buffer.concat([authentication(77), ready]),
    gap: /Authentication does not fit query/,
  },
  {
    name: '20,000 ParameterStatus',
    bytes: Buffer.concat([...Array.from({ length: 20_000 }, () => frame('S', 'a\0b\0')), complete, ready]),
    gap: null,
  },
  {
    name: 'the end amid a message',
    bytes: Buffer.concat([frame('T', int16(0)), frame('D', 'half of it').subarray(0, 9)]),
    gap: null,
  },
  { name: 'length 3', bytes: Buffer.from('Z\0\0\0\x03I'), gap: /bad_framing/ },
  { name: 'length -1', bytes: Buffer.from([0x44, 255, 255, 255, 255, 1, 2, 3]), gap: /bad_framing/ },
  { name: 'length 2^31-1', bytes: Buffer.from([0x54, 127, 255, 255, 255, 1, 2, 3]), gap: null },
];

describe('a hostile server', () => {
  it.each(hostile)('8.2 $name', async ({ bytes, gap }) => {
    for (const piece of [bytes.length, bytes.length > 100_000 ? 65_537 : 1]) {
      const { heard, records } = await exchange(message.query('select 1'), bytes, piece);
      expect(heard.equals(bytes)).toBe(true);
      const told = gaps(records);
      if (gap === null) expect(told).toEqual([]);
      else expect(told).toEqual([expect.stringMatching(gap)]);
      expect(records.filter(({ kind }) => kind === 'statement')).toHaveLength(1);
      expect(records.at(-1)).toMatchObject({ kind: 'closed' });
    }
  });
});

describe('encryption requests', () => {
  const split = {
    of: 37,
    bug: 'envoy#46774, #46776: of a split SSLRequest nothing reaches the server before it is whole',
  };
  it(`${split.of} ${split.bug}`, async () => {
    for (let cut = 1; cut < sslRequest.length; cut += 1) {
      const chunks: Buffer[] = [];
      serve = (socket) =>
        void socket.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          socket.write('N');
        });
      const client = await connectTo(relay.port);
      client.socket.write(sslRequest.subarray(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(chunks).toEqual([]);
      client.socket.write(sslRequest.subarray(cut));
      await until(() => client.received().toString() === 'N', 'N');
      expect(Buffer.concat(chunks).equals(sslRequest)).toBe(true);
      client.socket.destroy();
    }
  });

  const refused = { of: 38, bug: "envoy#31762: 'E' in place of N is the server's error, and handed on" };
  it(`${refused.of} ${refused.bug}`, async () => {
    const error = Buffer.from('Esorry, too many clients already\n\0');
    serve = (socket) => void socket.once('data', () => socket.end(error));
    const client = await connectTo(relay.port);
    client.socket.write(sslRequest);
    await client.ended;
    client.socket.end();
    expect(client.received().equals(error)).toBe(true);
  });
});

it('63 a slow loris: a byte a while for the whole startup is closed by the deadline, and the server not asked', async () => {
  const before = server.connections.length;
  const strict = await startRelay({ serverPort: server.port, startupMs: 150 });
  const client = await connectTo(strict.port);
  const packet = startupMessage();
  for (const byte of packet) {
    if (client.socket.readableEnded || client.socket.destroyed) break;
    client.socket.write(Buffer.of(byte));
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await client.ended;
  client.socket.end();
  await until(() => strict.entries().some(({ kind }) => kind === 'close'), 'the close entry');
  expect(
    strict
      .entries()
      .find(({ kind }) => kind === 'close')
      ?.body.toString(),
  ).toContain('startup_timeout');
  expect(server.connections.length).toBe(before);
  strict.close();
});

it('64 a split startup, at every byte', async () => {
  const packet = startupMessage();
  for (let cut = 1; cut < packet.length; cut += 1) {
    serve = (socket) => void socket.once('data', () => socket.write(letIn));
    const far = server.connections.length;
    const client = await connectTo(relay.port);
    client.socket.write(packet.subarray(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.write(packet.subarray(cut));
    await until(() => client.received().equals(letIn), 'let in');
    expect(gather(server.connections[far] as Socket).socket.bytesRead).toBe(packet.length);
    client.socket.destroy();
  }
});
