/** What an archive's lines say about each session, with the verdict of its reel's check. Reads nothing itself. */
import type { CheckedLine, ReelVerdict, Verdict } from '@pgtape/evidence';

export interface SessionSummary {
  readonly session: string;
  readonly reel: string;
  verdict: Verdict;
  /** Wall ns. */
  start: string;
  /** Wall ns of its last line. */
  end: string;
  closed: boolean;
  why: string;
  user: string;
  database: string;
  application: string;
  client: string;
  server_version: string;
  auth: string;
  tls: boolean;
  pid: number;
  statements: number;
  failed: number;
  rows: number;
}

interface OpenedFields {
  start: string;
  user: string;
  database: string;
  application_name: string;
  client: { address: string; port: number };
  server_version: string;
  auth: string;
  tls: boolean;
  pid: number;
}

function emptySummary(session: string, reel: string, at: string): SessionSummary {
  return {
    session,
    reel,
    verdict: 'open',
    start: at,
    end: at,
    closed: false,
    why: '',
    user: '',
    database: '',
    application: '',
    client: '',
    server_version: '',
    auth: '',
    tls: false,
    pid: 0,
    statements: 0,
    failed: 0,
    rows: 0,
  };
}

/** Adds one line to the summaries. */
export function absorb(sessions: Map<string, SessionSummary>, reel: string, { record }: CheckedLine): void {
  if (record.session === undefined) return;
  const at = String(record.at);
  let summary = sessions.get(record.session);
  if (summary === undefined) {
    summary = emptySummary(record.session, reel, at);
    sessions.set(record.session, summary);
  }
  summary.end = at;
  if (record.kind === 'opened') {
    const opened = record as unknown as OpenedFields;
    summary.start = opened.start;
    summary.user = opened.user;
    summary.database = opened.database;
    summary.application = opened.application_name;
    summary.client =
      opened.client.port === 0 ? opened.client.address : `${opened.client.address}:${opened.client.port}`;
    summary.server_version = opened.server_version;
    summary.auth = opened.auth;
    summary.tls = opened.tls;
    summary.pid = opened.pid;
  } else if (record.kind === 'statement') {
    summary.statements += 1;
    const outcome = record.outcome;
    if (outcome === 'failed' || outcome === 'cancelled') summary.failed += 1;
    const rows = record.rows;
    if (typeof rows === 'number') summary.rows += rows;
  } else if (record.kind === 'closed') {
    summary.closed = true;
    summary.why = String(record.why);
  }
}

/** Gives each session the verdict its reel's check came to. */
export function judge(sessions: ReadonlyMap<string, SessionSummary>, verdict: ReelVerdict): void {
  for (const judged of verdict.sessions) {
    const summary = sessions.get(judged.session);
    if (summary !== undefined) summary.verdict = judged.verdict;
  }
}

/** Oldest first; wall nanoseconds have one length until the year 2286, older ones fewer digits. */
export function byStart(a: { readonly start: string }, b: { readonly start: string }): number {
  if (a.start.length !== b.start.length) return a.start.length - b.start.length;
  return a.start < b.start ? -1 : a.start > b.start ? 1 : 0;
}
