/** The database a scenario runs in, new for every run, and what only the server can settle about it afterwards. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedPostgres } from '@pgtape/testkit';
import type pg from 'pg';
import { type LogEntry, oracleLogFile, readLog } from '../jsonLog.ts';
import { withClient } from '../probes.ts';
import type { Question } from './agreement.ts';

/** Of the server of the matrix. */
export const major = 18;
const pollMs = 20;
const backendEndMs = 10_000;

export const databaseOf = (driver: string): string => `driver_${driver.replaceAll('-', '_')}`;

const around = (server: EmbeddedPostgres, database: string): pg.ClientConfig => ({
  host: server.host,
  port: server.port,
  user: server.user,
  password: server.password,
  database,
});

export async function freshDatabase(server: EmbeddedPostgres, name: string): Promise<void> {
  await withClient(around(server, 'postgres'), async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${name}`);
  });
}

/** Ends what a scenario that failed left running: it would be waited for as long as it runs. */
async function untilEnded(client: pg.Client, databases: readonly string[]): Promise<void> {
  for (let waited = 0; ; waited += pollMs) {
    const { rowCount } = await client.query(
      `SELECT ${waited < backendEndMs ? 'pid' : 'pg_terminate_backend(pid)'} FROM pg_stat_activity WHERE datname = ANY($1)`,
      [databases],
    );
    if (rowCount === 0) return;
    await sleep(pollMs);
  }
}

/** The log from `from` on, when every backend of these databases has ended and the log collector has written all of it. */
export async function completeLog(
  server: EmbeddedPostgres,
  databases: readonly string[],
  from: number,
): Promise<LogEntry[]> {
  const marker = `-- marker ${process.pid} ${performance.now()}`;
  await withClient(around(server, 'postgres'), async (client) => {
    await untilEnded(client, databases);
    await client.query(marker);
  });
  for (;;) {
    const log = [...readLog(oracleLogFile(server.dataDir, major), from)];
    if (log.some(({ message }) => message?.endsWith(marker))) return log;
    await sleep(pollMs);
  }
}

async function nameOf(client: pg.Client, oid: number): Promise<string> {
  const { rows } = await client.query<{ name: string }>('SELECT $1::oid::regtype::text AS name', [oid]);
  return rows[0]?.name ?? 'text';
}

/** Types a statement gives its parameters, as the server resolves them. */
async function parameterTypes(client: pg.Client, sql: string): Promise<readonly string[]> {
  await client.query(`PREPARE asked AS ${sql}`);
  const { rows } = await client.query<{ types: string[] }>(
    "SELECT parameter_types::text[] AS types FROM pg_prepared_statements WHERE name = 'asked'",
  );
  await client.query('DEALLOCATE asked');
  return rows[0]?.types ?? [];
}

/** What the server prints for `sent` taken as a value of `type`. */
async function printed(client: pg.Client, type: string, sent: string | Buffer): Promise<string | undefined> {
  // format() prints by the type's output function; a cast to text would print booleans otherwise. A Buffer goes in binary.
  const value = typeof sent === 'string' ? '$1::text' : '$1';
  const sql = `SELECT format('%s', ${value}::${type}) AS printed`;
  return (await client.query<{ printed: string }>(sql, [sent])).rows[0]?.printed;
}

/** What it would send for it in binary. */
async function sentBytes(client: pg.Client, type: string, text: string): Promise<Buffer> {
  const { rows: found } = await client.query<{ send: string }>(
    'SELECT typsend::text AS send FROM pg_type WHERE oid = $1::regtype',
    [type],
  );
  const sql = `SELECT ${found[0]?.send}($1::text::${type}) AS bytes`;
  return (await client.query<{ bytes: Buffer }>(sql, [text])).rows[0]?.bytes as Buffer;
}

/** Whether tape and log mean the same value of this type. */
async function isSame(client: pg.Client, type: string, question: Question): Promise<boolean> {
  const { form, taped, logged } = question;
  if (form.sha256 === null) {
    const sent = form.kind === 'sent' ? taped : Buffer.from(taped, 'hex');
    return (await printed(client, type, sent)) === logged;
  }
  const wire =
    form.kind === 'sent' ? Buffer.from(logged) : Buffer.from(await sentBytes(client, type, logged));
  const whole = form.kind === 'bytes' ? wire.toString('hex') : logged;
  return whole.startsWith(taped) && createHash('sha256').update(wire).digest('hex') === form.sha256;
}

/** Questions to which the server says no: tape and log do not mean the same value. */
export async function unsettled(
  server: EmbeddedPostgres,
  database: string,
  questions: readonly Question[],
): Promise<string[]> {
  if (questions.length === 0) return [];
  return withClient(around(server, database), async (client) => {
    const findings: string[] = [];
    const known = new Map<string | number, readonly string[]>();
    for (const question of questions) {
      const { form, sql, number, taped, logged } = question;
      const key = form.oid === 0 ? sql : form.oid;
      const types =
        known.get(key) ??
        (form.oid === 0 ? await parameterTypes(client, sql) : [await nameOf(client, form.oid)]);
      known.set(key, types);
      const type = types[form.oid === 0 ? number - 1 : 0] ?? 'text';
      if (!(await isSame(client, type, question)))
        findings.push(`$${number} ${type}: tape ${taped}, server ${logged}: ${sql}`);
    }
    return findings;
  });
}
