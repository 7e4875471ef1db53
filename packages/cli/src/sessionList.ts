/** Gathers what an archive's lines say about each session, with the verdict of the reel's check. */
import { type CheckedLine, checkReel, type ReelVerdict, type Verdict } from '@pgtape/evidence';
import { type Archive, type ReelKeys, segmentsOf } from './archive.ts';
import { CommandError, exitCode } from './exitCode.ts';

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

function absorb(sessions: Map<string, SessionSummary>, reel: string, { record }: CheckedLine): void {
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

/** Checks one reel and gathers its sessions on the way. */
export async function readReel(
  archive: Archive,
  reel: ReelKeys,
): Promise<{ verdict: ReelVerdict; sessions: SessionSummary[] }> {
  const sessions = new Map<string, SessionSummary>();
  const verdict = await checkReel(segmentsOf(archive, reel), {
    onLine: (line) => absorb(sessions, reel.reel, line),
  });
  for (const judged of verdict.sessions) {
    const summary = sessions.get(judged.session);
    if (summary !== undefined) summary.verdict = judged.verdict;
  }
  return { verdict, sessions: [...sessions.values()] };
}

/** Every session of the archive, oldest first. */
export async function readSessions(archive: Archive): Promise<SessionSummary[]> {
  const all: SessionSummary[] = [];
  for (const reel of archive.reels) all.push(...(await readReel(archive, reel)).sessions);
  return all.sort((a, b) =>
    a.start.length - b.start.length !== 0 ? a.start.length - b.start.length : a.start < b.start ? -1 : 1,
  );
}

/**
 * The session a person means: a whole id, a part of one that fits only one, `last`, or `last-2` for the one before.
 * @throws CommandError `NO_SESSION`, `AMBIGUOUS_SESSION`
 */
export function findSession(sessions: readonly SessionSummary[], wanted: string): SessionSummary {
  const advice = "'pgtape sessions' lists them; a part of an id is enough, and 'last' is the newest.";
  const last = /^last(?:-(\d+))?$/.exec(wanted);
  const exact = sessions.filter(({ session }) => session === wanted);
  const fitting = last === null ? sessions.filter(({ session }) => session.includes(wanted)) : [];
  const found =
    last === null
      ? exact.length === 1
        ? exact
        : fitting
      : sessions.slice(-1 - Number(last[1] ?? 0)).slice(0, 1);
  if (found.length === 1) return found[0] as SessionSummary;
  if (found.length === 0) {
    throw new CommandError('NO_SESSION', `no session '${wanted}' in this archive`, {
      exit: exitCode.found,
      advice,
    });
  }
  const some = found.slice(0, 5).map(({ session }) => session);
  throw new CommandError(
    'AMBIGUOUS_SESSION',
    `'${wanted}' fits ${found.length} sessions: ${some.join(', ')}`,
    {
      exit: exitCode.usage,
      advice,
    },
  );
}
