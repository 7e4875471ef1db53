/**
 * Bugs that other proxies shipped in moving bytes: backpressure, buffers that grow or are reused, notifications, ends of sessions. Each
 * with a real PostgreSQL, direct and recorded.
 */
import { createHash } from 'node:crypto';
import { message } from '@pgtape/testkit';
import type { Exchange } from './exchange.testing.ts';
import { type PeerBug, RelayBench } from './relayBench.testing.ts';
import { until } from './relayFixture.testing.ts';

let bench: RelayBench;
beforeAll(async () => {
  bench = await RelayBench.start();
});
afterAll(() => bench.stop());

const mebibyte = 1024 * 1024;
const ways = ['direct', 'recorded'] as const;
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function terminated(client: Exchange): Promise<void> {
  client.socket.end(message.terminate());
  await client.ended();
  client.socket.destroy();
}

/** The body of a Bind of the unnamed statement, in hex; what stands behind the two names as given. */
const bindOf = (rest: string): string => `0000${rest.replaceAll(' ', '')}`;

const rows: readonly PeerBug[] = [
  {
    of: 42,
    bug: 'proxysql#5301: a flood of Close',
    script: `
      ${'> C S none\n'.repeat(3000)}
      > S
      < 3*3000 Z.I
      > Q select 1
      < T D C.SELECT_1 Z.I`,
    records: ['2 completed query [select 1] <SELECT 1> rows=1 II committed'],
  },
  {
    of: 52,
    bug: 'pgx#2519, #2520: a value of length -2 is refused by the server, and the record guesses no value',
    script: `
      > P -|select $1::text
      > !B ${bindOf('0000 0001 fffffffe 0000')}
      > E -
      > S
      < 1 E.08P01 Z.I
      > Q select 1
      < T D C.SELECT_1 Z.I`,
    records: [
      '2 failed bind [select $1::text] 08P01 I-',
      '3 skipped execute [select $1::text] -I',
      'tx rolled_back 2-3',
      '5 completed query [select 1] <SELECT 1> rows=1 II committed',
    ],
  },
  {
    of: 52,
    bug: 'pgx#2507: a value that is longer than its message',
    script: `
      > P -|select $1::text
      > !B ${bindOf('0000 0001 7fffffff 61 0000')}
      > S
      < 1 E.08P01 Z.I`,
    records: ['2 failed bind [select $1::text] 08P01 II rolled_back'],
  },
  {
    of: 52,
    bug: 'golang/vulndb#6170, #6171: more formats than values, and a format there is none of',
    script: `
      > P -|select $1::int, $2::int, $3::int
      > !B ${bindOf(`0002 0000 0000 0003 ${'ffffffff'.repeat(3)} 0000`)}
      > S
      < 1 E.08P01 Z.I
      > P -|select $1::int
      > !B ${bindOf('0001 0002 0001 00000001 31 0000')}
      > S
      < 1 E.22023 Z.I`,
    records: [
      '2 failed bind [select $1::int, $2::int, $3::int] (NULL,NULL,NULL) 08P01 II rolled_back',
      '3 failed bind [select $1::int] (1) 22023 II rolled_back',
    ],
  },
  {
    of: 61,
    bug: 'PREPARE and Parse, DECLARE and Bind share their names',
    script: `
      > Q prepare p as select 7
      < C.PREPARE Z.I
      > P p|select 8
      > S
      < E.42P05 Z.I
      > Q execute p
      < T D C.SELECT_1 Z.I
      > P q|select 9
      > S
      < 1 Z.I
      > Q execute q
      < T D C.SELECT_1 Z.I
      > Q deallocate q
      < C.DEALLOCATE Z.I
      > B -|q
      > S
      < E.26000 Z.I`,
    records: [
      '2 completed query [prepare p as select 7] <PREPARE> II committed',
      '3 failed parse [select 8] 42P05 II rolled_back',
      '4 completed query [execute p] <SELECT 1> rows=1 II committed',
      '5 completed query [execute q] <SELECT 1> rows=1 II committed',
      '6 completed query [deallocate q] <DEALLOCATE> II committed',
      '7 failed bind [statement_not_seen] 26000 II rolled_back',
    ],
  },
];

describe('messages', () => {
  it.each(rows)('$of $bug', async ({ script, records }) => {
    expect(await bench.both(script)).toEqual(records);
  });

  const sql = {
    of: 28,
    bug: 'yugabyte-db#33914: a statement of PREPARE is bound, a cursor of DECLARE executed',
  };
  it(`${sql.of} ${sql.bug}`, async () => {
    const told = await bench.both(`
      > Q prepare p as select 'prepared'
      < C.PREPARE Z.I
      > B -|p
      > E -
      > S
      < 2 D C.SELECT_1 Z.I
      > Q begin
      < C.BEGIN Z.T
      > Q declare c cursor for select 'declared'
      < C.DECLARE_CURSOR Z.T
      > E c
      > S
      < D C.SELECT_1 Z.T
      > Q commit
      < C.COMMIT Z.I`);
    expect(told.filter((one) => one.includes('execute ['))).toEqual([
      "3 completed execute [prepare p as select 'prepared'] <SELECT 1> rows=1 II committed",
      "6 completed execute [declare c cursor for select 'declared'] <SELECT 1> rows=1 TT",
    ]);
  });

  const leak = {
    of: 28,
    bug: 'yugabyte-db#33914: who leaves within a transaction takes what it PREPAREd with it',
  };
  it(`${leak.of} ${leak.bug}`, async () => {
    await bench.both(`
      > Q begin; prepare p as select 'of another session'
      < C.BEGIN C.PREPARE Z.T`);
    const { pid } = await bench.play(
      'recorded',
      `
      > Q execute p
      < E.26000 Z.I
      > Q prepare p as select 'of its own'
      < C.PREPARE Z.I
      > Q execute p
      < T D C.SELECT_1 Z.I`,
    );
    const records = await bench.closedSession(pid);
    const runs = records.flatMap((draft) => (draft.kind === 'statement' ? [draft.runs ?? null] : []));
    expect(runs).toEqual([
      { name: 'p', sql: null, sql_unknown: 'statement_not_seen' },
      null,
      { name: 'p', sql: "select 'of its own'" },
    ]);
  });

  const mirror = { of: 54, bug: 'pgdog#340: what watches stays in step, however the bytes are cut' };
  const hidden = {
    of: 39,
    bug: 'envoy#12340, #16575, #35908, #36471: no length and no cut makes the decoder fail',
  };
  it.each([[1], [3], [7, 1, 2], [8192]])(
    `${mirror.of} ${mirror.bug}; ${hidden.of} ${hidden.bug}: pieces of %s`,
    async (...sizes) => {
      const script = `
      > Q create temp table t (i int primary key)
      < C.CREATE_TABLE Z.I
      > P a|insert into t select generate_series($1::int, $2::int)
      > B -|a|1,10
      > D P -
      > E -
      > B -|a|5,11
      > E -
      > Q select 'swallowed'
      > S
      < 1 2 n C.INSERT_0_10 2 E.23505 Z.I
      > Q copy t from stdin
      > d 1
      > d 2
      > c
      > Q select i from t order by i; select 1/0; select 3
      < G C.COPY_2 Z.I T D*2 C.SELECT_2 E.22012 Z.I`;
      const whole = await bench.both(script);
      expect(await bench.both(script, { sizes })).toEqual(whole);
      expect(whole.filter((one) => one.startsWith('gap'))).toEqual([]);
    },
  );
});

describe('flow', () => {
  const write = {
    of: 40,
    bug: 'autopg#14, #15: what a slow reader cannot take yet is neither dropped nor held without bound',
  };
  const blocked = {
    of: 41,
    bug: 'pgjdbc#194, npgsql#3846, pgconn#27: a client that does not read can still write',
  };
  it(`${write.of} ${write.bug}`, async () => {
    const sums: string[] = [];
    for (const way of ways) {
      const client = await bench.open(way);
      client.socket.pause();
      await client.send(message.query("select repeat('x', 1000000) || g from generate_series(1, 60) g"));
      const from = process.memoryUsage().arrayBuffers;
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(process.memoryUsage().arrayBuffers - from).toBeLessThan(16 * mebibyte);
      client.socket.resume();
      await client.hear(63);
      sums.push(sha(client.heard));
      await terminated(client);
    }
    expect(sums[1]).toBe(sums[0]);
  });

  it(`${blocked.of} ${blocked.bug}`, async () => {
    await bench.ask('create table written (i int)');
    const client = await bench.open('recorded');
    client.socket.pause();
    // Answers of some 60 MB that nobody reads yet: the server stops at them; what fits before it is run all the same.
    await client.send(
      Buffer.concat([
        message.query('insert into written values (1)'),
        message.query("select repeat('x', 1000000) from generate_series(1, 60)"),
        message.query('insert into written values (2)'),
      ]),
    );
    const rowsOf = async (): Promise<string> => bench.ask('select count(*) from written');
    while ((await rowsOf()) !== '1') await new Promise((resolve) => setTimeout(resolve, 10));
    await client.send(message.query('insert into written values (3)'));
    client.socket.resume();
    expect((await client.hear(2 + 63 + 4)).filter((one) => one.startsWith('C'))).toEqual([
      'C.INSERT_0_1',
      'C.SELECT_60',
      'C.INSERT_0_1',
      'C.INSERT_0_1',
    ]);
    expect(await rowsOf()).toBe('3');
    await terminated(client);
  });

  const keeps = { of: 43, bug: 'pg_doorman#227: a large message leaves no large buffer behind' };
  const concat = {
    of: 44,
    bug: 'node-postgres#2240, #2241, #3531, #3533, #3776, porsager/postgres#207: a large value in small pieces',
  };
  it(`${keeps.of} ${keeps.bug}; ${concat.of} ${concat.bug}`, async () => {
    const clients: Exchange[] = [];
    const from = process.memoryUsage().arrayBuffers;
    for (let session = 0; session < 10; session += 1) {
      const client = await bench.open('recorded');
      const text = 'y'.repeat(4 * mebibyte);
      await client.send(message.query(`select length('${text}'), repeat('z', 4000000)`), [50_000]);
      expect(await client.hear(4)).toEqual(['T', 'D', 'C.SELECT_1', 'Z.I']);
      client.frames.length = 0;
      clients.push(client);
    }
    bench.records();
    (globalThis as { gc?: () => void }).gc?.();
    // Ten sessions that each moved 8 MiB: 80 MiB would stay if their largest buffers did.
    await until(() => process.memoryUsage().arrayBuffers - from < 48 * mebibyte, 'memory given back');
    for (const client of clients) await terminated(client);
    const [statement] = (await bench.closedSession(clients[0]?.pid ?? 0)).filter(
      ({ kind }) => kind === 'statement',
    );
    expect(statement).toMatchObject({
      outcome: 'completed',
      sql_cut: { len: 4 * mebibyte + "select length(''), repeat('z', 4000000)".length },
    });
  });

  const piece = { of: 45, bug: 'node-pg-copy-streams#91: CopyData of 24 MiB is handed on as it comes' };
  it(`${piece.of} ${piece.bug}`, async () => {
    await bench.ask('create table large (t text)');
    const client = await bench.open('recorded');
    await client.send(message.query('copy large from stdin'));
    await client.hear(1);
    const data = message.copyData(`${'w'.repeat(24 * mebibyte)}\n`);
    const from = process.memoryUsage().arrayBuffers;
    await client.send(data.subarray(0, 20 * mebibyte), [mebibyte]);
    expect(process.memoryUsage().arrayBuffers - from).toBeLessThan(16 * mebibyte);
    await client.send(Buffer.concat([data.subarray(20 * mebibyte), message.copyDone()]));
    expect(await client.hear(2)).toEqual(['C.COPY_1', 'Z.I']);
    expect(await bench.ask('select length(t) from large')).toBe(String(24 * mebibyte));
    await terminated(client);
  });
});

describe('ends and notices', () => {
  const idle = { of: 50, bug: 'npgsql#2782, proxysql#6112: a notification reaches an idle session at once' };
  it(`${idle.of} ${idle.bug}`, async () => {
    const client = await bench.open('recorded');
    await client.send(message.query('listen news'));
    expect(await client.hear(2)).toEqual(['C.LISTEN', 'Z.I']);
    await bench.ask("select pg_notify('news', 'now')");
    expect(await client.hear(1)).toEqual(['A']);
    await terminated(client);
    expect(await bench.taped(client.pid)).toEqual([
      '2 completed query [listen news] <LISTEN> II committed',
      'notification',
    ]);
  });

  const twice = { of: 48, bug: 'pgdog#841: one error when the server ends a session, and one end on tape' };
  it(`${twice.of} ${twice.bug}`, async () => {
    const client = await bench.open('recorded');
    await bench.ask(`select pg_terminate_backend(${client.pid})`);
    expect(await client.ended()).toEqual(['E.57P01.FATAL']);
    client.socket.end();
    const ends = (await bench.closedSession(client.pid)).filter(({ kind }) => kind === 'closed');
    expect(ends).toHaveLength(1);
    expect(ends[0]).toMatchObject({ why: 'server_closed', error: { sqlstate: '57P01', severity: 'FATAL' } });
  });

  const gone = {
    of: 55,
    bug: 'pgcat#64: a client that is gone amid a transaction: rolled back, and its server let go',
  };
  it(`${gone.of} ${gone.bug}`, async () => {
    await bench.ask('create table left_open (i int)');
    const client = await bench.open('recorded');
    await client.send(
      Buffer.concat([message.query('begin'), message.query('insert into left_open values (1)')]),
    );
    await client.hear(4);
    client.socket.resetAndDestroy();
    expect(await bench.taped(client.pid)).toEqual([
      '2 completed query [begin] <BEGIN> IT',
      '3 completed query [insert into left_open values (1)] <INSERT 0 1> TT',
      'tx rolled_back 2-3',
    ]);
    const there = `select count(*) from pg_stat_activity where pid = ${client.pid}`;
    while ((await bench.ask(there)) !== '0') await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await bench.ask('select count(*) from left_open')).toBe('0');
  });

  const huge = { of: 62, bug: 'a notice of 20 MB' };
  it(`${huge.of} ${huge.bug}`, async () => {
    const sums: string[] = [];
    for (const way of ways) {
      const client = await bench.open(way);
      await client.send(message.query("do $$ begin raise notice '%', repeat('n', 20000000); end $$"));
      expect(await client.hear(3)).toEqual(['N.00000', 'C.DO', 'Z.I']);
      sums.push(sha(client.heard));
      await terminated(client);
      if (way === 'recorded')
        expect(await bench.taped(client.pid)).toEqual([
          "2 completed query [do $$ begin raise notice '%', repeat('n', 20000000); end $$] <DO> II committed",
        ]);
    }
    expect(sums[1]).toBe(sums[0]);
  });
});
