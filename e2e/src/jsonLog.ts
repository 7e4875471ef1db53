/**
 * The server's JSON log (PostgreSQL manual, "Using JSON-Format Log Output"), and the same columns of its CSV log where the server is
 * older than 15: what it must be started with, and its entries. Knows nothing of what they mean.
 */
import { join } from 'node:path';
import { linesOf } from './fileLines.ts';

/** One entry, as far as it is read. */
export interface LogEntry {
  readonly pid: number;
  readonly session_id: string;
  readonly line_num: number;
  readonly backend_type: string;
  readonly error_severity: string;
  readonly dbname?: string;
  /** What the process is at, as its title says it: `SELECT`, `authentication`. */
  readonly ps?: string;
  readonly state_code?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly context?: string;
  readonly statement?: string;
  readonly application_name?: string;
  /** A 64-bit number, as text. */
  readonly query_id?: string;
}

/** Settings with which the log tells of every execution when it ends, with all of its parameters. */
export const oracleSettings = (major: number): Readonly<Record<string, string>> => ({
  logging_collector: 'on',
  log_destination: major >= 15 ? 'jsonlog' : 'csvlog',
  log_directory: 'log',
  log_filename: 'oracle.log',
  log_rotation_age: '0',
  log_rotation_size: '0',
  log_min_duration_statement: '0',
  log_parameter_max_length: '-1',
  log_parameter_max_length_on_error: '-1',
  log_error_verbosity: 'verbose',
  log_connections: 'off',
  log_checkpoints: 'off',
  // Computed for pg_stat_statements, but not shown by EXPLAIN; 14 knows no such value.
  compute_query_id: major >= 15 ? 'regress' : 'on',
});

export const oracleLogFile = (dataDir: string, major: number): string =>
  join(dataDir, 'log', major >= 15 ? 'oracle.json' : 'oracle.csv');

const queryId = /"query_id":(-?\d+)/g;

/** One line of jsonlog; the query's id has more digits than a number holds. */
export function entryOf(line: string): LogEntry {
  const entry = JSON.parse(line) as LogEntry;
  // The last one is the entry's own: texts stand before it, and a quote in a text is escaped.
  const id = [...line.matchAll(queryId)].at(-1)?.[1];
  return { ...entry, ...(id !== undefined && { query_id: id }) };
}

/** Columns of csvlog (manual, "Using CSV-Format Log Output") by what jsonlog calls them; the others are not read. */
const csvColumns: ReadonlyMap<number, keyof LogEntry> = new Map([
  [2, 'dbname'],
  [3, 'pid'],
  [5, 'session_id'],
  [6, 'line_num'],
  [7, 'ps'],
  [11, 'error_severity'],
  [12, 'state_code'],
  [13, 'message'],
  [14, 'detail'],
  [18, 'context'],
  [19, 'statement'],
  [22, 'application_name'],
  [23, 'backend_type'],
  [25, 'query_id'],
]);
const csvField = /(?:"((?:[^"]|"")*)"|([^",\n]*))(?:,|$)/y;

/** One record of csvlog without its last newline; an empty field that is not quoted is absent. */
export function csvEntryOf(text: string): LogEntry {
  const entry: Record<string, string | number> = {};
  csvField.lastIndex = 0;
  for (let column = 0; csvField.lastIndex < text.length; column += 1) {
    const [, quoted, bare = ''] = csvField.exec(text) ?? [];
    const name = csvColumns.get(column);
    const value = quoted?.replaceAll('""', '"') ?? bare;
    if (name === undefined || (quoted === undefined && value === '')) continue;
    entry[name] = name === 'pid' || name === 'line_num' ? Number(value) : value;
  }
  return entry as unknown as LogEntry;
}

/** Entries of a log from a byte offset on; of a file that is still written, those that are whole. */
export function* readLog(file: string, from = 0): Generator<LogEntry> {
  if (file.endsWith('.json')) {
    for (const line of linesOf(file, from)) yield entryOf(line);
    return;
  }
  // A record goes on over lines until its quotes are even.
  let open = '';
  for (const line of linesOf(file, from)) {
    open = open === '' ? line : `${open}\n${line}`;
    if ((open.split('"').length - 1) % 2 === 1) continue;
    yield csvEntryOf(open);
    open = '';
  }
}
