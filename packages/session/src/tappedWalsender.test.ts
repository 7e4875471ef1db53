/** Replication connections of a real PostgreSQL: commands, slots, and the WAL that streamed. */
import { message as m, type RawClient, testPostgresMajor } from '@pgtape/testkit';
import { run, statementsOf, TappedPostgres } from './tappedPostgres.testing.ts';

let postgres: TappedPostgres;
let admin: RawClient;

beforeAll(async () => {
  postgres = await TappedPostgres.start({
    wal_level: 'logical',
    max_wal_senders: '4',
    max_replication_slots: '4',
  });
  admin = await postgres.client({ port: postgres.server.port });
  await run(admin, m.query('CREATE TABLE t (a int)'));
  await run(admin, m.query('CREATE PUBLICATION p FOR TABLE t'));
});
afterAll(async () => {
  await admin.end();
  await postgres.stop();
});

function position(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

async function value(sql: string): Promise<string> {
  admin.send(m.query(sql));
  let told = '';
  for (;;) {
    const { tag, body } = await admin.take();
    if (tag === 'Z') return told;
    if (tag === 'D') told = body.subarray(6).toString();
  }
}

/** Takes CopyData until the WAL received reaches `end`; how many bytes their bodies had. */
async function stream(client: RawClient, end: bigint, isPhysical: boolean): Promise<number> {
  let bytes = 0;
  for (;;) {
    const { tag, body } = await client.take();
    if (tag !== 'd') throw new Error(`${tag} instead of CopyData`);
    bytes += body.length;
    if (body[0] !== 0x77) continue;
    const start = body.readBigUInt64BE(1);
    if (start + BigInt(isPhysical ? body.length - 25 : 0) >= end) return bytes;
  }
}

/** Standby status update: written, flushed and applied up to here. */
function status(at: bigint): Buffer {
  const body = Buffer.alloc(34);
  body.write('r');
  for (const place of [1, 9, 17]) body.writeBigUInt64BE(at, place);
  return m.copyData(body);
}

/** Older servers do not know READ_REPLICATION_SLOT, nor options of BASE_BACKUP in brackets. */
const itSince15 = testPostgresMajor >= 15 ? it : it.skip;

describe('a walsender', () => {
  itSince15('commands and their slots', async () => {
    const session = await postgres.tap();
    const client = await postgres.client(session, { replication: 'database' });
    const answers: string[] = [];
    for (const sql of [
      'IDENTIFY_SYSTEM',
      'CREATE_REPLICATION_SLOT one PHYSICAL',
      'READ_REPLICATION_SLOT one',
      'DROP_REPLICATION_SLOT one',
      'CREATE_REPLICATION_SLOT two TEMPORARY LOGICAL pgoutput',
      'TIMELINE_HISTORY 7',
      'START_REPLICATION SLOT nowhere LOGICAL 0/0',
      'SHOW wal_level',
      'SELECT 1',
    ]) {
      answers.push(await run(client, m.query(sql)));
    }
    await client.end();
    expect(answers).toEqual(['TDCZ', 'TDCZ', 'TDCZ', 'CZ', 'TDCZ', 'TEZ', 'EZ', 'TDCZ', 'TDCZ']);
    const none = { bytes_from_server: 0, bytes_from_client: 0 };
    expect(
      statementsOf(session.records).map(({ protocol, replication, outcome }) => ({
        protocol,
        outcome,
        ...replication,
      })),
    ).toEqual([
      { protocol: 'replication', outcome: 'completed', command: 'IDENTIFY_SYSTEM', ...none },
      {
        protocol: 'replication',
        outcome: 'completed',
        command: 'CREATE_REPLICATION_SLOT',
        slot: 'one',
        kind: 'physical',
        ...none,
      },
      {
        protocol: 'replication',
        outcome: 'completed',
        command: 'READ_REPLICATION_SLOT',
        slot: 'one',
        ...none,
      },
      {
        protocol: 'replication',
        outcome: 'completed',
        command: 'DROP_REPLICATION_SLOT',
        slot: 'one',
        ...none,
      },
      {
        ...{ protocol: 'replication', outcome: 'completed', command: 'CREATE_REPLICATION_SLOT' },
        ...{ slot: 'two', kind: 'logical', plugin: 'pgoutput', ...none },
      },
      { protocol: 'replication', outcome: 'failed', command: 'TIMELINE_HISTORY', timeline: '7', ...none },
      {
        ...{ protocol: 'replication', outcome: 'failed', command: 'START_REPLICATION' },
        ...{ slot: 'nowhere', kind: 'logical', from: '0/0', ...none },
      },
      { protocol: 'simple', outcome: 'completed' },
      { protocol: 'simple', outcome: 'completed' },
    ]);
  });

  it('a physical stream: where it began and ended, what the client flushed, bytes both ways', async () => {
    const session = await postgres.tap();
    const client = await postgres.client(session, { replication: 'true' });
    const from = await value('SELECT pg_current_wal_flush_lsn()');
    // Walsenders stream whole pages from a position within one.
    client.send(m.query(`START_REPLICATION PHYSICAL ${from}`));
    expect(await client.until('W')).toMatch(/W$/);
    await value('INSERT INTO t SELECT generate_series(1, 10000)');
    const end = position(await value('SELECT pg_current_wal_flush_lsn()'));
    const bytes = await stream(client, end, true);
    client.send(status(end));
    client.send(m.copyDone());
    await client.until('Z');
    await client.end();
    const [told] = statementsOf(session.records);
    expect(told).toMatchObject({
      outcome: 'completed',
      copy: { direction: 'both' },
      replication: {
        command: 'START_REPLICATION',
        kind: 'physical',
        from,
        first: from,
        bytes_from_client: 34,
      },
    });
    const { last = '0/0', flushed = '0/0', bytes_from_server = 0 } = told?.replication ?? {};
    expect(position(last)).toBeGreaterThanOrEqual(end);
    expect(position(flushed)).toBe(end);
    expect(bytes_from_server).toBeGreaterThanOrEqual(bytes);
    // Every byte of WAL between both ends came once.
    const heads = told?.copy === undefined ? 0 : (told.copy.messages - 1) * 25;
    expect(position(last) - position(from)).toBeLessThanOrEqual(BigInt(bytes_from_server));
    expect(position(last) - position(from)).toBeGreaterThanOrEqual(BigInt(bytes_from_server - heads));
  });

  it('a logical stream that the client breaks off', async () => {
    const session = await postgres.tap();
    const client = await postgres.client(session, { replication: 'database' });
    await run(client, m.query('CREATE_REPLICATION_SLOT three TEMPORARY LOGICAL pgoutput'));
    client.send(
      m.query("START_REPLICATION SLOT three LOGICAL 0/0 (proto_version '1', publication_names 'p')"),
    );
    await client.until('W');
    const before = position(await value('SELECT pg_current_wal_insert_lsn()'));
    await value('INSERT INTO t VALUES (1)');
    await stream(client, before, false);
    client.destroy();
    await client.closed();
    while (!session.records.some(({ kind }) => kind === 'closed'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    const told = statementsOf(session.records)[1];
    expect(told).toMatchObject({
      outcome: 'lost',
      replication: {
        command: 'START_REPLICATION',
        slot: 'three',
        kind: 'logical',
        from: '0/0',
        bytes_from_client: 0,
      },
    });
    expect(position(told?.replication?.first ?? '0/0')).toBeGreaterThan(0n);
    expect(position(told?.replication?.last ?? '0/0')).toBeGreaterThanOrEqual(before);
  });

  itSince15('a base backup', async () => {
    const session = await postgres.tap();
    const client = await postgres.client(session, { replication: 'true' });
    expect(await run(client, m.query("BASE_BACKUP (CHECKPOINT 'fast', WAL false)"))).toMatch(
      /^T.*H.*cT?D?.*CZ$/,
    );
    await client.end();
    const [told] = statementsOf(session.records);
    const { messages = 0, bytes = 0 } = told?.copy ?? {};
    expect(told).toMatchObject({ outcome: 'completed', protocol: 'replication', copy: { direction: 'out' } });
    expect(told?.replication).toEqual({
      command: 'BASE_BACKUP',
      bytes_from_server: bytes,
      bytes_from_client: 0,
    });
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(messages).toBeGreaterThan(100);
  });
});
