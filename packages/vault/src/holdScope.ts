/**
 * Owns what a hold's scope covers: which sessions, by their facts, the time and their text, and so which
 * objects. It refuses to know where objects lie or who asked.
 *
 * Where something is not known, the hold covers it: what is frozen needlessly can be released, what is gone is
 * gone.
 */
import type { HoldScope, ParsedRecord } from '@pgtape/evidence';
import { type SessionFacts, sessionsOf } from './sessionFacts.ts';
import { type TextSearch, textsOf } from './textSearch.ts';

/** Whether a session is covered: known from its facts alone, or only from its lines. */
export type Standing = 'covered' | 'free' | 'by_lines';

/** `facts` undefined: its `opened` line is not known. */
export function standingOf(scope: HoldScope, session: string, facts: SessionFacts | undefined): Standing {
  const { sessions, user, database, since, until, search } = scope;
  if (sessions !== undefined && !sessions.includes(session)) return 'free';
  if (facts !== undefined) {
    if (user !== undefined && facts.user !== user) return 'free';
    if (database !== undefined && facts.database !== database) return 'free';
    if (until !== undefined && facts.start > BigInt(until)) return 'free';
  }
  if (search !== undefined) return 'by_lines';
  if (since === undefined) return 'covered';
  // A session that began earlier is covered when it was still going on, which a line of it tells.
  return facts !== undefined && facts.start >= BigInt(since) ? 'covered' : 'by_lines';
}

/** When what a line tells was going on, wall ns: a statement from its start to its record. */
function spanOf(record: ParsedRecord): { from: bigint; to: bigint } {
  const to = BigInt(record.at);
  const start = record.kind === 'statement' || record.kind === 'running' ? record.start : undefined;
  return { from: typeof start === 'string' ? BigInt(start) : to, to };
}

function isWithin({ since, until }: HoldScope, record: ParsedRecord): boolean {
  const { from, to } = spanOf(record);
  return (since === undefined || to >= BigInt(since)) && (until === undefined || from <= BigInt(until));
}

/** A hold by time alone is about everything of that time, also what a reel says of itself. */
function isByTimeAlone({ sessions, user, database, search }: HoldScope): boolean {
  return [sessions, user, database, search].every((part) => part === undefined);
}

/** What of an object a scope looks at, once its lines were observed. */
export interface ObjectOutline {
  readonly sessions: readonly string[];
  /** It has a line of no session that the scope is about. */
  readonly isByTime: boolean;
}

export function outlineOf(records: readonly ParsedRecord[], scope: HoldScope): ObjectOutline {
  return {
    sessions: sessionsOf(records),
    isByTime: isByTimeAlone(scope) && records.some((record) => !record.session && isWithin(scope, record)),
  };
}

/** What a hold covers of one object. */
export interface Coverage {
  readonly isCovered: boolean;
  /** Sessions with lines in the object that the hold is not about. */
  readonly others: readonly string[];
}

export interface ScopeMatcherOptions {
  readonly scope: HoldScope;
  /** null: the scope names no text. */
  readonly search: TextSearch | null;
  /**
   * Sessions remembered because a line of theirs fitted. Beyond, every session that a line could still make fit
   * is covered (`isOverflowing`).
   */
  readonly sessionsMax: number;
}

/** One hold's scope at work. A session that fitted once stays covered. */
export class ScopeMatcher {
  readonly #options: ScopeMatcherOptions;
  readonly #matched = new Set<string>();
  #isOverflowing = false;

  constructor(options: ScopeMatcherOptions) {
    this.#options = options;
  }

  /**
   * Looks at lines in which a session may prove to fit; to be called before `coverageOf` is asked about them.
   * Yields the sessions that are covered from now on and were not before: earlier objects may hold lines of
   * theirs.
   */
  observe(
    records: readonly ParsedRecord[],
    factsOf: (session: string) => SessionFacts | undefined,
  ): readonly string[] {
    if (this.#isOverflowing) return [];
    const { scope, search } = this.#options;
    const open = new Set(
      sessionsOf(records).filter(
        (session) =>
          !this.#matched.has(session) && standingOf(scope, session, factsOf(session)) === 'by_lines',
      ),
    );
    if (open.size === 0) return [];
    const candidates = records.filter(
      (record) => record.session !== undefined && open.has(record.session) && this.#mayFit(record),
    );
    const fitted = search === null ? candidates : searched(search, candidates);
    const newly = [...new Set(fitted.map(({ session }) => session as string))];
    for (const session of newly) this.#remember(session);
    return newly;
  }

  /** Of an object whose records were observed before. */
  coverageOf(
    { sessions, isByTime }: ObjectOutline,
    factsOf: (session: string) => SessionFacts | undefined,
  ): Coverage {
    const others = sessions.filter((session) => !this.coversSession(session, factsOf(session)));
    return { isCovered: isByTime || others.length < sessions.length, others };
  }

  coversSession(session: string, facts: SessionFacts | undefined): boolean {
    const standing = standingOf(this.#options.scope, session, facts);
    if (standing !== 'by_lines') return standing === 'covered';
    return this.#isOverflowing || this.#matched.has(session);
  }

  get sessionsMatched(): number {
    return this.#matched.size;
  }

  /** `matched_full`: it covers more than it names, because it could not remember more sessions. */
  get isOverflowing(): boolean {
    return this.#isOverflowing;
  }

  /** Whether the line's time lets its session fit. */
  #mayFit(record: ParsedRecord): boolean {
    const { scope, search } = this.#options;
    if (search !== null) return isWithin(scope, record);
    // Still going on after `since`; that it began before `until` its facts said, or nobody knows.
    return scope.since === undefined || BigInt(record.at) >= BigInt(scope.since);
  }

  #remember(session: string): void {
    if (this.#matched.size >= this.#options.sessionsMax) this.#isOverflowing = true;
    else this.#matched.add(session);
  }
}

function searched(search: TextSearch, records: readonly ParsedRecord[]): readonly ParsedRecord[] {
  const texts = records.map(textsOf);
  const found = search.anyOf(texts);
  return records.filter((_record, index) => found[index]);
}
