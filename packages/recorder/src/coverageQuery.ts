/**
 * Owns asking the server what sessions it has: the recorder's own, labelled session, kept from poll to poll. Never a client's (R5). Loaded
 * only where credentials are configured, on the evidence worker's thread.
 */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import pg from 'pg';
import type { ServerSight } from './coverageJudge.ts';
import { isShuttingDown } from './coverageKnock.ts';
import { CoverageError, type CoverageServer, type Credentials } from './coveragePoller.ts';
import { type OnLogin, pidOf, typeFailureOf } from './typeCatalog.ts';
import type { CoveragePlan } from './workerPlan.ts';

/** What pg_stat_activity shows it as. */
export const coverageApplicationName = 'pgtape coverage';

const settingsQuery = `
select pg_has_role(current_user, 'pg_read_all_stats', 'usage') as granted,
  current_setting('server_version_num')::int as version`;

/** A backend that is still proving who it is has no user yet. Its own session and workers of others are nobody's. */
const activityQuery = `
select pid, coalesce(usename::text, '') as user, coalesce(datname::text, '') as database,
  coalesce(host(client_addr), '') as address, greatest(coalesce(client_port, 0), 0) as port,
  coalesce(application_name, '') as application, extract(epoch from backend_start) * 1000 as started, backend_type as type,
  extract(epoch from clock_timestamp()) * 1000 as now
from pg_stat_activity
where backend_type in ('client backend', 'walsender') and usename is not null and pid <> pg_backend_pid()`;

const sessionsQuery = `
select datname::text as database, sessions::float8 as sessions, coalesce(stats_reset::text, '') as reset
from pg_stat_database where datname is not null`;

interface ActivityRow {
  readonly pid: number;
  readonly user: string;
  readonly database: string;
  readonly address: string;
  readonly port: number;
  readonly application: string;
  readonly started: string;
  readonly type: string;
  readonly now: string;
}

interface SessionsRow {
  readonly database: string;
  readonly sessions: number;
  readonly reset: string;
}

/** pg_stat_database counts sessions from here on. */
const countsFrom = 140_000;
const nameMax = 256;

/** The library has no option for the address that a connection comes from. */
class SocketFrom extends Socket {
  readonly #localAddress: string;

  constructor(localAddress: string) {
    super();
    this.#localAddress = localAddress;
  }

  override connect(...args: unknown[]): this {
    const [port, host] = args;
    if (typeof port !== 'number' || typeof host !== 'string') return super.connect(port as string);
    return super.connect({ port, host, localAddress: this.#localAddress });
  }
}

function tlsOf(plan: CoveragePlan, isSecond: boolean): pg.ClientConfig['ssl'] {
  const { mode, caFile, serverName } = plan.tls;
  if (mode === 'disable' || (mode === 'mirror' && !isSecond)) return false;
  const isVerified = mode.startsWith('verify') || caFile !== undefined;
  return {
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: isVerified,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** Everything is said here: the library would otherwise look into the environment and the user's home. */
function clientConfig(
  plan: CoveragePlan,
  { user, password }: Credentials,
  isSecond: boolean,
): pg.ClientConfig & { database: string } {
  const { host, port, localAddress, timeoutMs, database } = plan;
  return {
    ...{ host, port, user, password, database },
    ssl: tlsOf(plan, isSecond),
    ...(localAddress === undefined ? {} : { stream: () => new SocketFrom(localAddress) }),
    application_name: coverageApplicationName,
    client_encoding: 'UTF8',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    lock_timeout: timeoutMs,
    keepAlive: true,
    options: '-c search_path=pg_catalog -c default_transaction_read_only=on',
  };
}

export class CoverageConnection implements CoverageServer {
  readonly #plan: CoveragePlan;
  readonly #credentials: () => Credentials;
  readonly #onLogin: OnLogin;
  #client: pg.Client | null = null;
  /** Of the client: as whom, and whether it took TLS. */
  #login: { readonly credentials: Credentials; readonly isSecond: boolean } | null = null;
  #version = 0;

  constructor(plan: CoveragePlan, credentials: () => Credentials, onLogin: OnLogin) {
    this.#plan = plan;
    this.#credentials = credentials;
    this.#onLogin = onLogin;
  }

  async ask(): Promise<ServerSight> {
    try {
      await this.#leaveIfShuttingDown();
      const client = this.#client ?? (await this.#connect());
      return await this.#read(client);
    } catch (error) {
      this.close();
      if (error instanceof CoverageError) throw error;
      throw new CoverageError(typeFailureOf(error), (error as Error).message, { cause: error });
    }
  }

  close(): void {
    void this.#client?.end().catch(() => {});
    this.#client = null;
  }

  async #leaveIfShuttingDown(): Promise<void> {
    if (this.#client === null || this.#login === null) return;
    const { credentials, isSecond } = this.#login;
    if (!(await isShuttingDown(clientConfig(this.#plan, credentials, isSecond), this.#onLogin))) return;
    throw new CoverageError('unreachable', 'the server shuts down, and lets nobody in');
  }

  async #connect(): Promise<pg.Client> {
    const credentials = this.#credentials();
    try {
      return await this.#loggedIn(credentials, false);
    } catch (error) {
      // A server that lets nobody in without TLS says so when the login is over.
      if (this.#plan.tls.mode !== 'mirror' || (error as { code?: string }).code !== '28000') throw error;
      const second = await this.#loggedIn(credentials, true).catch((later: unknown) => later);
      // Without TLS of its own it has said all there is to say the first time.
      if (second instanceof pg.Client) return second;
      throw typeFailureOf(second) === 'tls_failed' ? error : second;
    }
  }

  async #loggedIn(credentials: Credentials, isSecond: boolean): Promise<pg.Client> {
    const client = new pg.Client(clientConfig(this.#plan, credentials, isSecond));
    client.on('error', () => {
      if (this.#client === client) this.#client = null;
    });
    try {
      await client.connect();
      this.#onLogin(this.#plan.database, pidOf(client));
      const { rows } = await client.query<{ granted: boolean; version: number }>(settingsQuery);
      this.#version = rows[0]?.version ?? 0;
      if (rows[0]?.granted !== true) {
        const detail = `${credentials.user} may not see other users' sessions: grant it pg_read_all_stats`;
        throw new CoverageError('missing_grant', detail);
      }
    } catch (error) {
      void client.end().catch(() => {});
      throw error;
    }
    this.#client = client;
    this.#login = { credentials, isSecond };
    return client;
  }

  async #read(client: pg.Client): Promise<ServerSight> {
    const before = Date.now();
    const activity = await client.query<ActivityRow>(activityQuery);
    const atMs = (before + Date.now()) / 2;
    const counted = this.#version < countsFrom ? null : (await client.query<SessionsRow>(sessionsQuery)).rows;
    const [first] = activity.rows;
    const aheadMs = first === undefined ? 0 : Number(first.now) - atMs;
    return {
      atMs,
      active: activity.rows.map(({ pid, user, database, address, port, application, started, type }) => ({
        ...{ pid, address, port, type },
        user: user.slice(0, nameMax),
        database: database.slice(0, nameMax),
        application: application.slice(0, nameMax),
        startedMs: Number(started) - aheadMs,
      })),
      sessions:
        counted?.map(({ database, sessions, reset }) => ({ database, sessions, resetAt: reset })) ?? null,
    };
  }
}
