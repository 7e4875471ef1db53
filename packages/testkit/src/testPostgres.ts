/**
 * The PostgreSQL that tests run on: the one npm installed, or, to ask another major, the one in the directory that
 * `PGTAPE_TEST_POSTGRES` names (with `bin`, `lib`, `share`). What a server of an older major cannot be asked, a test leaves out by `major`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embeddedPostgres.ts';
import { hydrateLinks, installedRuntime, type PostgresRuntime } from './postgresHome.ts';

/** @throws Error when the directory holds no server */
function runtimeIn(native: string): PostgresRuntime {
  hydrateLinks(native);
  const said = execFileSync(join(native, 'bin', 'postgres'), ['--version'], { encoding: 'utf8' });
  const version = /(\d+\.\d+)/.exec(said)?.[1];
  if (version === undefined) throw new Error(`${native} is no PostgreSQL: ${said}`);
  // Where the directory cannot be reached by the server's user, a copy is made under this name: one a directory.
  const place = createHash('sha256').update(native).digest('hex').slice(0, 8);
  return { native, version: `${version}-for-tests-${place}` };
}

const named = process.env.PGTAPE_TEST_POSTGRES;
const runtime = named === undefined || named === '' ? installedRuntime() : runtimeIn(named);

/** Major version of what `startTestPostgres` starts. */
export const testPostgresMajor: number = Number.parseInt(runtime.version, 10);

/** `startEmbeddedPostgres` on that server. */
export function startTestPostgres(
  options: Omit<EmbeddedPostgresOptions, 'runtime'>,
): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ ...options, runtime });
}

/**
 * Waits until that backend runs a statement: the server drops a cancel request that comes before.
 * @throws Error when it runs none within half a minute
 */
export async function untilActive(postgres: EmbeddedPostgres, pid: number): Promise<void> {
  const { host, port, user, password } = postgres;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  try {
    const text = "select 1 from pg_stat_activity where pid = $1 and state = 'active'";
    for (let waited = 0; waited < 30_000; waited += 10) {
      if ((await client.query(text, [pid])).rowCount === 1) return;
      await sleep(10);
    }
    throw new Error(`the backend ${pid} runs nothing`);
  } finally {
    await client.end();
  }
}
