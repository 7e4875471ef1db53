import { spawnSync } from 'node:child_process';
import pg from 'pg';
import { metricsAt, verify, withClient } from './probes.ts';
import { type Stack, startStack } from './stack.ts';

const trustLine = ['host all all 127.0.0.1/32 trust'];

async function refusalOf(config: pg.ClientConfig): Promise<pg.DatabaseError> {
  const client = new pg.Client(config);
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    return error as pg.DatabaseError;
  }
  await client.end();
  throw new Error('was let in');
}

describe('R6: the recorder does not turn loopback trust into an open door', () => {
  it('refuses with 28000 and says what to do; nothing of the client reached the server', async () => {
    const settings = { log_connections: 'all', log_statement: 'all', log_line_prefix: '%p|' };
    const stack = await startStack({ hba: trustLine, settings });
    try {
      const refused = await refusalOf({ connectionString: stack.url });
      expect(refused).toMatchObject({ code: '28000', severity: 'FATAL' });
      expect(refused.message).toMatch(/let this connection in without asking for a password/);
      expect(refused.hint).toMatch(/scram-sha-256 in pg_hba\.conf.*--trust-upstream/s);
      const psql = spawnSync('psql', ['-X', '-c', 'CREATE TABLE let_in (a int)', stack.url], {
        encoding: 'utf8',
      });
      expect([psql.status, psql.stdout]).toEqual([2, '']);
      expect(psql.stderr).toContain('let this connection in without asking for a password');
      expect(
        (await metricsAt(stack.ports.health))['pgtape_recorder_refused_total{reason="upstream_trusts"}'],
      ).toBe(2);
      const tables = await withClient({ connectionString: stack.directUrl }, async (client) => {
        const { rows } = await client.query("SELECT 1 FROM pg_tables WHERE tablename = 'let_in'");
        return rows.length;
      });
      expect(tables).toBe(0);
      await stack.settle();
      const closed = stack.records().filter(({ kind }) => kind === 'closed');
      expect(closed.map(({ why, reason, statements }) => ({ why, reason, statements }))).toEqual(
        Array(2).fill({ why: 'refused', reason: 'upstream_trusts', statements: 0 }),
      );
      const opened = stack.records().filter(({ kind }) => kind === 'opened');
      expect(opened.map(({ user, ready }) => ({ user, ready }))).toEqual(
        Array(2).fill({ user: 'postgres', ready: false }),
      );
      expect(verify(stack.archiveDir).verdict).toBe('complete');
    } finally {
      await stack.stop();
    }
  });

  it('lets in where trustUpstream says so, and the tape says that it trusted', async () => {
    const stack = await startStack({ hba: trustLine, trustUpstream: true });
    try {
      const sum = await withClient({ connectionString: stack.url }, async (client) => {
        const { rows } = await client.query<{ sum: number }>('SELECT 1 + 1 AS sum');
        return rows[0]?.sum;
      });
      expect(sum).toBe(2);
      await stack.settle();
      expect(stack.records().find(({ kind }) => kind === 'opened')).toMatchObject({
        auth: 'trust',
        ready: true,
      });
      expect(stack.records().find(({ kind }) => kind === 'reel_opened')).toMatchObject({
        trust_upstream: true,
      });
    } finally {
      await stack.stop();
    }
  });

  it('from 127.0.0.2 the server asks for the password, whatever it trusts at 127.0.0.1', async () => {
    const settings = { listen_addresses: '127.0.0.1,127.0.0.2' };
    const upstream = { host: '127.0.0.2', localAddress: '127.0.0.2' };
    const stack = await startStack({
      hba: [...trustLine, 'host all all 127.0.0.0/8 scram-sha-256'],
      settings,
      recorder: { upstream, listen: { others: ['127.0.0.3', '::1', '192.0.2.1'] } },
    });
    try {
      const login = { host: '127.0.0.1', port: stack.ports.recorder, user: 'postgres', database: 'postgres' };
      expect(await refusalOf({ ...login, password: 'wrong' })).toMatchObject({ code: '28P01' });
      for (const host of ['127.0.0.1', '127.0.0.3']) {
        const url = stack.url.replace('127.0.0.1', host);
        const seen = await withClient({ connectionString: url }, async (client) => {
          const { rows } = await client.query<{ addr: string }>('SELECT host(inet_client_addr()) AS addr');
          return rows[0]?.addr;
        });
        expect(seen).toBe('127.0.0.2');
      }
    } finally {
      await stack.stop();
    }
  });
});

describe('what the server refuses, the recorder passes on', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ hba: ['host all nobody_at_all 127.0.0.1/32 reject'] });
  });
  afterAll(() => stack.stop());

  it.each([
    { name: 'a wrong password', user: 'postgres', password: 'wrong', database: 'postgres' },
    { name: 'a role that is not there', user: 'missing', password: 'x', database: 'postgres' },
    { name: 'a database that is not there', user: 'postgres', password: 'e2e-password', database: 'missing' },
    { name: 'a rejected role', user: 'nobody_at_all', password: 'x', database: 'postgres' },
  ])('$name: the same error on both ways', async ({ user, password, database }) => {
    const config = { host: '127.0.0.1', user, password, database };
    const fields = ({ code, severity, message, hint, detail }: pg.DatabaseError) => ({
      code,
      severity,
      message,
      hint,
      detail,
    });
    const direct = await refusalOf({ ...config, port: stack.postgres.port });
    const through = await refusalOf({ ...config, port: stack.ports.recorder });
    expect(fields(through)).toEqual(fields(direct));
  });

  it('each is a session with its error on tape', async () => {
    await stack.settle();
    const closed = stack.records().filter(({ kind }) => kind === 'closed');
    expect(closed.map(({ error }) => (error as { sqlstate: string } | undefined)?.sqlstate)).toEqual([
      '28P01',
      '28P01',
      '3D000',
      '28000',
    ]);
    expect(verify(stack.archiveDir).verdict).toBe('complete');
  });
});
