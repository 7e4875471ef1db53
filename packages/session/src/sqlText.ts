/**
 * SQL texts as records hold them: redacted on arrival, cut at the bound, with what is derived from them kept
 * beside. Knows no message and no session.
 */
import { hash } from 'node:crypto';
import type { Cut, SqlUnknown, Unsure } from '@pgtape/evidence';
import {
  commitsInternally,
  maySet,
  mentionsSetConfig,
  type NamedStatement,
  namedStatement,
  redactSecrets,
  type SettingChange,
  type SqlOptions,
  settingChange,
  splitStatements,
  type TransactionVerb,
  traceparent,
  transactionVerb,
} from '@pgtape/sql';

/** How a text came to be read, where that was not plainly UTF-8. */
export interface TextOrigin {
  /** The client encoding it was converted from; null: UTF8. */
  readonly encoding: string | null;
  /** Hex of the first bytes as sent, where the text does not give them back. */
  readonly raw: string | null;
  readonly doubts: readonly Unsure[] | null;
}

/** A text in a snapshot. */
export interface SqlTextState {
  readonly origin?: TextOrigin;
  readonly sql: string | null;
  readonly unknown?: SqlUnknown;
  readonly cut?: Cut;
  readonly redacted?: string[];
}

export class SqlText {
  readonly sql: string | null;
  readonly unknown: SqlUnknown | null;
  readonly cut: Cut | null;
  /** Rules that took something out, null when none did. */
  readonly redacted: string[] | null;
  readonly origin: TextOrigin | null;
  #named: NamedStatement | null | undefined;
  #setting: SettingChange | null | undefined;
  #setsConfig: boolean | undefined;
  #maySet: boolean | undefined;
  #verb: TransactionVerb | null | undefined;
  #internal: boolean | undefined;
  #traceparent: string | null | undefined;

  constructor(
    sql: string | null,
    unknown: SqlUnknown | null,
    cut: Cut | null,
    redacted: string[] | null,
    origin: TextOrigin | null = null,
  ) {
    this.origin = origin;
    this.sql = sql;
    this.unknown = unknown;
    this.cut = cut;
    this.redacted = redacted;
  }

  /** BEGIN, COMMIT ... when the text is one; null also when there is no text. */
  get verb(): TransactionVerb | null {
    if (this.#verb === undefined) this.#verb = this.sql === null ? null : transactionVerb(this.sql);
    return this.#verb;
  }

  /** True when parts of it may be committed though it fails; true also when there is no text. */
  get internal(): boolean {
    this.#internal ??= this.sql === null || commitsInternally(this.sql);
    return this.#internal;
  }

  /** PREPARE, EXECUTE, DECLARE, FETCH ... when the text is one; null also when there is no text. */
  get named(): NamedStatement | null {
    if (this.#named === undefined) this.#named = this.sql === null ? null : namedStatement(this.sql);
    return this.#named;
  }

  /** SET, RESET, DISCARD ALL when the text is one; null also when there is no text. */
  get setting(): SettingChange | null {
    if (this.#setting === undefined) this.#setting = this.sql === null ? null : settingChange(this.sql);
    return this.#setting;
  }

  /** It calls set_config; true also when there is no text. */
  get setsConfig(): boolean {
    this.#setsConfig ??= this.sql === null || mentionsSetConfig(this.sql);
    return this.#setsConfig;
  }

  /** It may set something, or undo it; true also when there is no text. */
  get maySet(): boolean {
    this.#maySet ??= this.sql === null || maySet(this.sql);
    return this.#maySet;
  }

  get traceparent(): string | null {
    if (this.#traceparent === undefined) {
      const told = this.sql?.includes('traceparent') ? traceparent(this.sql) : undefined;
      this.#traceparent = told ?? null;
    }
    return this.#traceparent;
  }

  state(): SqlTextState {
    return {
      sql: this.sql,
      ...(this.unknown !== null && { unknown: this.unknown }),
      ...(this.cut !== null && { cut: this.cut }),
      ...(this.redacted !== null && { redacted: this.redacted }),
      ...(this.origin !== null && { origin: this.origin }),
    };
  }

  static of(state: SqlTextState): SqlText {
    const { sql, unknown = null, cut = null, redacted = null, origin = null } = state;
    return new SqlText(sql, unknown, cut, redacted, origin);
  }
}

export const notSeen: SqlText = new SqlText(null, 'statement_not_seen', null, null);
export const portalNotSeen: SqlText = new SqlText(null, 'portal_not_seen', null, null);
export const functionCall: SqlText = new SqlText(null, 'function_call', null, null);
export const undecodable: SqlText = new SqlText(null, 'undecodable', null, null);
export const overLimit: SqlText = new SqlText(null, 'over_inspection_limit', null, null);

/**
 * The text as it arrived, redacted, not yet cut. `cut` says that the message itself was longer than what is
 * seen of it.
 */
export function received(
  sql: string,
  cut: Cut | null,
  lexing: SqlOptions,
  origin: TextOrigin | null = null,
): SqlText {
  const secret = redactSecrets(sql, lexing);
  return new SqlText(secret.sql, null, cut, secret.redacted.length === 0 ? null : secret.redacted, origin);
}

/** The text within the bound; `len` and `sha256` of a cut one are of its UTF-8 after redaction. */
export function bounded(text: SqlText, bytesMax: number): SqlText {
  const sql = text.sql;
  if (sql === null || sql.length * 3 <= bytesMax) return text;
  const bytes = Buffer.byteLength(sql);
  if (bytes <= bytesMax) return text;
  const cut = text.cut ?? { len: bytes, sha256: hash('sha256', sql) };
  return new SqlText(prefix(sql, bytesMax), null, cut, text.redacted, text.origin);
}

/** What is left of a text that had to be dropped: its length and hash. */
export function dropped(text: SqlText): SqlText {
  const sql = text.sql;
  if (sql === null) return text;
  const cut = text.cut ?? { len: Buffer.byteLength(sql), sha256: hash('sha256', sql) };
  return new SqlText(null, 'over_inspection_limit', cut, text.redacted);
}

/** At most so many UTF-8 bytes of `text`, ending between two characters. */
export function prefix(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text.slice(0, bytesMax));
  if (bytes.length <= bytesMax) return text.slice(0, bytesMax);
  let end = bytesMax;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** A Query's statements: `text` split as the server does; one statement alone keeps the text as sent. */
export function pieces(text: SqlText, lexing: SqlOptions): SqlText[] {
  const sql = text.sql;
  if (sql === null) return [text];
  const semicolon = sql.indexOf(';');
  if (semicolon < 0 || sql.length - 1 === semicolon) return [text];
  const parts = splitStatements(sql, lexing);
  if (parts.length <= 1) return [text];
  return parts.map((part, number) => piece(part, text, number === 0, number === parts.length - 1));
}

/** The text from its `number`-th statement on: what an error in it kept from running. */
export function restFrom(text: SqlText, parts: readonly SqlText[], number: number): SqlText {
  if (number === 0) return text;
  const sql = text.sql ?? '';
  let from = 0;
  for (let past = 0; past < number; past += 1) {
    const found = sql.indexOf(parts[past]?.sql ?? '', from);
    from = found < 0 ? from : found + (parts[past]?.sql?.length ?? 0);
  }
  const next = sql.indexOf(parts[number]?.sql ?? '', from);
  return piece(next < 0 ? (parts[number]?.sql ?? '') : sql.slice(next), text, false, true);
}

/** The bytes of the whole are told with its first piece alone. */
function piece(part: string, whole: SqlText, first: boolean, last: boolean): SqlText {
  const origin = whole.origin === null || first ? whole.origin : { ...whole.origin, raw: null };
  return new SqlText(part, null, last ? whole.cut : null, redactedIn(part, whole), origin);
}

function redactedIn(part: string, whole: SqlText): string[] | null {
  return whole.redacted !== null && part.includes('[redacted]') ? whole.redacted : null;
}

/** The statement that `text`, a PREPARE or DECLARE, gave a name to. */
export function inner(text: SqlText, sql: string): SqlText {
  return new SqlText(sql, null, text.cut, redactedIn(sql, text));
}
