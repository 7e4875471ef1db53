/**
 * The record schema: the one source of the TypeScript types, the JSON Schema and docs/formats/record.md.
 *
 * A record is one line of UTF-8 JSON; fields stand in the order written here. Rules of the format:
 * - the JSON type of a field never depends on its value;
 * - integers that may pass 2^53 (wall and monotonic nanoseconds, LSNs) are decimal strings, all others numbers;
 * - hashes, keys, salts and ids are lower-case hex;
 * - an optional field that is absent was not observed; `null` is used only where the schema says so.
 */
import { z } from 'zod';

/** Longest line, in bytes without its newline; longer text is cut and carries its length and SHA-256. */
export const LINE_BYTES_MAX = 1_048_576;
/** Version of the line format, field `v`. */
export const FORMAT_VERSION = 1;

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const nanoseconds = z.string().regex(/^\d{1,20}$/);
const count = z.int().nonnegative();
const sqlstate = z.string().regex(/^[0-9A-Z]{5}$/);

export const ReelId = hex(16);
export const Digest = hex(32);
/** `<first 16 hex digits of the reel>-<number of the session in the reel>`. */
export const SessionId = z.string().regex(/^[0-9a-f]{16}-[1-9]\d{0,15}$/);

const lineHead = {
  v: z.literal(FORMAT_VERSION),
  reel: ReelId,
  /** 1, 2, 3 ... over the whole reel. */
  seq: z.int().positive(),
  /** 8 random bytes, so that a line's hash tells nothing to someone who guesses its content. */
  salt: hex(8),
  /** Wall clock when the record was made, ns since 1970 UTC. */
  at: nanoseconds,
  /** Monotonic clock of the same moment, ns since the reel started. */
  mono: nanoseconds,
};

const sessionHead = {
  session: SessionId,
  /** Gapless ordinal over all kinds of this session, from 1. */
  n: z.int().positive(),
};

/** Where a text was longer than the policy's bound: how long it was in bytes, and the hash of the whole. */
export const Cut = z.strictObject({ len: count, sha256: Digest });

/** Why SQL text is absent though something ran. */
export const SqlUnknown = z.enum([
  'statement_not_seen',
  'portal_not_seen',
  'function_call',
  'over_inspection_limit',
  'undecodable',
]);

/** A parameter value. NULL is `v: null`; empty is `v: ""`; `len` is the length on the wire in bytes, -1 for NULL. */
export const Parameter = z.strictObject({
  v: z.string().nullable(),
  /** `text`: as PostgreSQL prints it; `hex`: bytes of an unknown or non-text type; `failed`: hex of bytes that did not decode. */
  enc: z.enum(['text', 'hex', 'failed']),
  format: z.enum(['text', 'binary']),
  /** PostgreSQL's type name, `unknown` when the OID is not known. */
  type: z.string(),
  /** 0 when neither Parse nor ParameterDescription told it. */
  oid: count,
  len: z.int().min(-1),
  /** `v` holds only a prefix; `sha256` is of the whole value's wire bytes. */
  cut: z.literal(true).optional(),
  sha256: Digest.optional(),
});

/** ErrorResponse fields by their names in the protocol (V, C, M, D, H, P, s, t, c, n), texts bounded. */
export const ServerError = z.strictObject({
  severity: z.string(),
  sqlstate,
  message: z.string(),
  detail: z.string().optional(),
  hint: z.string().optional(),
  position: z.string().optional(),
  schema: z.string().optional(),
  table: z.string().optional(),
  column: z.string().optional(),
  constraint: z.string().optional(),
});

/** ReadyForQuery's status byte: idle, in a transaction, in a failed transaction. */
export const TxStatus = z.enum(['I', 'T', 'E']);

/** Every way of not recording: the same word in record, metric, status and docs. */
export const GapReason = z.enum([
  'decode_lost',
  'bad_framing',
  'tls_no_certificate',
  'journal_full',
  'spool_full',
  'recorder_crashed',
  'journal_damaged',
]);

/** The reel began: one recorder process, start to stop. */
export const ReelOpened = z.strictObject({
  ...lineHead,
  kind: z.literal('reel_opened'),
  recorder: hex(8),
  name: z.string(),
  version: z.string(),
  upstream: z.string(),
  listen: z.string(),
  journal: z.enum(['memory', 'disk']),
  trust_upstream: z.boolean(),
  policy: Digest,
});

/** The reel ended in order; a reel without this line is open or crashed. */
export const ReelClosed = z.strictObject({
  ...lineHead,
  kind: z.literal('reel_closed'),
  why: z.enum(['stopped']),
  sessions: count,
  statements: count,
});

/** Totals and what is open, every 30 s. */
export const Heartbeat = z.strictObject({
  ...lineHead,
  kind: z.literal('heartbeat'),
  opened: count,
  closed: count,
  statements: count,
  open: z.array(z.strictObject({ session: SessionId, n: count })),
});

export const Opened = z.strictObject({
  ...lineHead,
  kind: z.literal('opened'),
  ...sessionHead,
  /** When the client connected, wall ns; `at` is when the session became ready or failed. */
  start: nanoseconds,
  client: z.strictObject({ address: z.string(), port: z.int() }),
  server: z.strictObject({ address: z.string(), port: z.int() }),
  /** Of the client's leg. */
  tls: z.boolean(),
  /** `3.0`, `3.2`; as negotiated. */
  protocol: z.string(),
  user: z.string(),
  database: z.string(),
  /** As the server reports it (ParameterStatus), else as the startup packet said. */
  application_name: z.string(),
  /** Names of authentication requests as seen, e.g. `scram-sha-256`; `none` when no challenge was asked. */
  auth: z.string(),
  server_version: z.string(),
  /** Of the server's backend, from BackendKeyData; 0 when it never came. */
  pid: count,
  /** Set when the startup packet asked for replication. */
  replication: z.string().optional(),
  /** False when the session ended before its first ReadyForQuery. */
  ready: z.boolean(),
});

/** One execution, or one failed attempt at one, with its outcome. */
export const Statement = z.strictObject({
  ...lineHead,
  kind: z.literal('statement'),
  ...sessionHead,
  protocol: z.enum(['simple', 'extended', 'function', 'replication']),
  /** As sent, secrets redacted, cut at the policy's bound; null with `sql_unknown`. */
  sql: z.string().nullable(),
  sql_unknown: SqlUnknown.optional(),
  sql_cut: Cut.optional(),
  /** What was redacted from `sql`, `params` or `error`, by rule. */
  redacted: z.array(z.string()).optional(),
  /** Prepared statement's name, '' the unnamed one; extended protocol only. */
  statement: z.string().optional(),
  portal: z.string().optional(),
  /** Which of a multi-statement Query's statements, from 1, of how many. */
  part: z.int().positive().optional(),
  parts: z.int().positive().optional(),
  params: z.array(Parameter).optional(),
  /** FunctionCall's function. */
  function_oid: count.optional(),
  /**
   * `completed`: CommandComplete; `empty`: EmptyQueryResponse; `suspended`: PortalSuspended; `failed`: ErrorResponse;
   * `cancelled`: failed with 57014; `skipped`: never ran, an earlier error of the pipeline swallowed it;
   * `lost`: the session ended, or decoding did, before its outcome was known.
   */
  outcome: z.enum(['completed', 'empty', 'suspended', 'failed', 'cancelled', 'skipped', 'lost']),
  /** Where it failed, was skipped or lost. */
  stage: z.enum(['query', 'parse', 'bind', 'describe', 'execute', 'function']),
  /** CommandComplete's tag as sent. */
  tag: z.string().optional(),
  /** The tag's row count, where the tag has one. */
  rows: count.optional(),
  /** DataRow messages and their bytes (bodies). */
  returned_rows: count,
  returned_bytes: count,
  copy: z
    .strictObject({ direction: z.enum(['in', 'out', 'both']), messages: count, bytes: count })
    .optional(),
  error: ServerError.optional(),
  /** Wall clock when its first message was read from the client. */
  start: nanoseconds,
  /** From start to the first backend message of its own; absent when none came. */
  first_ns: count.optional(),
  /** From start to the outcome. */
  duration_ns: count,
  /** `batched`: replies may have waited in the server's buffer for a later Sync or Flush, so times are upper bounds. */
  timing: z.enum(['exact', 'batched']),
  /** What ReadyForQuery said before its start and after its end; null where none stood directly between it and its neighbour. */
  tx_before: TxStatus.nullable(),
  tx_after: TxStatus.nullable(),
  /** Fate of its own single-statement transaction; absent when a `transaction` record tells it. */
  fate: z.enum(['committed', 'rolled_back', 'unknown']).optional(),
  /** `n` of the first Execute of the same portal. */
  continues: z.int().positive().optional(),
  /** A `traceparent` found in an sqlcommenter comment, as sent. */
  traceparent: z.string().optional(),
});

/** A statement has run for over a second and still does; its own record follows. */
export const Running = z.strictObject({
  ...lineHead,
  kind: z.literal('running'),
  ...sessionHead,
  protocol: z.enum(['simple', 'extended', 'function', 'replication']),
  sql: z.string().nullable(),
  sql_cut: Cut.optional(),
  redacted: z.array(z.string()).optional(),
  start: nanoseconds,
  duration_ns: count,
});

/** The fate of statements by ranges of the session's ordinals, both ends included. */
export const Transaction = z.strictObject({
  ...lineHead,
  kind: z.literal('transaction'),
  ...sessionHead,
  outcome: z.enum(['committed', 'rolled_back', 'unknown', 'prepared']),
  /** True for a pipeline's or multi-statement Query's implicit transaction. */
  implicit: z.boolean(),
  ranges: z.array(z.tuple([z.int().positive(), z.int().positive()])),
  /** Name given to ROLLBACK TO. */
  savepoint: z.string().optional(),
  /** PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED. */
  gid: z.string().optional(),
  /** Error raised by the commit itself. */
  error: ServerError.optional(),
});

const sessionTotals = {
  statements: count,
  failed: count,
  rows: count,
  bytes: count,
};

/** A stretch of a session (at most 1,000 statements or 15 minutes) ended; becomes the trace's root span. */
export const Stretch = z.strictObject({
  ...lineHead,
  kind: z.literal('stretch'),
  ...sessionHead,
  /** 1, 2, 3 ... within the session. */
  stretch: z.int().positive(),
  /** First ordinal it covers; the last is this record's own `n`. */
  first_n: z.int().positive(),
  /** Wall clock when it began. */
  start: nanoseconds,
  duration_ns: count,
  ...sessionTotals,
});

export const Closed = z.strictObject({
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
  /** Named reason of a refusal by the recorder, e.g. `upstream_trusts`. */
  reason: z.string().optional(),
  /** The FATAL error that ended it. */
  error: ServerError.optional(),
  duration_ns: count,
  ...sessionTotals,
  bytes_from_client: count,
  bytes_from_server: count,
});

/** What was not recorded, and why. With `session`, of that session; else of the reel. */
export const Gap = z.strictObject({
  ...lineHead,
  kind: z.literal('gap'),
  session: SessionId.optional(),
  n: z.int().positive().optional(),
  reason: GapReason,
  /** What was seen, for people; never a statement's text. */
  detail: z.string(),
  bytes: count.optional(),
});

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
  Gap,
]);

/** Leaf 0 of every segment. */
export const HeaderLine = z.strictObject({
  v: z.literal(FORMAT_VERSION),
  kind: z.literal('header'),
  reel: ReelId,
  /** Opaque id of the recorder's spool, part of the object's key. */
  recorder: hex(8),
  /** 1, 2, 3 ... within the reel. */
  segment: z.int().positive(),
  salt: hex(8),
  /** Ed25519 public key that signs this segment's seal. */
  key: hex(32),
  /** The process that sealed it was not the one that journaled it. */
  recovered: z.boolean(),
  boot: z.string(),
  clock: z.string(),
  host: z.string(),
  name: z.string(),
  version: z.string(),
});

/** The segment's last line. Signed: `pgtape-seal-v1\n` and this line up to, not including, `,"sig":`. */
export const SealLine = z.strictObject({
  v: z.literal(FORMAT_VERSION),
  kind: z.literal('seal'),
  reel: ReelId,
  segment: z.int().positive(),
  first_seq: z.int().positive(),
  last_seq: z.int().positive(),
  /** Records, header not counted. */
  count: z.int().positive(),
  /** RFC 6962 root over header and record lines. */
  root: Digest,
  /** SHA-256 of the previous seal line of the reel; 64 zeros for the first. */
  prev: Digest,
  /** Sessions open when it was sealed. */
  open_sessions: count,
  policy: Digest,
  /** First 8 bytes of SHA-256 of the signing public key. */
  key_id: hex(8),
  /** Public key that signs the next segment. */
  next_key: hex(32),
  at: nanoseconds,
  sig: hex(64),
});

export type RecordLine = z.infer<typeof RecordLine>;
export type HeaderLine = z.infer<typeof HeaderLine>;
export type SealLine = z.infer<typeof SealLine>;
export type Parameter = z.infer<typeof Parameter>;
export type ServerError = z.infer<typeof ServerError>;
export type TxStatus = z.infer<typeof TxStatus>;
export type Cut = z.infer<typeof Cut>;
export type GapReason = z.infer<typeof GapReason>;
export type SqlUnknown = z.infer<typeof SqlUnknown>;
export type Kind = RecordLine['kind'];
export type RecordOf<K extends Kind> = Extract<RecordLine, { kind: K }>;

/** What the sealer adds to a record: everything else is the session machine's. */
export type Sealed = 'v' | 'reel' | 'seq' | 'salt';
type WithoutSealed<R> = R extends unknown ? Omit<R, Sealed> : never;
/** A record as the decoder yields it, before it has a number. */
export type DraftRecord = WithoutSealed<RecordLine>;
export type DraftOf<K extends Kind> = Omit<RecordOf<K>, Sealed>;
