/**
 * The record schema: the one source of the TypeScript types, the JSON Schema and docs/formats/record.md. Records of a
 * vault's own reel are vaultRecord.ts's.
 *
 * A record is one line of UTF-8 JSON; fields stand in the order written here. Rules of the format:
 * - the JSON type of a field never depends on its value;
 * - integers that may pass 2^53 (wall and monotonic nanoseconds, LSNs) are decimal strings, all others
 *   numbers;
 * - hashes, keys, salts and ids are lower-case hex;
 * - an optional field that is absent was not observed; `null` is used only where the schema says so.
 */
import { z } from 'zod';
import { count, Digest, hex, lineHead, nanoseconds, SessionId } from './fields.ts';
import { gapReasons } from './gapReasons.ts';
import { placeRecords } from './placeRecord.ts';
import {
  Cut,
  Notice,
  Parameter,
  Replication,
  Runs,
  ServerError,
  SqlUnknown,
  TlsFacts,
  Unsure,
} from './recordParts.ts';
import { type VaultRecord, vaultRecords } from './vaultRecord.ts';

const sessionHead = {
  session: SessionId,
  n: z.int().positive().describe('Gapless ordinal over all kinds of this session, from 1.'),
};

export const TxStatus = z
  .enum(['I', 'T', 'E'])
  .describe("ReadyForQuery's status byte: idle, in a transaction, in a failed transaction.");

const gapReason = z
  .enum(gapReasons)
  .describe('Every way of not recording: the same word in record, metric, status and docs.');

export const ReelOpened = z
  .strictObject({
    ...lineHead,
    kind: z.literal('reel_opened'),
    recorder: hex(8).describe('Opaque id of the recorder, as in the header.'),
    name: z.string().describe("The recorder's name, as configured."),
    version: z.string().describe('Version of pgtape that records.'),
    upstream: z.string().describe('Where the server is reached, as configured.'),
    listen: z.string().describe('Where clients are accepted, as configured.'),
    journal: z
      .enum(['memory', 'disk'])
      .describe('What the journal lies on; secrets inside statements are in it.'),
    trust_upstream: z.boolean().describe('Whether a server that asks for no authentication is accepted.'),
    policy: Digest.describe('SHA-256 of the policy the reel is recorded under.'),
  })
  .describe('The reel began: one recorder process, start to stop.');

export const ReelClosed = z
  .strictObject({
    ...lineHead,
    kind: z.literal('reel_closed'),
    why: z.enum(['stopped']),
    sessions: count.describe('Sessions of the reel.'),
    statements: count.describe('Statement records of the reel.'),
  })
  .describe('The reel ended in order; a reel without this line is open or crashed.');

export const Heartbeat = z
  .strictObject({
    ...lineHead,
    kind: z.literal('heartbeat'),
    opened: count.describe('Sessions opened since the reel began.'),
    closed: count.describe('Of them, those that ended.'),
    statements: count.describe('Statement records since the reel began.'),
    open: z
      .array(z.strictObject({ session: SessionId, n: count }))
      .describe('Sessions open now, and the last ordinal of each.'),
  })
  .describe('Totals and what is open, every 30 s.');

export const Opened = z
  .strictObject({
    ...lineHead,
    kind: z.literal('opened'),
    ...sessionHead,
    start: nanoseconds.describe(
      'When the client connected, wall ns; `at` is when the session became ready or failed.',
    ),
    client: z.strictObject({ address: z.string(), port: z.int() }),
    server: z.strictObject({ address: z.string(), port: z.int() }),
    tls: z.boolean().describe("Of the client's leg."),
    protocol: z.string().describe('`3.0`, `3.2`; as negotiated.'),
    user: z.string().describe('Of the startup packet.'),
    database: z.string().describe('Of the startup packet; the user where it names none.'),
    application_name: z
      .string()
      .describe('As the server reports it (ParameterStatus), else as the startup packet said.'),
    auth: z
      .string()
      .describe(
        'Authentication requests as seen: `password`, `md5`, `gss`, `sspi`, of SASL the mechanism that was chosen ' +
          '(`SCRAM-SHA-256`, `SCRAM-SHA-256-PLUS`, `OAUTHBEARER`), `sasl` when none was; `trust` when the server let the ' +
          'client in without asking (`trust`, `peer`, `ident` or `cert` in pg_hba.conf); `none` when it did neither.',
      ),
    server_version: z.string(),
    pid: count.describe("Of the server's backend, from BackendKeyData; 0 when it never came."),
    replication: z.string().optional().describe('Set when the startup packet asked for replication.'),
    tls_client: TlsFacts.optional().describe("TLS of the client's leg; the certificate is the client's."),
    tls_server: TlsFacts.optional().describe("TLS of the server's leg; the certificate is the server's."),
    cancels: z
      .union([SessionId, z.literal('unknown')])
      .optional()
      .describe(
        'Of a CancelRequest (`protocol` is `cancel`): the session it is for, known by pid and key; `unknown` when none of ' +
          'the open ones has them.',
      ),
    clamped: z
      .literal(true)
      .optional()
      .describe(
        'The server would have spoken a newer protocol than the recorder can decode: it was asked again, for at most 3.2 ' +
          'without options, and the client was told so (NegotiateProtocolVersion).',
      ),
    ready: z.boolean().describe('False when the session ended before its first ReadyForQuery.'),
  })
  .describe('A session became ready, or ended before it could.');

export const Statement = z
  .strictObject({
    ...lineHead,
    kind: z.literal('statement'),
    ...sessionHead,
    protocol: z.enum(['simple', 'extended', 'function', 'replication']),
    sql: z
      .string()
      .nullable()
      .describe("As sent, secrets redacted, cut at the policy's bound; null with `sql_unknown`."),
    sql_unknown: SqlUnknown.optional(),
    sql_cut: Cut.optional(),
    redacted: z
      .array(z.string())
      .optional()
      .describe('What was redacted from `sql`, `params` or `error`, by rule.'),
    statement: z
      .string()
      .optional()
      .describe("Prepared statement's name, '' the unnamed one; extended protocol only."),
    portal: z.string().optional(),
    part: z
      .int()
      .positive()
      .optional()
      .describe("Which of a multi-statement Query's statements, from 1, of how many."),
    parts: z.int().positive().optional(),
    runs: Runs.optional(),
    sql_encoding: z
      .string()
      .optional()
      .describe('PostgreSQL name of the client encoding `sql` was converted from; absent for UTF8.'),
    sql_raw: z
      .string()
      .regex(/^(?:[0-9a-f]{2})*$/)
      .optional()
      .describe('The first bytes of the text as sent, in hex, where `sql` does not give them back exactly.'),
    role: z
      .string()
      .optional()
      .describe(
        'Effective role at its start, as far as it was set in the open; absent when it is not known.',
      ),
    session_user: z.string().optional().describe('Set where it is another than the one that logged in.'),
    search_path: z.string().optional().describe('At its start, where the server reports it or it was set.'),
    unsure: z.array(Unsure).optional().describe('What of this record is less than certain, by name.'),
    params: z.array(Parameter).optional(),
    function_oid: count.optional().describe("FunctionCall's function."),
    function_result: z
      .strictObject({ format: z.enum(['text', 'binary']), len: z.int().min(-1) })
      .optional()
      .describe("FunctionCall's result: format asked for, length in bytes, -1 for NULL."),
    outcome: z
      .enum(['completed', 'empty', 'suspended', 'failed', 'cancelled', 'skipped', 'lost'])
      .describe(
        '`completed`: CommandComplete; `empty`: EmptyQueryResponse; `suspended`: PortalSuspended; ' +
          '`failed`: ErrorResponse; `cancelled`: failed with 57014; `skipped`: never ran, an earlier error of the ' +
          'pipeline swallowed it, or it was sent behind Terminate or after a FATAL error; ' +
          '`lost`: the session ended, or decoding did, before its outcome was known.',
      ),
    stage: z
      .enum(['query', 'parse', 'bind', 'describe', 'execute', 'function'])
      .describe('Where it failed, was skipped or lost.'),
    tag: z.string().optional().describe("CommandComplete's tag as sent."),
    rows: count.optional().describe("The tag's row count, where the tag has one."),
    returned_rows: count.describe('DataRow messages and their bytes (bodies).'),
    returned_bytes: count,
    copy: z
      .strictObject({ direction: z.enum(['in', 'out', 'both']), messages: count, bytes: count })
      .optional(),
    replication: Replication.optional(),
    error: ServerError.optional(),
    notices: z.array(Notice).optional().describe('The first notices that came while it ran.'),
    notices_more: count.optional().describe('How many more came.'),
    start: nanoseconds.describe('Wall clock when its first message was read from the client.'),
    first_ns: count
      .optional()
      .describe('From start to the first backend message of its own; absent when none came.'),
    duration_ns: count.describe('From start to the outcome.'),
    timing: z
      .enum(['exact', 'batched'])
      .describe(
        "`batched`: replies may have waited in the server's buffer for a later Sync or Flush, so times are upper bounds.",
      ),
    tx_before: TxStatus.nullable().describe(
      'What ReadyForQuery said before its start and after its end; null where none stood directly between it and its neighbour.',
    ),
    tx_after: TxStatus.nullable(),
    fate: z
      .enum(['committed', 'rolled_back', 'unknown'])
      .optional()
      .describe('Fate of its own single-statement transaction; absent when a `transaction` record tells it.'),
    continues: z.int().positive().optional().describe('`n` of the first Execute of the same portal.'),
    traceparent: z.string().optional().describe('A `traceparent` found in an sqlcommenter comment, as sent.'),
  })
  .describe('One execution, or one failed attempt at one, with its outcome.');

export const Running = z
  .strictObject({
    ...lineHead,
    kind: z.literal('running'),
    ...sessionHead,
    protocol: z.enum(['simple', 'extended', 'function', 'replication']),
    sql: z.string().nullable(),
    sql_cut: Cut.optional(),
    redacted: z.array(z.string()).optional(),
    runs: Runs.optional(),
    start: nanoseconds,
    duration_ns: count,
  })
  .describe('A statement has run for over a second and still does; its own record follows.');

export const Transaction = z
  .strictObject({
    ...lineHead,
    kind: z.literal('transaction'),
    ...sessionHead,
    outcome: z.enum(['committed', 'rolled_back', 'unknown', 'prepared']),
    implicit: z.boolean().describe("True for a pipeline's or multi-statement Query's implicit transaction."),
    ranges: z.array(z.tuple([z.int().positive(), z.int().positive()])),
    savepoint: z.string().optional().describe('Name given to ROLLBACK TO.'),
    gid: z.string().optional().describe('PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED.'),
    error: ServerError.optional().describe('Error raised by the commit itself.'),
  })
  .describe("The fate of statements by ranges of the session's ordinals, both ends included.");

const sessionTotals = {
  statements: count.describe('Statement records.'),
  failed: count.describe('Of them, those that failed or were cancelled.'),
  rows: count.describe('Rows the server returned.'),
  bytes: count.describe('Bytes of those rows, and of COPY data.'),
};

export const Stretch = z
  .strictObject({
    ...lineHead,
    kind: z.literal('stretch'),
    ...sessionHead,
    stretch: z.int().positive().describe('1, 2, 3 ... within the session.'),
    first_n: z.int().positive().describe("First ordinal it covers; the last is this record's own `n`."),
    start: nanoseconds.describe('Wall clock when it began.'),
    duration_ns: count,
    ...sessionTotals,
  })
  .describe(
    "A stretch of a session (at most 1,000 statements or 15 minutes) ended; becomes the trace's root span.",
  );

export const Closed = z
  .strictObject({
    ...lineHead,
    kind: z.literal('closed'),
    ...sessionHead,
    why: z.enum([
      'terminated',
      'client_closed',
      'server_closed',
      'refused',
      'error',
      'recorder_stopped',
      'recorder_crashed',
    ]),
    reason: z
      .string()
      .optional()
      .describe('Named reason of a refusal by the recorder, e.g. `upstream_trusts`.'),
    error: ServerError.optional().describe('The FATAL error that ended it.'),
    duration_ns: count.describe('From connecting to the end.'),
    ...sessionTotals,
    bytes_from_client: count.describe('All bytes read from the client, protocol included.'),
    bytes_from_server: count.describe('All bytes read from the server, protocol included.'),
  })
  .describe('A session ended; its `n` is the last of the session.');

export const Notification = z
  .strictObject({
    ...lineHead,
    kind: z.literal('notification'),
    ...sessionHead,
    channel: z.string(),
    pid: count.describe('Backend that notified.'),
    payload: z.string().describe('Bounded.'),
    payload_len: count.describe('Bytes of the whole payload.'),
  })
  .describe('NotificationResponse: what a LISTEN of this session brought it.');

export const Notices = z
  .strictObject({
    ...lineHead,
    kind: z.literal('notices'),
    ...sessionHead,
    notices: z.array(Notice),
    notices_more: count.describe('How many more came.'),
  })
  .describe('Notices that came while no statement ran.');

export const Gap = z
  .strictObject({
    ...lineHead,
    kind: z.literal('gap'),
    session: SessionId.optional(),
    n: z.int().positive().optional(),
    reason: gapReason,
    detail: z.string().describe("What was seen, for people; never a statement's text."),
    bytes: count
      .optional()
      .describe('Bytes relayed without being recorded, both ways together, where they were counted.'),
    statements: count
      .optional()
      .describe('Query, Execute and FunctionCall messages that were relayed without being recorded.'),
    sessions: count
      .optional()
      .describe('Sessions it is about that have no lines of their own: they came and went unrecorded.'),
  })
  .describe('What was not recorded, and why. With `session`, of that session; else of the reel.');

export const RecordLine = z.discriminatedUnion('kind', [
  ReelOpened,
  ReelClosed,
  Heartbeat,
  Opened,
  Statement,
  Running,
  Transaction,
  Stretch,
  Closed,
  Notification,
  Notices,
  Gap,
  ...placeRecords,
  ...vaultRecords,
]);

export type RecordLine = z.infer<typeof RecordLine>;
export type TxStatus = z.infer<typeof TxStatus>;
export type Kind = RecordLine['kind'];
export type RecordOf<K extends Kind> = Extract<RecordLine, { kind: K }>;

/** What the sealer adds to a record: everything else is the session machine's. */
export type Sealed = 'v' | 'reel' | 'seq' | 'salt';
type WithoutSealed<R> = R extends unknown ? Omit<R, Sealed> : never;
/** A record as the decoder yields it, before it has a number. */
export type DraftRecord = WithoutSealed<RecordLine>;
export type DraftOf<K extends Kind> = Omit<RecordOf<K>, Sealed>;
export type VaultKind = VaultRecord['kind'];
/** What a vault writes into its own reel, before it has a number. */
export type VaultDraft = Extract<DraftRecord, { kind: VaultKind }>;
