/**
 * Owns the recorder's configuration: every key, its default and what it means; it refuses to read files or
 * environment.
 */
import { policyDefaults } from '@pgtape/evidence';
import { z } from 'zod';
import { Capture, Coverage } from './podConfig.ts';
import { isLane } from './rawLanes.ts';
import { Types } from './typesConfig.ts';
import { VaultTarget } from './vaultConfig.ts';

const mebibyte = 1024 * 1024;
const share = z.number().min(0.01).max(1);
const port = z.int().min(0).max(65_535);

const Listen = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address clients connect to.'),
  port: port.default(5433).describe('Its port; 0 takes a free one.'),
  others: z
    .array(z.string().min(1))
    .max(32)
    .default([])
    .describe(
      'Further addresses, on the same port; several in one text have commas between them. One that this machine does not have is ' +
        'left out and told.',
    ),
  tls: z
    .strictObject({
      certFile: z
        .string()
        .min(1)
        .describe(
          "PEM file of the certificate served to clients: the server's own, then channel binding works.",
        ),
      keyFile: z.string().min(1).describe('PEM file of its private key.'),
      keyPassphraseFile: z
        .string()
        .min(1)
        .optional()
        .describe('File of the passphrase that `keyFile` is encrypted with; its first line counts.'),
      clientCaFile: z
        .string()
        .min(1)
        .optional()
        .describe('PEM file of authorities; set, clients are asked for a certificate, which is recorded.'),
      clientCrlFile: z
        .string()
        .min(1)
        .optional()
        .describe(
          'PEM file of revocation lists, one of each authority in `clientCaFile`; a client whose certificate is on one is refused.',
        ),
    })
    .refine(({ clientCaFile, clientCrlFile }) => clientCrlFile === undefined || clientCaFile !== undefined, {
      error: 'clientCrlFile needs the authorities that the lists are of, in clientCaFile',
      path: ['clientCrlFile'],
    })
    .optional()
    .describe(
      'TLS towards clients. The files are read again, within seconds, when they change, and at once on SIGHUP.',
    ),
});

const UpstreamTls = z
  .strictObject({
    mode: z
      .enum(['mirror', 'disable', 'require', 'verify-ca', 'verify-full'])
      .default('mirror')
      .describe(
        '`mirror`: TLS to the server where the client asks for it and the server agrees; `disable`: never; the others as ' +
          'sslmode of libpq, for every client.',
      ),
    caFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        "PEM file of authorities the server's certificate is checked against, in every mode where it is set; absent, " +
          "`verify-ca` and `verify-full` use Node's own list.",
      ),
    crlFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'PEM file of revocation lists, one of each authority in `caFile`; a server whose certificate is on one is refused.',
      ),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe("Name the server's certificate must have and that is sent as SNI; absent, `upstream.host`."),
    dropChannelBinding: z
      .boolean()
      .default(false)
      .describe(
        'Leave SCRAM-SHA-256-PLUS out of what the server offers where the client has no TLS but the server has: libpq ' +
          'takes it for an attack otherwise. It weakens what the server asked for.',
      ),
  })
  .refine(({ caFile, crlFile }) => crlFile === undefined || caFile !== undefined, {
    error: 'crlFile needs the authorities that the lists are of, in caFile',
    path: ['crlFile'],
  });

const Upstream = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe(
      'The PostgreSQL server: a host name, an address, or the directory of its unix socket (starts with /).',
    ),
  port: port.min(1).default(5432).describe('Its port; with a directory, the number in `.s.PGSQL.5432`.'),
  localAddress: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Address that connections to the server come from. From 127.0.0.2 they are not met by a rule of pg_hba.conf that ' +
        'trusts 127.0.0.1.',
    ),
  connectTimeoutMs: z
    .int()
    .positive()
    .default(10_000)
    .describe('Longest wait for a connection to the server.'),
  tls: UpstreamTls.prefault({}),
});

const Relay = z.strictObject({
  rewrapAccepted: z
    .boolean()
    .default(true)
    .describe(
      'Read clients into one buffer per connection, which Node offers by an undocumented option only; ' +
        'false reads them by documented means for about a tenth more CPU.',
    ),
});

const Spool = z
  .strictObject({
    dir: z
      .string()
      .min(1)
      .describe(
        'Directory of the outbox, the recorder id and the lock; created when absent. One recorder at a time.',
      ),
    maxBytes: z
      .int()
      .min(mebibyte)
      .default(4096 * mebibyte)
      .describe(
        'Most bytes of journal and outbox together. What is above `highWater` of it is for gaps and for what is under way.',
      ),
    highWater: share
      .default(0.9)
      .describe(
        'Share of `maxBytes` at which the spool counts as full: `failure.onSpoolFull` says what then happens.',
      ),
    lowWater: share
      .default(0.7)
      .describe(
        'Share of `maxBytes` down to which it has to be emptied before it no longer counts as full; below `highWater`.',
      ),
  })
  .refine(({ highWater, lowWater }) => lowWater < highWater, {
    path: ['lowWater'],
    error: 'has to be below spool.highWater',
  });

const Journal = z.strictObject({
  dir: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Directory of the journal; absent, XDG_RUNTIME_DIR or /dev/shm. It holds statements with their ' +
        'secrets, so it must be memory-backed.',
    ),
  onDisk: z
    .boolean()
    .default(false)
    .describe(
      'Accept a journal on a disk: secrets inside statements then reach that disk, and it survives the node.',
    ),
  maxBytes: z
    .int()
    .min(mebibyte)
    .default(256 * mebibyte)
    .describe('Journal not yet sealed, in bytes; beyond, clients are not read until half of it is sealed.'),
});

const Segment = z.strictObject({
  records: z.int().positive().default(1000).describe('Most records in one segment.'),
  bytes: z
    .int()
    .positive()
    .default(2 * mebibyte)
    .describe('Most bytes of records in one segment.'),
  maxSeconds: z
    .number()
    .positive()
    .default(15)
    .describe('Longest time a record waits for its segment to be sealed.'),
});

const Health = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address of /livez, /readyz and /metrics.'),
  port: port.default(7419).describe('Its port; 0 takes a free one.'),
});

/**
 * Not among them, and fixed: all sessions together hold at most 256 MiB (heldBytes.ts) of messages not yet whole or not yet answered, of
 * prepared texts and of bound values. Beyond, the session that asks for more and holds over 64 KiB loses its prepared texts
 * (`over_inspection_limit`), then its decoding (`decode_lost`).
 */
const Limits = z.strictObject({
  sessionsMax: z
    .int()
    .positive()
    .default(5000)
    .describe('Most sessions at once; further clients are told so (53300). Replication gets 64 more.'),
  startupsMax: z
    .int()
    .positive()
    .default(1000)
    .describe('Most connections that have not yet said who they are; further ones are closed at once.'),
  startupSeconds: z
    .number()
    .positive()
    .default(60)
    .describe('Longest time a connection may take to say who it is.'),
  inspectBytesMax: z
    .int()
    .min(1024)
    .default(policyDefaults.inspectBytesMax)
    .describe('Bytes of one message that are kept; of a longer one its prefix, length and SHA-256.'),
  sqlBytesMax: z
    .int()
    .min(256)
    .default(policyDefaults.sqlBytesMax)
    .describe('Bytes of SQL text kept in a record.'),
  paramBytesMax: z
    .int()
    .min(16)
    .default(policyDefaults.paramBytesMax)
    .describe('Bytes of one parameter kept in a record.'),
});

const Failure = z.strictObject({
  onSpoolFull: z
    .enum(['pause', 'refuse', 'pass'])
    .default('pass')
    .describe(
      'When the spool is full (`spool_full`: `spool.maxBytes`, or the outbox cannot be written; `journal_full`: the journal cannot be ' +
        'written, or is at its bound and nothing of it is sealed). `pause`: clients are not read until there is room; `refuse`: new ' +
        'sessions are refused, old ones go on as long as `spool.maxBytes` lasts, then wait; `pass`: sessions are relayed unrecorded and ' +
        'a signed gap counts what passed. Segments not sent are never deleted. Replication and cancel requests always pass. ' +
        '`pass` is the default because this policy observes; one that enforces will have `pause`.',
    ),
});

const Log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least level written to stderr.'),
});

const cidr = z
  .string()
  .refine(isLane, { error: 'an address or network such as 10.1.2.0/24 or fd00::/8 is expected' });

/** The recorder's configuration file. */
export const RecorderConfig = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(200)
    .default('recorder')
    .describe('What people call this recorder; stands in every reel.'),
  listen: Listen.prefault({}),
  upstream: Upstream.prefault({}),
  capture: Capture.optional().describe(
    'In a pod. An address that cannot be listened on is then tried again and keeps nobody from starting; the recorder looks who else ' +
      'answers on the port.',
  ),
  relay: Relay.prefault({}),
  trustUpstream: z
    .boolean()
    .default(false)
    .describe(
      'Accept a server that lets clients in without a challenge. Behind a recorder in the same host such ' +
        'a server trusts everybody.',
    ),
  rawLanes: z
    .array(cidr)
    .default([])
    .describe(
      'Networks of clients that are relayed unread: those that log in with a certificate of their own. Their sessions are ' +
        'recorded with bytes only (gap `raw_lane`). Refused where the server is local, unless `trustUpstream`.',
    ),
  types: Types.optional().describe(
    'A connection of its own (`application_name` `pgtape types`), one at a time, that learns enums, domains, composites, ranges ' +
      "and extensions' types from each database's catalog. Absent, there is none and such values stay hex.",
  ),
  coverage: Coverage.optional().describe(
    'A session of its own (`application_name` `pgtape coverage`) that compares the sessions of the server with those on tape; its role ' +
      'needs pg_read_all_stats. Each session that came past the recorder is a `bypass` record. Absent, coverage is not known.',
  ),
  spool: Spool,
  journal: Journal.prefault({}),
  segment: Segment.prefault({}),
  vault: VaultTarget.prefault({}),
  health: Health.optional().describe('Absent, there is no health endpoint.'),
  stopGraceSeconds: z
    .number()
    .nonnegative()
    .default(10)
    .describe(
      'When told to stop: longest time for sealing and sending what is left. The next start sends the rest.',
    ),
  heartbeatSeconds: z.number().positive().default(30).describe('Time between two heartbeat records.'),
  limits: Limits.prefault({}),
  failure: Failure.prefault({}),
  log: Log.prefault({}),
});
export type RecorderConfig = z.infer<typeof RecorderConfig>;

/**
 * Prefix of the environment variables that override the file: PGTAPE_RECORDER_UPSTREAM_HOST sets
 * `upstream.host`.
 */
export const RECORDER_ENV_PREFIX = 'PGTAPE_RECORDER_';
