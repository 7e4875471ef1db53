/** Walks what a server logged of a session beside what the tape holds of it, and tells what differs. Pure. */

import type { TapeTotal } from './countOracle.ts';
import { isSame, namedDifferences } from './namedDifferences.ts';
import type { ServerEvent, ServerSession } from './serverEvents.ts';
import { lastOf, type TapeEvent, type TapeSession, type TapeStatement } from './tapeEvents.ts';

export interface Comparison {
  /** Events that are the same on both sides. */
  same: number;
  /** Tolerated ones, by name. */
  readonly named: Record<string, number>;
  /** The first of what has no name, as text for people. */
  readonly unnamed: string[];
  unnamedCount: number;
  /** Statements that may have run without an entry of their own: of a Query before its last, or before its error. */
  withoutEntry: number;
  /** What both sides have completed, by the query id the server gave it. */
  readonly totals: Map<string, TapeTotal>;
}

const unnamedKept = 200;
/** How far ahead the other side is looked for when two events do not belong together. */
const lookAhead = 8;

export function emptyComparison(): Comparison {
  return { same: 0, named: {}, unnamed: [], unnamedCount: 0, withoutEntry: 0, totals: new Map() };
}

function note(into: Comparison, name: string): void {
  into.named[name] = (into.named[name] ?? 0) + 1;
}

function complain(into: Comparison, what: string): void {
  into.unnamedCount += 1;
  if (into.unnamed.length < unnamedKept) into.unnamed.push(what.slice(0, 1200));
}

/** Ids of 0 are statements that pg_stat_statements does not count. */
function total(into: Comparison, server: ServerEvent, tape: TapeEvent, next: TapeEvent | undefined): void {
  if (tape.kind !== 'statements') return;
  const told = lastOf(tape);
  if (server.kind !== 'ran') {
    into.withoutEntry += tape.pieces.length;
    return;
  }
  into.withoutEntry += tape.pieces.length - 1;
  if (server.queryId === '0') return;
  if (!hasOwnId(told)) {
    into.withoutEntry += 1;
    return;
  }
  let so = into.totals.get(server.queryId);
  if (so === undefined) {
    so = { calls: 0, rows: 0, doubtfulCalls: 0, doubtfulRows: 0, tag: told.tag ?? '', sql: told.sql ?? '' };
    into.totals.set(server.queryId, so);
  }
  const rows = countsRows(told) ? (told.rows ?? 0) : 0;
  const isDoubtful = told.protocol === 'extended' && endsBadly(next);
  so.calls += 1;
  so.rows += rows;
  so.doubtfulCalls += isDoubtful ? 1 : 0;
  so.doubtfulRows += isDoubtful ? rows : 0;
}

/**
 * Whether the id in the log is that of the statement. PREPARE shows the id of what it prepares and is not counted; EXECUTE that of
 * whatever was analysed first, which may be the body of a function; a FunctionCall that of the statement before it.
 */
const hasOwnId = ({ protocol, tag, sql }: TapeStatement): boolean =>
  protocol !== 'function' && tag !== 'PREPARE' && !/^[;\s]*execute\b/i.test(sql ?? '');

/** Rows that a tag of MOVE tells of were passed over, and are not counted by the server. */
const countsRows = ({ tag }: TapeStatement): boolean => tag?.startsWith('MOVE ') !== true;

/** The session ended there, or what came next did not complete. */
function endsBadly(next: TapeEvent | undefined): boolean {
  return next?.kind !== 'statements' || !['completed', 'empty'].includes(lastOf(next).outcome);
}

const show = (event: ServerEvent | TapeEvent | undefined): string => JSON.stringify(event ?? null);

/** Adds one session's comparison to `into`. */
export function compareEvents(
  where: string,
  server: readonly ServerEvent[],
  tape: readonly TapeEvent[],
  into: Comparison,
): void {
  let s = 0;
  let t = 0;
  while (s < server.length || t < tape.length) {
    const left = server[s];
    const right = tape[t];
    if (left !== undefined && right !== undefined && isSame(left, right)) {
      into.same += 1;
      total(into, left, right, tape[t + 1]);
      s += 1;
      t += 1;
      continue;
    }
    const found = namedDifferences.find(
      ({ pair, onlyTape, onlyServer }) =>
        (left !== undefined && right !== undefined && pair?.(left, right)) ||
        (right !== undefined && onlyTape?.(right, tape[t + 1])) ||
        (left !== undefined && onlyServer?.(left)),
    );
    if (found !== undefined) {
      note(into, found.name);
      if (found.pair !== undefined || found.onlyServer !== undefined) s += 1;
      if (found.pair !== undefined || found.onlyTape !== undefined) t += 1;
      continue;
    }
    complain(into, `${where}: server ${show(left)} | tape ${show(right)}`);
    [s, t] = resume(server, tape, s, t);
  }
}

/** The nearest place from which both sides agree again. */
function resume(
  server: readonly ServerEvent[],
  tape: readonly TapeEvent[],
  s: number,
  t: number,
): [number, number] {
  for (let ahead = 1; ahead <= lookAhead; ahead += 1) {
    for (const [a, b] of [
      [s + ahead, t],
      [s, t + ahead],
      [s + ahead, t + ahead],
    ] as const) {
      const left = server[a];
      const right = tape[b];
      if (left !== undefined && right !== undefined && isSame(left, right)) return [a, b];
    }
  }
  return [s + 1, t + 1];
}

/** A client that was refused never learned its backend's PID: any refusal that reads the same is its own. */
function refusedLike(session: TapeSession, waiting: Map<number, ServerSession[]>): ServerSession | undefined {
  if (session.pid !== 0) return undefined;
  for (const list of waiting.values()) {
    const at = list.findIndex(
      ({ events }) =>
        events.length === session.events.length &&
        events.every((event, index) => isSame(event, session.events[index] as TapeEvent)),
    );
    if (at >= 0) return list.splice(at, 1)[0];
  }
  return undefined;
}

/** Compares all sessions; those around the recorder are known by their application names. */
export function compareSessions(
  server: readonly ServerSession[],
  tape: readonly TapeSession[],
  around: string,
): Comparison {
  const into = emptyComparison();
  const waiting = new Map<number, ServerSession[]>();
  for (const session of server) {
    if (session.applications.has(around) || session.events.length === 0) continue;
    const list = waiting.get(session.pid);
    if (list === undefined) waiting.set(session.pid, [session]);
    else list.push(session);
  }
  for (const session of tape) {
    if (session.events.length === 0) continue;
    const found = waiting.get(session.pid)?.shift() ?? refusedLike(session, waiting);
    compareEvents(`${session.session} pid ${session.pid}`, found?.events ?? [], session.events, into);
  }
  for (const list of waiting.values()) {
    for (const session of list) compareEvents(`not on tape, pid ${session.pid}`, session.events, [], into);
  }
  return into;
}
