/**
 * Bugs that other proxies shipped before and beside a session: encryption requests, versions, cancel, broken startups. Each with a real
 * PostgreSQL, direct and recorded.
 */
import { randomBytes } from 'node:crypto';
import type { DraftRecord } from '@pgtape/evidence';
import { message, testPostgresMajor, untilActive } from '@pgtape/testkit';
import { RelayBench } from './relayBench.testing.ts';
import {
  cancelRequest,
  connectTo,
  gssRequest,
  sslRequest,
  type TestClient,
  until,
  untyped,
} from './relayFixture.testing.ts';

let bench: RelayBench;
beforeAll(async () => {
  bench = await RelayBench.start();
});
afterAll(() => bench.stop());

const ways = ['direct', 'recorded'] as const;
type Way = (typeof ways)[number];
const portOf = (way: Way): number => (way === 'direct' ? bench.postgres.port : bench.relay.port);

/** A startup packet of any version, with any bytes for its pairs. */
function startup(version: number, pairs: readonly string[]): Buffer {
  return untyped(version, Buffer.from([...pairs.map((one) => `${one}\0`), '\0'].join('')));
}
const plain = ['user', 'postgres', 'database', 'postgres'];
const version30 = 196_608;

/** Opens a session after packets that are each answered with one byte. */
async function openAfter(
  way: Way,
  packets: readonly Buffer[],
  last: Buffer,
): Promise<{ client: TestClient; heard: () => string }> {
  const client = await connectTo(portOf(way));
  for (const [place, packet] of packets.entries()) {
    client.socket.write(packet);
    await until(() => client.received().length === place + 1, 'the answer of one byte');
  }
  client.socket.write(last);
  await until(() => client.received().length > packets.length + 8, 'a challenge');
  client.socket.write(message.password(bench.postgres.password));
  await until(() => client.received().subarray(-6).equals(Buffer.from('Z\0\0\0\x05I')), 'ready');
  return { client, heard: () => client.received().toString('latin1') };
}

const pidOf = (bytes: Buffer): number => bytes.readUInt32BE(bytes.lastIndexOf('K\0\0\0') + 5);

/** What every such session must still be able to do, and what is on tape of it. */
async function runsAndIsTaped(client: TestClient): Promise<readonly DraftRecord[]> {
  const pid = pidOf(client.received());
  client.socket.write(Buffer.concat([message.query("select 'it runs'"), message.terminate()]));
  await client.ended;
  client.socket.end();
  expect(client.received().includes('it runs')).toBe(true);
  expect(await bench.taped(pid)).toEqual([
    "2 completed query [select 'it runs'] <SELECT 1> rows=1 II committed",
  ]);
  return bench.session(pid);
}

interface Opening {
  readonly of: number;
  readonly bug: string;
  readonly packets: readonly Buffer[];
  readonly last: Buffer;
  readonly protocol: string;
  readonly answers: string;
}

const openings: readonly Opening[] = [
  {
    of: 33,
    bug: 'pgbouncer#1007, pgdog#578, psql-wire#147: NegotiateProtocolVersion and grease are relayed',
    packets: [],
    last: startup(version30 + 3999, [...plain, '_pq_.test_protocol_negotiation', '']),
    protocol: '3.2',
    answers: 'v',
  },
  {
    of: 33,
    bug: 'an option of protocol 3.0 that the server does not know',
    packets: [],
    last: startup(version30, [...plain, '_pq_.nothing', 'x']),
    protocol: '3.0',
    answers: 'v',
  },
  {
    of: 34,
    bug: 'teleport#6284, risingwave#12124: GSSENCRequest is answered N and the session goes on',
    packets: [gssRequest],
    last: startup(version30, plain),
    protocol: '3.0',
    answers: 'N',
  },
  {
    of: 34,
    bug: 'both requests, GSSENCRequest first',
    packets: [gssRequest, sslRequest],
    last: startup(version30, plain),
    protocol: '3.0',
    answers: 'NN',
  },
  {
    of: 38,
    bug: 'envoy#27808, #29188, #30194: the answer of one byte is not fed to the decoder',
    packets: [sslRequest],
    last: startup(version30 + 2, plain),
    protocol: '3.2',
    answers: 'N',
  },
];

/** What servers before 18 do not speak is not asked of them. */
const isSpoken = ({ protocol }: { readonly protocol: string }): boolean =>
  protocol !== '3.2' || testPostgresMajor >= 18;

describe('openings', () => {
  it.each(openings.filter(isSpoken))('$of $bug', async ({ packets, last, protocol, answers }) => {
    const direct = await openAfter('direct', packets, last);
    const recorded = await openAfter('recorded', packets, last);
    // Up to the password's request; then come keys.
    const until0 = (text: string): string => text.slice(0, text.indexOf('R\0\0\0\x08\0\0\0\0'));
    expect(until0(recorded.heard())).toBe(until0(direct.heard()));
    expect(recorded.heard().startsWith(answers)).toBe(true);
    direct.client.socket.destroy();
    const records = await runsAndIsTaped(recorded.client);
    expect(records[0]).toMatchObject({
      kind: 'opened',
      protocol,
      user: 'postgres',
      database: 'postgres',
      ready: true,
    });
  });

  const encoding = { of: 51, bug: 'proxysql#5912: the client_encoding is the one the client asked for' };
  it.each([
    { parameters: { client_encoding: 'LATIN1' }, is: 'LATIN1' },
    { parameters: {}, is: 'UTF8' },
  ])(`${encoding.of} ${encoding.bug} ($is)`, async ({ parameters, is }) => {
    for (const way of ways) {
      const client = await bench.open(way, parameters);
      await client.send(message.query('show client_encoding'));
      await client.hear(4);
      expect({ way, is: client.frames[1]?.body.toString('latin1', 6) }).toEqual({ way, is });
      client.socket.destroy();
    }
  });

  const ready = { of: 47, bug: 'pgdog#1080: pg_isready goes away after N: no error of anybody' };
  it(`${ready.of} ${ready.bug}`, async () => {
    const before = bench.relay.troubles.length;
    const client = await connectTo(bench.relay.port);
    const { localPort } = client.socket;
    client.socket.write(sslRequest);
    await until(() => client.received().length === 1, 'N');
    client.socket.end();
    await client.ended;
    const end = (): DraftRecord | undefined => {
      const records = bench.records();
      const own = records.findLast((draft) => draft.kind === 'opened' && draft.client.port === localPort);
      return records.find(
        (draft) => draft.kind === 'closed' && own?.kind === 'opened' && draft.session === own.session,
      );
    };
    await until(() => end() !== undefined, 'the record');
    expect(end()).toMatchObject({ kind: 'closed', why: 'client_closed', statements: 0 });
    expect(bench.relay.troubles.length).toBe(before);
  });
});

/** Everything that came until the server, or the recorder, ended the connection; errors by SQLSTATE. */
async function outcome(way: Way, bytes: Buffer): Promise<{ sqlstate: string; bytes: number }> {
  const client = await connectTo(portOf(way));
  client.socket.write(bytes);
  const timer = setTimeout(() => client.socket.end(), 300);
  await client.ended;
  clearTimeout(timer);
  client.socket.destroy();
  const text = client.received().toString('latin1');
  return { sqlstate: /\0C(\w{5})\0/.exec(text)?.[1] ?? '', bytes: text.length > 0 ? 1 : 0 };
}

const length = (value: number, more: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(value >>> 0);
  return Buffer.concat([head, more]);
};

describe('startups that are none', () => {
  const short = {
    of: 46,
    bug: 'duckgres#715, pgwire#112: a startup of an impossible length closes the connection and nothing else',
  };
  it.each([0, 3, 4, 7, 10_005, 0xff_ff_ff_ff, 0x80_00_00_00, 0x7f_ff_ff_ff])(
    `${short.of} ${short.bug}: %d`,
    async (value) => {
      const bytes = length(value, Buffer.alloc(8));
      expect(await outcome('recorded', bytes)).toEqual(await outcome('direct', bytes));
      const client = await bench.open('recorded');
      await client.send(message.query('select 1'));
      expect(await client.hear(4)).toEqual(['T', 'D', 'C.SELECT_1', 'Z.I']);
      client.socket.destroy();
    },
  );
});

describe('cancel', () => {
  const own = {
    of: 29,
    bug: 'pgbouncer#717, #38, #245: a cancel reaches the statement that runs, and never the next one',
  };
  const keys = [
    { version: version30, protocol: '3.0', keyBytes: 4 },
    { version: version30 + 2, protocol: '3.2', keyBytes: 32 },
  ];
  it.each(keys.filter(isSpoken))(`${own.of} ${own.bug} ($protocol)`, async ({ version, keyBytes }) => {
    const { client } = await openAfter('recorded', [], startup(version, plain));
    const received = client.received();
    const at = received.lastIndexOf('K\0\0\0');
    const key = Buffer.from(received.subarray(at + 9, at + 1 + received.readInt32BE(at + 1)));
    expect(key).toHaveLength(keyBytes);
    const pid = received.readUInt32BE(at + 5);
    client.socket.write(message.query('select pg_sleep(30)'));
    await untilActive(bench.postgres, pid);
    for (let times = 0; times < 2; times += 1) {
      // The second comes when nothing runs.
      const cancel = await connectTo(bench.relay.port);
      cancel.socket.write(cancelRequest(pid, key));
      await cancel.ended;
      cancel.socket.end();
      await until(() => client.received().includes('C57014'), 'the error');
    }
    client.socket.write(Buffer.concat([message.query("select 'next'"), message.terminate()]));
    await client.ended;
    client.socket.end();
    const told = await bench.taped(pid);
    expect(told[0]).toBe('2 cancelled query [select pg_sleep(30)] 57014 II rolled_back');
    expect(told.at(-1)).toBe("3 completed query [select 'next'] <SELECT 1> rows=1 II committed");
    const cancels = bench
      .records()
      .filter((draft) => draft.kind === 'opened' && draft.protocol === 'cancel' && draft.pid === pid);
    expect(cancels).toHaveLength(2);
    expect(bench.relay.journalBytes().includes(key)).toBe(false);
  });

  const waits = {
    of: 30,
    bug: 'pgbouncer#786, #833: the cancel connection is closed when the server has closed it',
  };
  it(`${waits.of} ${waits.bug}`, async () => {
    const cancels = await Promise.all(Array.from({ length: 20 }, () => connectTo(bench.relay.port)));
    for (const { socket } of cancels) socket.write(cancelRequest(999_999, randomBytes(4)));
    await Promise.all(cancels.map(({ ended }) => ended));
    expect(cancels.map((one) => one.received().length)).toEqual(cancels.map(() => 0));
    for (const { socket } of cancels) socket.end();
    await until(() => bench.relay.relay.cancelsOpen === 0, 'places given back');
  });

  const bad = { of: 31, bug: 'supavisor#174: a cancel is no broken startup' };
  const lengths = { of: 32, bug: 'pgwire#440: keys of any length, told from each other by length alone' };
  it.each([4, 32, 256])(`${bad.of} ${bad.bug}; ${lengths.of} ${lengths.bug}: %d bytes`, async (bytes) => {
    const packet = cancelRequest(4711, randomBytes(bytes));
    expect(await outcome('recorded', packet)).toEqual(await outcome('direct', packet));
    await until(
      () =>
        bench
          .records()
          .some((draft) => draft.kind === 'opened' && draft.protocol === 'cancel' && draft.pid === 4711),
      'the record',
    );
  });
});
