/**
 * The relay in front of a real PostgreSQL: what a client may do directly it may do through it, and R6 holds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startTestPostgres, untilActive } from '@pgtape/testkit';
import pg from 'pg';
import { cancelRequest, connectTo, startRelay, type TestRelay, until } from './relayFixture.testing.ts';

let root: string;
let postgres: EmbeddedPostgres;
let relay: TestRelay;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-relay-postgres-'));
  postgres = await startTestPostgres({
    dir: join(root, 'cluster'),
    password: 'plant-9d1c-secret',
    settings: { fsync: 'off', wal_level: 'logical' },
    hba: ['host trusted all 127.0.0.1/32 trust'],
  });
  relay = await startRelay({ serverPort: postgres.port, trustUpstream: false });
  await using(async (client) => {
    await client.query('create database trusted');
  });
});
afterAll(async () => {
  relay.close();
  await postgres.stop();
  rmSync(root, { recursive: true, force: true });
});

interface CancelKey {
  readonly processID: number;
  readonly secretKey: number;
}

async function using(
  work: (client: pg.Client & CancelKey) => Promise<void>,
  more: pg.ClientConfig = {},
): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: relay.port,
    user: 'postgres',
    password: postgres.password,
    database: 'postgres',
    ...more,
  });
  await client.connect();
  try {
    await work(client as pg.Client & CancelKey);
  } finally {
    await client.end();
  }
}

describe('in front of PostgreSQL', () => {
  it('SCRAM passes, and simple and extended queries, errors and large results', async () => {
    await using(async (client) => {
      expect(await client.query('select 1 as one; select 2 as two')).toHaveLength(2);
      expect((await client.query('select $1::int + 1 as sum', [41])).rows).toEqual([{ sum: 42 }]);
      await expect(client.query('select 1/0')).rejects.toMatchObject({ code: '22012' });
      const rows = await client.query("select g, repeat('x', 1000) as x from generate_series(1, 5000) g");
      expect(rows.rowCount).toBe(5000);
    });
    const journal = relay.journalBytes();
    expect(journal.includes('select $1::int + 1 as sum')).toBe(true);
    expect(journal.includes('plant-9d1c-secret')).toBe(false);
  });

  it('a wrong password is refused by the server, in its own words', async () => {
    await expect(using(async () => {}, { password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  });

  it('a database that trusts is refused by the recorder (R6)', async () => {
    await expect(using(async () => {}, { database: 'trusted' })).rejects.toMatchObject({
      code: '28000',
      hint: expect.stringContaining('scram-sha-256') as unknown,
    });
  });

  it('a cancel request reaches the statement it is meant for, and its key no disk', async () => {
    await using(async (client) => {
      const slow = client.query('select pg_sleep(30)');
      const failed = expect(slow).rejects.toMatchObject({ code: '57014' });
      await untilActive(postgres, client.processID);
      const key = Buffer.alloc(4);
      key.writeInt32BE(client.secretKey);
      const cancel = await connectTo(relay.port);
      cancel.socket.write(cancelRequest(client.processID, key));
      await cancel.ended;
      cancel.socket.end();
      await failed;
    });
  });

  it('a session the server ends is ended, with the reason it gave', async () => {
    const victim = new pg.Client({
      host: '127.0.0.1',
      port: relay.port,
      user: 'postgres',
      password: postgres.password,
      database: 'postgres',
    });
    const errors: unknown[] = [];
    victim.on('error', (error) => errors.push(error));
    await victim.connect();
    await using(async (client) => {
      await client.query('select pg_terminate_backend($1)', [(victim as pg.Client & CancelKey).processID]);
    });
    await until(() => errors.length > 0, 'error');
    expect(errors[0]).toMatchObject({ code: '57P01' });
  });
});
