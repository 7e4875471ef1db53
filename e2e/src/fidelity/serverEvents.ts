/** The server's own account of what each backend ran and refused, from its jsonlog. Knows nothing of the tape. */
import { readFileSync } from 'node:fs';

/** What a server must be started with so that its log tells all. */
export const oracleSettings: Readonly<Record<string, string>> = {
  logging_collector: 'on',
  log_destination: 'jsonlog',
  log_directory: 'log',
  log_filename: 'fidelity.log',
  log_rotation_age: '0',
  log_rotation_size: '0',
  log_min_duration_statement: '0',
  log_parameter_max_length: '-1',
  log_error_verbosity: 'verbose',
  log_connections: 'off',
  log_checkpoints: 'off',
  // Computed for pg_stat_statements, but not shown by EXPLAIN.
  compute_query_id: 'regress',
};

/** Below the data directory. */
export const oracleLogFile = 'log/fidelity.json';

/** One entry of jsonlog, as far as it is read here (PostgreSQL manual, "Using JSON-Format Log Output"). */
export interface LogEntry {
  readonly pid: number;
  readonly session_id: string;
  readonly line_num: number;
  readonly backend_type: string;
  readonly error_severity: string;
  readonly state_code?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly statement?: string;
  readonly application_name?: string;
  readonly query_id?: string;
}

/** Something that ended well: `statement: ...`, `execute name: ...`, `fastpath function call: ...`. */
export interface RanEvent {
  readonly kind: 'ran';
  readonly what: string;
  /** `$1 = 'x', $2 = NULL`; null where there are none. */
  readonly parameters: string | null;
  /** As pg_stat_statements counts it; 0 where it has none. A 64-bit number, as text. */
  readonly queryId: string;
}

/** An ERROR, FATAL or PANIC that went to the client. */
export interface ErrorEvent {
  readonly kind: 'error';
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
  /** What the backend was doing, where it knew. */
  readonly statement: string | null;
}

export type ServerEvent = RanEvent | ErrorEvent;

/** One backend's life. */
export interface ServerSession {
  readonly pid: number;
  readonly id: string;
  readonly applications: ReadonlySet<string>;
  readonly events: readonly ServerEvent[];
}

const duration = /^duration: [0-9.]+ ms {2}/;
const parametersHead = /^parameters: /i;
const failures = new Set(['ERROR', 'FATAL', 'PANIC']);

/** What an entry says happened; null for notices, and for the Parse and Bind of an execution that has its own entry. */
export function eventOf(entry: LogEntry): ServerEvent | null {
  const message = entry.message ?? '';
  if (failures.has(entry.error_severity)) {
    return {
      kind: 'error',
      severity: entry.error_severity,
      sqlstate: entry.state_code ?? '',
      message,
      statement: entry.statement ?? null,
    };
  }
  if (entry.error_severity !== 'LOG' || !duration.test(message)) return null;
  const what = message.replace(duration, '');
  if (what.startsWith('parse ') || what.startsWith('bind ')) return null;
  const detail = entry.detail ?? '';
  return {
    kind: 'ran',
    what,
    parameters: parametersHead.test(detail) ? detail.replace(parametersHead, '') : null,
    queryId: entry.query_id ?? '0',
  };
}

const clientBackends = new Set(['client backend', 'walsender']);

/** Sessions in the order in which they first wrote, each with its events in the server's order. */
export function serverSessions(entries: readonly LogEntry[]): ServerSession[] {
  const byId = new Map<string, LogEntry[]>();
  for (const entry of entries) {
    if (!clientBackends.has(entry.backend_type)) continue;
    const list = byId.get(entry.session_id);
    if (list === undefined) byId.set(entry.session_id, [entry]);
    else list.push(entry);
  }
  return [...byId].map(([id, list]) => ({
    pid: list[0]?.pid ?? 0,
    id,
    applications: new Set(list.flatMap(({ application_name }) => application_name ?? [])),
    events: list.sort((a, b) => a.line_num - b.line_num).flatMap((entry) => eventOf(entry) ?? []),
  }));
}

const queryId = /"query_id":(-?\d+)/g;

/** One line of jsonlog; the query's id has more digits than a number holds. */
export function entryOf(line: string): LogEntry {
  const entry = JSON.parse(line) as LogEntry;
  // The last one is the entry's own: texts stand before it, and a quote in a text is escaped.
  const id = [...line.matchAll(queryId)].at(-1)?.[1];
  return { ...entry, ...(id !== undefined && { query_id: id }) };
}

/** Every entry of a jsonlog file that is no longer written. */
export function readLog(file: string): LogEntry[] {
  // A log of several hundred MiB does not fit one string.
  const bytes = readFileSync(file);
  const entries: LogEntry[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from);
    const stop = end < 0 ? bytes.length : end;
    if (stop > from) entries.push(entryOf(bytes.toString('utf8', from, stop)));
    from = stop + 1;
  }
  return entries;
}
