/**
 * Bugs that other proxies shipped with COPY: which Sync is answered, what is dropped after an error, who waits for whom. Each as an
 * exchange with a real PostgreSQL, direct and recorded.
 */
import { createHash } from 'node:crypto';
import { message } from '@pgtape/testkit';
import { brief } from './exchange.testing.ts';
import { type PeerBug, RelayBench } from './relayBench.testing.ts';
import { frame } from './relayFixture.testing.ts';

let bench: RelayBench;
beforeAll(async () => {
  bench = await RelayBench.start();
});
afterAll(() => bench.stop());

const table = `
  > Q create temp table t (i int primary key)
  < C.CREATE_TABLE Z.I`;
const copyIn = `
  > P -|copy t from stdin
  > B -|-
  > E -`;
/** What comes behind must find its own replies. */
const after = `
  > P -|select 'after'
  > B -|-
  > E -
  > S
  < 1 2 D C.SELECT_1 Z.I`;

const rows: readonly PeerBug[] = [
  {
    of: 11,
    bug: 'pgpool2#79: Flush amid COPY IN breaks nothing',
    script: `${table}
      > Q copy t from stdin
      < G
      > d 1
      > H
      > d 2
      > H
      > c
      < C.COPY_2 Z.I`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 completed query [copy t from stdin] <COPY 2> copy-in=2/4 II committed',
    ],
  },
  {
    of: 12,
    bug: 'pgpool2#162: COPY in the extended protocol, all at once',
    script: `${table}${copyIn}
      > d 1
      > d 2
      > c
      > S
      < 1 2 G C.COPY_2 Z.I${after}`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 completed execute [copy t from stdin] <COPY 2> copy-in=2/4 II committed',
      "4 completed execute [select 'after'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 12,
    bug: 'pgpool2#162: COPY in the extended protocol, the data after CopyInResponse',
    script: `${table}${copyIn}
      > H
      < 1 2 G
      > d 1
      > c
      > S
      < C.COPY_1 Z.I${after}`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 completed execute [copy t from stdin] <COPY 1> copy-in=1/2 II committed',
      "4 completed execute [select 'after'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 13,
    bug: 'pgbouncer#1023, #1024, #1025: a Sync before the data is swallowed, and the next one answered',
    script: `${table}${copyIn}
      > S
      < 1 2 G
      > d 1
      > c
      > S
      < C.COPY_1 Z.I${after}`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 completed execute [copy t from stdin] <COPY 1> copy-in=1/2 II committed',
      "4 completed execute [select 'after'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 13,
    bug: 'pgbouncer#1025: Sync, and no Sync behind CopyDone',
    script: `${table}${copyIn}
      > S
      > d 1
      > f no
      > S
      < 1 2 G E.57014 Z.I${after}`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 cancelled execute [copy t from stdin] copy-in=1/2 57014 II rolled_back',
      "4 completed execute [select 'after'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 14,
    bug: 'pgbouncer#1470, #1471: CopyData, CopyDone and CopyFail after the error are dropped',
    script: `${table}
      > Q copy t from stdin
      < G
      > d x
      > c
      < E.22P02 Z.I
      > d 1
      > c
      > f late
      > Q select count(*) from t
      < T D C.SELECT_1 Z.I`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 failed query [copy t from stdin] copy-in=1/2 22P02 II rolled_back',
      '4 completed query [select count(*) from t] <SELECT 1> rows=1 II committed',
    ],
  },
  {
    of: 15,
    bug: 'pgdog#885, #886: the same in the extended protocol',
    script: `${table}${copyIn}
      > H
      < 1 2 G
      > d x
      > d y
      > c
      < E.22P02
      > d 1
      > c
      > S
      < Z.I${after}`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 failed execute [copy t from stdin] copy-in=2/4 22P02 II rolled_back',
      "4 completed execute [select 'after'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 16,
    bug: 'rust-postgres#1337, #789: a COPY that fails early, two ReadyForQuery',
    script: `
      > P -|copy nowhere from stdin
      > B -|-
      > E -
      > S
      > d 1
      > c
      > S
      < 1 2 E.42P01 Z.I Z.I${after}`,
    records: [
      '2 failed execute [copy nowhere from stdin] 42P01 II rolled_back',
      "3 completed execute [select 'after'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 16,
    bug: 'rust-postgres#1337: one that fails amid the data, one ReadyForQuery',
    script: `${table}${copyIn}
      > S
      > d 1
      > d 1
      > c
      > S
      < 1 2 G E.23505 Z.I${after}`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 failed execute [copy t from stdin] copy-in=2/4 23505 II rolled_back',
      "4 completed execute [select 'after'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 58,
    bug: 'a trigger before the statement fails behind CopyInResponse: two ReadyForQuery',
    script: `${table}
      > Q create function pg_temp.no() returns trigger language plpgsql as 'begin raise exception ''no''; end'
      < C.CREATE_FUNCTION Z.I
      > Q create trigger no before insert on t for each statement execute function pg_temp.no()
      < C.CREATE_TRIGGER Z.I${copyIn}
      > S
      > d 1
      > c
      > S
      < 1 2 G E.P0001 Z.I Z.I${after}`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      "3 completed query [create function pg_temp.no() returns trigger language plpgsql as 'begin raise exception ''no''; end'] <CREATE FUNCTION> II committed",
      '4 completed query [create trigger no before insert on t for each statement execute function pg_temp.no()] <CREATE TRIGGER> II committed',
      '5 failed execute [copy t from stdin] copy-in=1/2 P0001 II rolled_back',
      "6 completed execute [select 'after'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 59,
    bug: 'a Query amid COPY IN: ERROR, then FATAL',
    script: `${table}
      > Q copy t from stdin
      < G
      > Q select 1
      < E.08P01 E.08P01.FATAL
      ended`,
    records: [
      '2 completed query [create temp table t (i int primary key)] <CREATE TABLE> II committed',
      '3 failed query [copy t from stdin] copy-in=0/0 08P01 I-',
      '4 lost query [select 1] --',
      'tx unknown 3-4',
    ],
  },
  {
    of: 60,
    bug: 'notices amid COPY OUT',
    script: `
      > Q create function pg_temp.loud(i int) returns int language plpgsql as 'begin raise notice ''%'', i; return i; end'
      < C.CREATE_FUNCTION Z.I
      > Q copy (select pg_temp.loud(g) from generate_series(1, 2) g) to stdout
      < H N.00000 d N.00000 d c C.COPY_2 Z.I`,
    records: [
      "2 completed query [create function pg_temp.loud(i int) returns int language plpgsql as 'begin raise notice ''%'', i; return i; end'] <CREATE FUNCTION> II committed",
      '3 completed query [copy (select pg_temp.loud(g) from generate_series(1, 2) g) to stdout] <COPY 2> copy-out=2/4 II committed',
    ],
  },
];

describe('COPY', () => {
  it.each(rows)('$of $bug', async ({ script, records }) => {
    expect(await bench.both(script)).toEqual(records);
  });

  const loose = { of: 17, bug: 'odyssey#554: a large COPY OUT arrives whole, whatever the reads' };
  it(`${loose.of} ${loose.bug}`, async () => {
    const sums: string[] = [];
    for (const way of ['direct', 'recorded'] as const) {
      const client = await bench.open(way);
      await client.send(
        message.query('copy (select g, repeat(md5(g::text), 40) from generate_series(1, 4000) g) to stdout'),
      );
      const replies = await client.hear(4004);
      sums.push(createHash('sha256').update(client.heard).digest('hex'));
      expect([replies[0], ...replies.slice(-3)]).toEqual(['H', 'c', 'C.COPY_4000', 'Z.I']);
      client.socket.destroy();
    }
    expect(sums[1]).toBe(sums[0]);
  });

  const halfClose = {
    of: 18,
    bug: 'pgbouncer#57: bulk COPY and a client that half-closes: all is stored, both sides end',
  };
  it(`${halfClose.of} ${halfClose.bug}`, async () => {
    await bench.ask('create table bulk (t text)');
    const client = await bench.open('recorded');
    const parts = [message.query('copy bulk from stdin')];
    for (let n = 0; n < 2000; n += 1) parts.push(message.copyData(`${'x'.repeat(1000)}\n`));
    parts.push(message.copyDone());
    client.socket.end(Buffer.concat(parts));
    expect(await client.ended()).toEqual(['G', 'C.COPY_2000', 'Z.I']);
    expect(await bench.taped(client.pid)).toEqual([
      '2 completed query [copy bulk from stdin] <COPY 2000> copy-in=2000/2002000 II committed',
    ]);
    expect(await bench.ask('select count(*) from bulk')).toBe('2000');
    client.socket.destroy();
  });

  const race = { of: 49, bug: 'pgadapter#252: the error of a COPY while its data still comes' };
  it(`${race.of} ${race.bug}`, async () => {
    for (const way of ['direct', 'recorded'] as const) {
      const client = await bench.open(way);
      const parts = [message.query('create temp table t (i int)'), message.query('copy t from stdin')];
      for (let n = 0; n < 50_000; n += 1) parts.push(message.copyData(n === 3 ? 'x\n' : `${n}\n`));
      parts.push(message.copyDone(), message.query('select 1'));
      await client.send(Buffer.concat(parts), [65_536]);
      const replies = ['C.CREATE_TABLE', 'Z.I', 'G', 'E.22P02', 'Z.I', 'T', 'D', 'C.SELECT_1', 'Z.I'];
      expect({ way, heard: await client.hear(9) }).toEqual({ way, heard: replies });
      client.socket.end(message.terminate());
      await client.ended();
      if (way === 'direct') continue;
      // How far the client had come when the error arrived is a race.
      const told = (await bench.taped(client.pid)).map((one) =>
        one.replace(/copy-in=\d+\/\d+/, 'copy-in=some'),
      );
      expect(told).toEqual([
        '2 completed query [create temp table t (i int)] <CREATE TABLE> II committed',
        '3 failed query [copy t from stdin] copy-in=some 22P02 II rolled_back',
        '4 completed query [select 1] <SELECT 1> rows=1 II committed',
      ]);
    }
  });

  const oversize = {
    of: 53,
    bug: 'cockroach#54066: CopyData over the limit: closed as the server closes it, and a gap says so',
  };
  it(`${oversize.of} ${oversize.bug}`, async () => {
    const heard: string[][] = [];
    for (const way of ['direct', 'recorded'] as const) {
      const client = await bench.open(way);
      await client.send(
        Buffer.concat([message.query('create temp table t (i int)'), message.query('copy t from stdin')]),
      );
      await client.hear(3);
      const head = frame('d');
      head.writeInt32BE(0x3f_ff_ff_ff, 1);
      await client.send(head);
      await client.ended();
      heard.push(client.frames.map(brief));
      client.socket.destroy();
      if (way === 'recorded') {
        const records = await bench.closedSession(client.pid);
        expect(records.find(({ kind }) => kind === 'gap')).toMatchObject({ reason: 'bad_framing' });
      }
    }
    expect(heard[1]).toEqual(heard[0]);
  });
});
