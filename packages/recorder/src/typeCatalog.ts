/**
 * Owns the side connection: the recorder's own, short-lived session in which a database's catalog is asked for its types. Never a
 * client's session (R5). Loaded only where it is configured, on the evidence worker's thread, so the relay never waits for it.
 */
import { readFileSync } from 'node:fs';
import { readSecretFile } from '@pgtape/process';
import type { LearnedType } from '@pgtape/wire';
import pg from 'pg';
import { type TypeFailure, TypeLookupError } from './typeLearner.ts';
import type { TypesPlan } from './workerPlan.ts';

/** Hears of each session that the recorder opens of its own. */
export type OnLogin = (database: string, pid: number) => void;

/** What pg_stat_activity shows it as. */
export const typesApplicationName = 'pgtape types';

/**
 * $1: OIDs, or null for the database's own types but not those of its tables; $2: how many at most. Elements, bounds, bases and columns
 * come along. Types below 10,000 have the same OID everywhere and are built in, so they are left out where they are well known.
 */
const catalogQuery = `
with recursive asked(oid) as (
  select t.oid from pg_type t
    left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
    left join pg_class c on c.oid = coalesce(nullif(t.typrelid, 0), e.typrelid)
  where case when $1::oid[] is null then t.oid >= 16384 and (c.relkind is null or c.relkind = 'c') else t.oid = any ($1) end
), made_of(oid) as (
  select oid from asked
  union
  select p.oid from made_of m
    join pg_type t on t.oid = m.oid
    cross join lateral (
      select t.typelem where t.typcategory = 'A'
      union all select t.typbasetype
      union all select g.rngsubtype from pg_range g where g.rngtypid = t.oid
      union all select g.rngtypid from pg_range g where g.rngmultitypid = t.oid
      union all select a.atttypid from pg_attribute a
        where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    ) p(oid)
  where p.oid <> 0
)
select t.oid, format_type(t.oid, null) as name,
  case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite' when 'r' then 'range'
    when 'm' then 'multirange' else case when e.oid is null then 'base' else 'array' end end as kind,
  coalesce(case t.typtype when 'd' then t.typbasetype when 'r' then g.rngsubtype when 'm' then g.rngtypid else e.oid end, 0) as of,
  e.typdelim as delimiter, x.extname as extension, t.typname as bare
from made_of m
  join pg_type t on t.oid = m.oid
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A' and t.typtype = 'b'
  left join pg_range g on t.oid in (g.rngtypid, g.rngmultitypid)
  left join pg_depend d on d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
    and d.refclassid = 'pg_extension'::regclass
  left join pg_extension x on x.oid = d.refobjid
where t.typtype <> 'p' and t.oid >= 71
order by t.oid
limit $2`;

interface Row {
  readonly oid: number;
  readonly name: string;
  readonly kind: LearnedType['kind'];
  readonly of: number;
  readonly delimiter: string | null;
  readonly extension: string | null;
  readonly bare: string;
}

function typeOfRow({ oid, name, kind, of, delimiter, extension, bare }: Row): LearnedType {
  if (kind === 'array') return { oid, name, kind, of, delimiter: delimiter ?? ',' };
  if (kind === 'base') return { oid, name, kind, of, extension: extension ?? '', bare };
  return { oid, name, kind, of };
}

function tlsOf({ tls }: TypesPlan): pg.ClientConfig['ssl'] {
  if (tls === undefined) return false;
  return {
    ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile, 'utf8') }),
    ...(tls.certFile === undefined ? {} : { cert: readFileSync(tls.certFile, 'utf8') }),
    ...(tls.keyFile === undefined ? {} : { key: readFileSync(tls.keyFile, 'utf8') }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

/** Everything is said here: the library would otherwise look into the environment and the user's home. */
function clientConfig(plan: TypesPlan, database: string): pg.ClientConfig {
  return {
    host: plan.host,
    port: plan.port,
    user: plan.user,
    password: readSecretFile(plan.passwordFile),
    database,
    ssl: tlsOf(plan),
    application_name: typesApplicationName,
    client_encoding: 'UTF8',
    connectionTimeoutMillis: plan.timeoutMs,
    query_timeout: plan.timeoutMs,
    statement_timeout: plan.timeoutMs,
    lock_timeout: plan.timeoutMs,
    keepAlive: false,
    // Names are told with their schema, and no object of the database's own is met by name.
    options: '-c search_path=pg_catalog -c default_transaction_read_only=on -c row_security=off',
  };
}

const byCode: Readonly<Record<string, TypeFailure>> = {
  '28000': 'login_refused',
  '28P01': 'login_refused',
  '3D000': 'database_missing',
  '42501': 'not_allowed',
  '53300': 'server_full',
  '57014': 'timed_out',
  // It starts, or ends: it lets nobody in.
  '57P03': 'unreachable',
  '55P03': 'timed_out',
  CONFIG: 'credential_unreadable',
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOENT: 'unreachable',
  ENOTFOUND: 'unreachable',
  EPIPE: 'unreachable',
  ETIMEDOUT: 'timed_out',
};

/** The reason's word for what the library, the socket or the server said. */
export function typeFailureOf(error: unknown): TypeFailure {
  const { code, message } = error as NodeJS.ErrnoException;
  const known = code === undefined || !Object.hasOwn(byCode, code) ? undefined : byCode[code];
  if (known !== undefined) return known;
  if (/timeout/i.test(message)) return 'timed_out';
  if (code?.startsWith('ERR_TLS') || code?.startsWith('ERR_SSL') || /certificate|SSL/i.test(message))
    return 'tls_failed';
  if (/SASL|SCRAM|authentication/i.test(message)) return 'login_refused';
  return /terminated unexpectedly/i.test(message) ? 'unreachable' : 'query_failed';
}

/** Of its backend: the library has it, its types do not. */
export function pidOf(client: pg.Client): number {
  return (client as unknown as { readonly processID?: number | null }).processID ?? 0;
}

/** One connection for one question. @throws TypeLookupError */
export async function askTypes(
  plan: TypesPlan,
  database: string,
  oids: readonly number[] | null,
  most: number,
  onLogin: OnLogin = () => {},
): Promise<LearnedType[]> {
  let config: pg.ClientConfig;
  try {
    config = clientConfig(plan, database);
  } catch (error) {
    throw new TypeLookupError('credential_unreadable', (error as Error).message, { cause: error });
  }
  const client = new pg.Client(config);
  // An error after the answer, or beside it, has nobody else to hear it.
  client.on('error', () => {});
  try {
    await client.connect();
    onLogin(database, pidOf(client));
    const { rows } = await client.query<Row>(catalogQuery, [oids, most]);
    return rows.map(typeOfRow);
  } catch (error) {
    throw new TypeLookupError(typeFailureOf(error), (error as Error).message, { cause: error });
  } finally {
    void client.end().catch(() => {});
  }
}
