/** What a search looks for, as a pure predicate over statement records and the sessions they belong to. */

/** Plain data, so that it can be handed to a worker thread. */
export interface SearchFilter {
  /** Text to find in the SQL; null: any. */
  readonly text: string | null;
  readonly regex: { readonly source: string; readonly flags: string } | null;
  readonly tag: string | null;
  /** SQLSTATE, a class of two characters, or `any`. */
  readonly error: string | null;
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  readonly slowerThanNs: number | null;
  readonly rowsOver: number | null;
  readonly user: string | null;
  readonly database: string | null;
  readonly client: string | null;
}

/** The fields of a statement record a search reads. */
export interface StatementFields {
  readonly session: string;
  readonly seq: number;
  readonly n: number;
  readonly sql: string | null;
  readonly outcome: string;
  readonly tag?: string;
  readonly rows?: number;
  readonly returned_rows: number;
  readonly duration_ns: number;
  readonly start: string;
  readonly error?: { readonly sqlstate: string; readonly message: string };
  readonly params?: readonly { readonly v: string | null }[];
}

export interface SessionFields {
  readonly session: string;
  readonly user: string;
  readonly database: string;
  readonly application_name: string;
  readonly client: { readonly address: string; readonly port: number };
}

/** Builds the test for statements; compiles the regular expression once. */
export function statementTest(filter: SearchFilter): (statement: StatementFields) => boolean {
  const regex = filter.regex === null ? null : new RegExp(filter.regex.source, filter.regex.flags);
  const { text, tag, error, sinceMs, untilMs, slowerThanNs, rowsOver } = filter;
  const wantedTag = tag?.toUpperCase() ?? null;
  return (statement) => {
    if (text !== null && !(statement.sql?.includes(text) ?? false)) return false;
    if (regex !== null && !(statement.sql !== null && regex.test(statement.sql))) return false;
    if (wantedTag !== null && !(statement.tag ?? '').startsWith(wantedTag)) return false;
    if (error !== null && !matchesError(statement.error?.sqlstate, error)) return false;
    if (slowerThanNs !== null && statement.duration_ns <= slowerThanNs) return false;
    if (rowsOver !== null && Math.max(statement.rows ?? 0, statement.returned_rows) <= rowsOver) return false;
    if (sinceMs === null && untilMs === null) return true;
    const startMs = Number(statement.start.slice(0, -6));
    return (sinceMs === null || startMs >= sinceMs) && (untilMs === null || startMs <= untilMs);
  };
}

function matchesError(sqlstate: string | undefined, wanted: string): boolean {
  if (sqlstate === undefined) return false;
  return wanted === 'any' || (wanted.length === 2 ? sqlstate.startsWith(wanted) : sqlstate === wanted);
}

/** True where the filter can be decided only with the session's `opened` record. */
export function needsSession(filter: SearchFilter): boolean {
  return filter.user !== null || filter.database !== null || filter.client !== null;
}

/** Whether a session is one the filter asks for; an unknown session is not. */
export function sessionTest(filter: SearchFilter, session: SessionFields | undefined): boolean {
  if (!needsSession(filter)) return true;
  if (session === undefined) return false;
  const { user, database, client } = filter;
  const address = `${session.client.address}:${session.client.port}`;
  return (
    (user === null || session.user === user) &&
    (database === null || session.database === database) &&
    (client === null || session.client.address === client || address === client)
  );
}
