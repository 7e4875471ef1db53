/** Drafts of every kind that tests share. Not part of the package. */
import type { DraftOf, DraftRecord, SealedFields } from '@pgtape/evidence';

export const reel = '00112233445566778899aabbccddeeff';
export const session = '0011223344556677-3';
const at = '1795212000123456000';
const start = '1795212000123400000';

export const head = {
  v: 1,
  kind: 'header',
  reel,
  recorder: '0123456789abcdef',
  segment: 7,
  salt: '0000000000000000',
  key: '11'.repeat(32),
  recovered: false,
  boot: 'b',
  clock: 'c',
  host: 'h',
  name: 'n',
  version: '0.1.0',
};
export const headerLine = JSON.stringify(head);
export const sealLine = JSON.stringify({ v: 1, kind: 'seal', reel, segment: 7, at: '1795212009000000000' });

export const sealed = (seq: number): SealedFields => ({ reel, seq, salt: 'a1b2c3d4e5f60718' });

export const opened: DraftOf<'opened'> = {
  at,
  mono: '5',
  kind: 'opened',
  session,
  n: 1,
  start,
  client: { address: '10.0.0.9', port: 50123 },
  server: { address: '127.0.0.2', port: 5432 },
  tls: true,
  protocol: '3.0',
  user: 'anna',
  database: 'shop',
  application_name: 'psql',
  auth: 'scram-sha-256',
  server_version: '18.1',
  pid: 4711,
  ready: true,
};

export const statement: DraftOf<'statement'> = {
  at,
  mono: '123456789',
  kind: 'statement',
  session,
  n: 2,
  protocol: 'extended',
  sql: 'UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2;',
  statement: 'P0_1',
  portal: '',
  params: [
    { v: '-4711', enc: 'text', format: 'text', type: 'int4', oid: 23, len: 5 },
    { v: null, enc: 'text', format: 'text', type: 'int4', oid: 23, len: -1 },
  ],
  outcome: 'completed',
  stage: 'execute',
  tag: 'UPDATE 1',
  rows: 1,
  returned_rows: 0,
  returned_bytes: 0,
  start,
  first_ns: 45000,
  duration_ns: 52001,
  timing: 'exact',
  tx_before: 'I',
  tx_after: 'T',
};

export const failed: DraftOf<'statement'> = {
  at,
  mono: '9',
  kind: 'statement',
  session,
  n: 3,
  protocol: 'simple',
  sql: "/* a, 'b' */ create role x password '[redacted]'",
  redacted: ['password', 'connection_string'],
  part: 2,
  parts: 3,
  runs: { name: 'c', sql: null, sql_unknown: 'portal_not_seen' },
  role: 'app',
  session_user: 'anna',
  search_path: '"$user", public',
  unsure: ['names_hidden'],
  outcome: 'failed',
  stage: 'query',
  returned_rows: 2,
  returned_bytes: 77,
  error: { severity: 'ERROR', sqlstate: '42710', message: 'role "x" already exists: ä' },
  start,
  duration_ns: 0,
  timing: 'batched',
  tx_before: null,
  tx_after: null,
  fate: 'rolled_back',
  continues: 1,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

export const transaction: DraftOf<'transaction'> = {
  at,
  mono: '9',
  kind: 'transaction',
  session,
  n: 5,
  outcome: 'rolled_back',
  implicit: false,
  ranges: [[2, 3]],
  error: { severity: 'ERROR', sqlstate: '40001', message: 'could not serialize' },
};

export const running: DraftOf<'running'> = {
  at,
  mono: '9',
  kind: 'running',
  session,
  n: 4,
  protocol: 'simple',
  sql: 'SELECT pg_sleep(9)',
  redacted: ['password'],
  runs: { name: 'x', sql: 'SELECT pg_sleep($1)' },
  start,
  duration_ns: 1_500_000_000,
};

export const stretch: DraftOf<'stretch'> = {
  at,
  mono: '9',
  kind: 'stretch',
  session,
  n: 6,
  stretch: 1,
  first_n: 1,
  start,
  duration_ns: 900_000_000_000,
  statements: 2,
  failed: 1,
  rows: 3,
  bytes: 77,
};

export const closed: DraftOf<'closed'> = {
  at,
  mono: '9',
  kind: 'closed',
  session,
  n: 7,
  why: 'error',
  reason: 'upstream_trusts',
  error: { severity: 'FATAL', sqlstate: '57P01', message: 'terminating connection' },
  duration_ns: 10,
  statements: 2,
  failed: 1,
  rows: 3,
  bytes: 77,
  bytes_from_client: 2 ** 40,
  bytes_from_server: 300,
};

export const gap: DraftOf<'gap'> = {
  at,
  mono: '9',
  kind: 'gap',
  reason: 'journal_full',
  detail: 'd',
  bytes: 9,
  statements: 4,
  sessions: 2,
};
export const sessionGap: DraftOf<'gap'> = { ...gap, session, n: 5, reason: 'decode_lost' };
export const heartbeat: DraftOf<'heartbeat'> = {
  at,
  mono: '9',
  kind: 'heartbeat',
  opened: 1,
  closed: 0,
  statements: 2,
  open: [{ session, n: 3 }],
};
export const reelOpened: DraftOf<'reel_opened'> = {
  at,
  mono: '0',
  kind: 'reel_opened',
  recorder: '0123456789abcdef',
  name: 'n',
  version: '0.1.0',
  upstream: 'u',
  listen: 'l',
  journal: 'memory',
  trust_upstream: false,
  policy: '22'.repeat(32),
};
export const reelClosed: DraftOf<'reel_closed'> = {
  at,
  mono: '9',
  kind: 'reel_closed',
  why: 'stopped',
  sessions: 1,
  statements: 2,
};

export const allDrafts: readonly DraftRecord[] = [
  reelOpened,
  opened,
  statement,
  failed,
  running,
  transaction,
  sessionGap,
  stretch,
  closed,
  gap,
  heartbeat,
  reelClosed,
];
