/** The server's own account of what each backend executed, from its JSON log. */
import type { LogEntry } from '../jsonLog.ts';
import { type Execution, functionText, noParams } from './execution.ts';

/** Parses `$1 = 'it''s', $2 = NULL`, as errdetail_params() writes it. */
export function loggedParams(text: string): Map<number, string | null> {
  const params = new Map<number, string | null>();
  const one = /\$(\d+) = (?:NULL|'((?:[^']|'')*)')(?:, )?/y;
  while (one.lastIndex < text.length) {
    const at = one.lastIndex;
    const found = one.exec(text);
    if (found === null) throw new Error(`not a list of parameters at ${at}: ${text.slice(at, at + 80)}`);
    params.set(Number(found[1]), found[2] === undefined ? null : found[2].replaceAll("''", "'"));
  }
  return params;
}

const ended =
  /^duration: [\d.]+ ms {2}(?:(?<kind>statement|execute [^:]*): (?<text>.*)|fastpath function call: .* \(OID (?<oid>\d+)\)|(?:parse|bind) [^:]*: .*)$/s;
const bound = /(?:portal|statement)(?: ".*")? (?:with parameters: |parameter )(\$1.*|\$\d+ = .*)$/s;

/** What one log entry says was executed; null when it tells of something else. */
export function executionOf(entry: LogEntry): Execution | null {
  if (entry.error_severity === 'LOG') {
    const found = ended.exec(entry.message ?? '');
    if (found === null) return null;
    const { text = null, oid = null } = found.groups ?? {};
    if (oid !== null) return { text: functionText(oid), joined: false, params: noParams, sqlstate: null };
    if (text === null) return null;
    const params = /^Parameters: (.*)$/s.exec(entry.detail ?? '')?.[1];
    return {
      text,
      joined: false,
      params: params === undefined ? noParams : loggedParams(params),
      sqlstate: null,
    };
  }
  if (!['ERROR', 'FATAL', 'PANIC'].includes(entry.error_severity)) return null;
  const params = bound.exec(entry.context ?? '')?.[1];
  return {
    text: entry.statement ?? null,
    joined: false,
    params: params === undefined ? noParams : loggedParams(params),
    sqlstate: entry.state_code ?? null,
  };
}

/** Executions by backend PID, in the server's order, of sessions in `database`. */
export function serverExecutions(log: Iterable<LogEntry>, database: string): Map<number, Execution[]> {
  const byPid = new Map<number, Execution[]>();
  for (const entry of log) {
    if (entry.dbname !== database || entry.backend_type !== 'client backend') continue;
    // A login that failed executed nothing.
    if (entry.ps === 'authentication' || entry.ps === 'startup') continue;
    const execution = executionOf(entry);
    if (execution === null) continue;
    const list = byPid.get(entry.pid) ?? [];
    list.push(execution);
    byPid.set(entry.pid, list);
  }
  return byPid;
}
