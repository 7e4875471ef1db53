/** Connections as the environment describes them, and the transcript's lines. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';

const { env } = process;

/** A pool of one connection, so that everything happens in order. */
export function connected(more = {}) {
  const tls = env.PGSSLMODE === 'verify-full';
  return postgres({
    host: env.PGHOST,
    port: Number(env.PGPORT),
    user: env.PGUSER,
    password: env.PGPASSWORD,
    database: env.PGDATABASE,
    ssl: tls ? { ca: readFileSync(env.PGSSLROOTCERT, 'utf8') } : false,
    max: 1,
    onnotice: () => {},
    ...more,
  });
}

/** One line of the transcript: what the driver observed. */
export function say(step, seen) {
  process.stdout.write(`${JSON.stringify({ step, ...seen })}\n`);
}

/** The SQLSTATE a query is rejected with, or its command and count. */
export async function stateOf(query) {
  try {
    const result = await query;
    return `${result?.command ?? 'ok'} ${result?.count ?? ''}`.trim();
  } catch (error) {
    if (error.code === undefined) throw error;
    return error.code;
  }
}

/** Waits until the server runs a statement that begins with `text` in this database. */
export async function untilRunning(observer, text) {
  for (;;) {
    const [{ n }] = await observer`SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND state = 'active' AND starts_with(query, ${text}) AND pid <> pg_backend_pid()`;
    if (n > 0) return;
    await sleep(20);
  }
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
