/**
 * Owns which sessions of the server came past the recorder: those that pg_stat_activity shows and no session of ours is, and those that
 * only pg_stat_database has counted. Knows no connection and no clock of its own.
 */
import { type BackendsSeen, knownStride } from './backendBook.ts';

/** A backend as pg_stat_activity shows it; times are wall clock, milliseconds, by this machine's clock. */
export interface ActiveBackend {
  readonly pid: number;
  readonly user: string;
  readonly database: string;
  /** '' for a unix socket. */
  readonly address: string;
  readonly port: number;
  readonly application: string;
  readonly startedMs: number;
  /** `client backend`, `walsender`. */
  readonly type: string;
}

/** What one poll has of the server. */
export interface ServerSight {
  readonly atMs: number;
  /** Without the poller's own. */
  readonly active: readonly ActiveBackend[];
  /** Of pg_stat_database; null: before PostgreSQL 14 nobody counts. */
  readonly sessions: readonly DatabaseSessions[] | null;
}

export interface DatabaseSessions {
  readonly database: string;
  readonly sessions: number;
  /** As text; another one: the counts began anew. */
  readonly resetAt: string;
}

export interface Allowed {
  readonly user: string;
  /** Absent, whatever it calls itself. */
  readonly application?: string | undefined;
  /** Absent, in any. */
  readonly database?: string | undefined;
}

export interface Bypassed {
  readonly how: 'activity' | 'counted';
  readonly sessions: number;
  readonly backend: ActiveBackend | null;
  readonly database: string;
}

/** Of databases in which short sessions can be told from those that are allowed. */
interface Compared {
  readonly sessions: readonly DatabaseSessions[];
  readonly seen: BackendsSeen;
  readonly own: Readonly<Record<string, number>>;
  readonly active: readonly Bypassed[];
}

/** The two clocks, and a pid that the server gives out anew within this time is not looked for. */
const slackMs = 1000;
/** The server writes down a session that it has not yet counted at its first idle moment, or ten seconds later. */
const countedLateMs = 15_000;

/** Numbers for comparing one poll's counts with ours. */
interface Baseline {
  readonly ours: number;
  readonly resets: ReadonlyMap<string, DatabaseSessions>;
}

export class CoverageJudge {
  /** `pid/started` of bypasses told and still there. */
  #told = new Set<string>();
  #base: Baseline | null = null;
  /** Counted by the server since the base. */
  #counted = 0;
  readonly #countedBy = new Map<string, number>();
  /** Of them, those that are accounted for beside our sessions: bypasses told, and doubts granted. */
  #settled = 0;
  readonly #settledBy = new Map<string, number>();
  /** Sessions that may or may not be counted yet, until then. */
  #doubts: { count: number; untilMs: number }[] = [];
  #uncertainBefore = 0;

  /**
   * @param own sessions that the recorder itself has opened besides (this poller's, the type learner's), since the start, by database
   * @param former pids of sessions of the recorder that ran before, which the server may still have
   */
  judge(
    sight: ServerSight,
    seen: BackendsSeen,
    own: Readonly<Record<string, number>>,
    former: ReadonlySet<number>,
    since: { readonly startedMs: number; readonly allow: readonly Allowed[] },
  ): Bypassed[] {
    const byPid = new KnownBackends(seen);
    const told = new Set<string>();
    const found: Bypassed[] = [];
    let young = 0;
    for (const backend of sight.active) {
      if (sight.atMs - backend.startedMs < countedLateMs) young += 1;
      if (byPid.has(backend) || (backend.startedMs < since.startedMs && former.has(backend.pid))) continue;
      if (since.allow.some((one) => isAllowed(one, backend))) continue;
      const key = `${backend.pid}/${Math.round(backend.startedMs)}`;
      const isNew = !this.#has(backend);
      told.add(key);
      if (!isNew) continue;
      found.push({ how: 'activity', sessions: 1, backend, database: backend.database });
    }
    this.#told = told;
    const isCompared = comparedBy(since.allow);
    if (sight.sessions === null || isCompared === null) return found;
    const compared = {
      sessions: sight.sessions.filter(({ database }) => isCompared(database)),
      seen: { ...seen, loggedIn: onlyOf(seen.loggedIn, isCompared) },
      own: onlyOf(own, isCompared),
      active: found.filter(({ database }) => isCompared(database)),
    };
    return [...found, ...this.#count(sight, compared, young)];
  }

  /** The clocks' difference is measured anew with each poll: a start is the same within the slack. */
  #has({ pid, startedMs }: ActiveBackend): boolean {
    for (const key of this.#told) {
      const [told, at] = key.split('/');
      if (Number(told) === pid && Math.abs(Number(at) - startedMs) < slackMs) return true;
    }
    return false;
  }

  #count(sight: ServerSight, { sessions, seen, own, active }: Compared, young: number): Bypassed[] {
    const ours = sum(Object.values(seen.loggedIn)) + sum(Object.values(own));
    const before = this.#base;
    const now = new Map(sessions.map((one) => [one.database, one]));
    const isReset =
      before === null || [...before.resets].some(([name, was]) => isBegunAnew(was, now.get(name)));
    if (isReset) {
      this.#rebase(ours, now, sight.atMs, young, seen, own);
      return [];
    }
    for (const { database, sessions: count } of sessions) {
      const more = count - (before.resets.get(database)?.sessions ?? 0);
      this.#counted += more;
      this.#countedBy.set(database, (this.#countedBy.get(database) ?? 0) + more);
    }
    this.#base = { ours: before.ours, resets: now };
    for (const { backend, database } of active) {
      if (backend?.type === 'client backend') this.#settle(database, 1);
    }
    this.#doubt(seen, sight.atMs);
    const surplus = this.#counted - (ours - before.ours) - this.#settled;
    const granted = this.#grant(Math.max(0, surplus), seen.unread);
    return this.#attribute(surplus - granted, seen, own);
  }

  /** Counting begins here; what is under way may be counted yet, or not. */
  #rebase(
    ours: number,
    resets: ReadonlyMap<string, DatabaseSessions>,
    atMs: number,
    young: number,
    seen: BackendsSeen,
    own: Readonly<Record<string, number>>,
  ): void {
    this.#base = { ours, resets };
    this.#counted = 0;
    this.#countedBy.clear();
    this.#settled = 0;
    this.#settledBy.clear();
    for (const counts of [seen.loggedIn, own]) {
      for (const [name, count] of Object.entries(counts))
        this.#settledBy.set(name, (this.#settledBy.get(name) ?? 0) - count);
    }
    this.#uncertainBefore = seen.uncertain;
    // Its own session is one of them.
    this.#doubts = [{ count: young + 1, untilMs: atMs + countedLateMs * 2 }];
  }

  #doubt({ uncertain }: BackendsSeen, atMs: number): void {
    this.#doubts = this.#doubts.filter(({ untilMs, count }) => untilMs > atMs && count > 0);
    const more = uncertain - this.#uncertainBefore;
    this.#uncertainBefore = uncertain;
    if (more > 0) this.#doubts.push({ count: more, untilMs: atMs + countedLateMs * 2 });
  }

  /** @returns how many of `surplus` may be sessions of ours */
  #grant(surplus: number, unread: number): number {
    let left = surplus;
    for (const doubt of this.#doubts) {
      const taken = Math.min(left, doubt.count);
      doubt.count -= taken;
      left -= taken;
    }
    this.#settled += surplus - left;
    // Those that are open and unread may have been counted: nothing is settled for them before they are closed.
    return surplus - left + Math.min(left, unread);
  }

  /** Whose database it was: where more was counted than is accounted for. */
  #attribute(surplus: number, seen: BackendsSeen, own: Readonly<Record<string, number>>): Bypassed[] {
    const found: Bypassed[] = [];
    let left = surplus;
    const over = (name: string): number =>
      (this.#countedBy.get(name) ?? 0) -
      (seen.loggedIn[name] ?? 0) -
      (own[name] ?? 0) -
      (this.#settledBy.get(name) ?? 0);
    const names = [...this.#countedBy.keys()].sort((a, b) => over(b) - over(a));
    for (const database of names) {
      const sessions = Math.min(left, over(database));
      if (sessions <= 0) break;
      left -= sessions;
      this.#settle(database, sessions);
      found.push({ how: 'counted', sessions, backend: null, database });
    }
    if (left <= 0) return found;
    this.#settle('', left);
    return [...found, { how: 'counted', sessions: left, backend: null, database: '' }];
  }

  #settle(database: string, sessions: number): void {
    this.#settled += sessions;
    this.#settledBy.set(database, (this.#settledBy.get(database) ?? 0) + sessions);
  }
}

/** Sessions of ours, found by pid and time of their backend, or by the connection they came on. */
class KnownBackends {
  readonly #seen: BackendsSeen;
  readonly #at = new Map<string, number[]>();

  constructor(seen: BackendsSeen) {
    this.#seen = seen;
    const { known, addresses } = seen;
    for (let at = 0; at < known.length; at += knownStride) {
      const pid = known[at]!;
      const port = known[at + 4]!;
      const key = pid > 0 ? `${pid}` : port > 0 ? `${addresses[known[at + 3]!]}/${port}` : '';
      const list = this.#at.get(key);
      if (list === undefined) this.#at.set(key, [at]);
      else list.push(at);
    }
  }

  has({ pid, address, port, startedMs }: ActiveBackend): boolean {
    const { known } = this.#seen;
    const keys = address === '' ? [`${pid}`] : [`${pid}`, `${address}/${port}`];
    return keys.some((key) =>
      (this.#at.get(key) ?? []).some(
        (at) => startedMs >= known[at + 1]! - slackMs && startedMs <= known[at + 2]! + slackMs,
      ),
    );
  }
}

function isAllowed({ user, application, database }: Allowed, backend: ActiveBackend): boolean {
  return (
    backend.user === user &&
    (application === undefined || backend.application === application) &&
    (database === undefined || backend.database === database)
  );
}

/**
 * Whoever is allowed comes and goes between two polls as he likes, and the server counts him like everybody, by database alone: what
 * is counted where he may be is no sign of anything. null: he may be anywhere.
 */
function comparedBy(allow: readonly Allowed[]): ((database: string) => boolean) | null {
  const open = new Set(allow.map(({ database }) => database));
  return open.has(undefined) ? null : (database) => !open.has(database);
}

function onlyOf(
  counts: Readonly<Record<string, number>>,
  isCompared: (database: string) => boolean,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([database]) => isCompared(database)));
}

function isBegunAnew(was: DatabaseSessions, now: DatabaseSessions | undefined): boolean {
  // One that is gone takes its count with it; nobody can be in it any more.
  if (now === undefined) return false;
  return now.sessions < was.sessions || now.resetAt !== was.resetAt;
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
