/** Bounds of what one session may hold in memory; knows nothing of what is held. */
export interface SessionLimits {
  /** Longest SQL text kept in a record, UTF-8 bytes; the rest is told by length and hash. */
  readonly sqlBytesMax: number;
  /** Longest parameter value kept in a record, wire bytes. */
  readonly paramBytesMax: number;
  /** Most parameters kept of one Bind or FunctionCall. */
  readonly paramsMax: number;
  /** Most prepared statements whose text is kept; the oldest ones above it keep length and hash only. */
  readonly statementsMax: number;
  /** Most messages that may wait for their replies; more means the session is not understood. */
  readonly tokensMax: number;
  /** A statement that has run this long is announced by a `running` record. */
  readonly runningAfterNs: number;
  /** A stretch ends after so many statements ... */
  readonly stretchStatements: number;
  /** ... or after this time, whichever comes first. */
  readonly stretchNs: number;
}

export const defaultLimits: SessionLimits = {
  sqlBytesMax: 65_536,
  paramBytesMax: 4096,
  paramsMax: 1000,
  statementsMax: 5000,
  tokensMax: 65_536,
  runningAfterNs: 1e9,
  stretchStatements: 1000,
  stretchNs: 900e9,
};

/** Bytes of message bodies held by the messages that wait for replies. */
export const pendingBytesMax = 32 * 1024 * 1024;
/** Bytes of SQL text held by prepared statements; texts of the oldest go first. */
export const statementBytesMax = 32 * 1024 * 1024;
/** Bytes of parameters held by open portals. */
export const portalBytesMax = 16 * 1024 * 1024;
/** An error's message, detail or hint, in characters. */
export const errorTextMax = 8192;
/** Notices kept of one statement, and the message of each in characters. */
export const noticesMax = 16;
export const noticeTextMax = 1024;
/** A notification's payload and channel, in characters; PostgreSQL's own bound is 8000 bytes. */
export const notificationTextMax = 8192;
/** Notifications held behind a statement until the next ReadyForQuery. */
export const notificationsHeldMax = 256;
/** What SQL and parameters may take of one line (LINE_BYTES_MAX less everything else). */
export const lineTextBytesMax = 850_000;
/** Ranges of one `transaction` record; more go into further records. */
export const rangesPerRecordMax = 10_000;
/** Ranges held of one open transaction; beyond that its fate is `unknown`. */
export const rangesMax = 100_000;
/** Savepoints held of one open transaction. */
export const savepointsMax = 10_000;
/** A Sync or Flush read this soon after an Execute was sent together with it. */
export const promptNs = 1_000_000;
