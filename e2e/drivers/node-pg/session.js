/** Connections as the environment describes them, and the transcript's lines. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const { env } = process;

/** libpq's variables; node-postgres reads all but the authority and channel binding itself. */
export function settings(more = {}) {
  const tls = env.PGSSLMODE === 'verify-full';
  return {
    host: env.PGHOST,
    port: Number(env.PGPORT),
    user: env.PGUSER,
    password: env.PGPASSWORD,
    database: env.PGDATABASE,
    ssl: tls ? { ca: readFileSync(env.PGSSLROOTCERT, 'utf8') } : false,
    enableChannelBinding: env.PGCHANNELBINDING === 'require',
    ...more,
  };
}

export async function connected(more = {}) {
  const client = new pg.Client(settings(more));
  await client.connect();
  return client;
}

/** One line of the transcript: what the driver observed. */
export function say(step, seen) {
  process.stdout.write(`${JSON.stringify({ step, ...seen })}\n`);
}

/** The SQLSTATE a promise is rejected with, or what it gave. */
export async function stateOf(promise) {
  try {
    const result = await promise;
    return { ok: result?.rowCount ?? null };
  } catch (error) {
    if (error.code === undefined) throw error;
    return { sqlstate: error.code };
  }
}

/** Waits until the server runs a statement that begins with `text` in this database. */
export async function untilRunning(observer, text) {
  const sql = `SELECT count(*)::int AS n FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'active' AND starts_with(query, $1) AND pid <> pg_backend_pid()`;
  for (;;) {
    const { rows } = await observer.query(sql, [text]);
    if (rows[0].n > 0) return;
    await sleep(20);
  }
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
