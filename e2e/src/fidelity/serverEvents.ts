/** The server's own account of what each backend ran and refused, from its log. Knows nothing of the tape. */
import type { LogEntry } from '../jsonLog.ts';
import { Interned } from './interned.ts';

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

interface OpenSession {
  readonly pid: number;
  readonly applications: Set<string>;
  /** By the number of their line in the session. */
  readonly numbered: [number, ServerEvent][];
}

const clientBackends = new Set(['client backend', 'walsender']);

/** Sessions in the order in which they first wrote, each with its events in the server's order. */
export function serverSessions(entries: Iterable<LogEntry>): ServerSession[] {
  const texts = new Interned();
  const byId = new Map<string, OpenSession>();
  for (const entry of entries) {
    if (!clientBackends.has(entry.backend_type)) continue;
    let open = byId.get(entry.session_id);
    if (open === undefined) {
      open = { pid: entry.pid, applications: new Set(), numbered: [] };
      byId.set(entry.session_id, open);
    }
    if (entry.application_name !== undefined) open.applications.add(entry.application_name);
    const event = eventOf(entry);
    if (event !== null) open.numbered.push([entry.line_num, texts.inside(event)]);
  }
  return [...byId].map(([id, { pid, applications, numbered }]) => ({
    pid,
    id,
    applications,
    events: numbered.sort(([a], [b]) => a - b).map(([, event]) => event),
  }));
}
