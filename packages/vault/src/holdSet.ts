/**
 * Owns the holds that are in force and what they cover of a segment. It reads and writes nothing: what changes
 * it are the records of the vault's own reels.
 */
import {
  HoldBook,
  type HoldEntry,
  holdKinds,
  type ObjectVersion,
  type ParsedRecord,
  type ReleaseCheck,
} from '@pgtape/evidence';
import { outlineOf, ScopeMatcher } from './holdScope.ts';
import type { SessionFacts } from './sessionFacts.ts';
import { type TextSearch, textSearch } from './textSearch.ts';

export type FactsOf = (session: string) => SessionFacts | undefined;

/** A hold that covers an object. */
export interface Covering {
  readonly hold: HoldEntry;
  /** Sessions in the object that it is not about. */
  readonly others: readonly string[];
}

export interface SegmentCoverage {
  readonly holds: readonly Covering[];
  /** Sessions that lines of this segment proved to be covered: earlier objects may have lines of theirs. */
  readonly newly: readonly string[];
}

export interface HoldInForce {
  readonly hold: HoldEntry;
  readonly matcher: ScopeMatcher;
  readonly search: TextSearch | null;
}

export interface HoldChange {
  readonly change: 'placed' | 'released';
  readonly hold: HoldEntry;
}

export interface HoldSetOptions {
  readonly accepts: ReleaseCheck;
  /** Sessions that each hold remembers because a line of theirs fitted. */
  readonly sessionsMax: number;
}

export class HoldSet {
  readonly book: HoldBook;
  readonly #sessionsMax: number;
  readonly #inForce = new Map<string, HoldInForce>();
  /** About to be released: they freeze nothing more. */
  readonly #suspended = new Set<string>();
  #generation = 0;

  constructor({ accepts, sessionsMax }: HoldSetOptions) {
    this.book = new HoldBook(accepts);
    this.#sessionsMax = sessionsMax;
  }

  /** Grows whenever what is covered may have changed by more than lines that came. */
  get generation(): number {
    return this.#generation;
  }

  get inForce(): readonly HoldInForce[] {
    return [...this.#inForce.values()].filter(({ hold }) => !this.#suspended.has(hold.id));
  }

  /** Of a hold that is not released, suspended or not. */
  of(id: string): HoldInForce | undefined {
    return this.#inForce.get(id);
  }

  /** A record of the vault's own reel, and the object it lies in; the hold that came or went by it. */
  apply(record: ParsedRecord, object: ObjectVersion): HoldChange | null {
    if (!holdKinds.has(record.kind)) return null;
    this.book.apply(record, object);
    const hold = this.book.get(String(record.hold));
    if (hold === undefined) return null;
    const { release, id } = hold;
    if (release === null ? this.#inForce.has(id) : !this.#inForce.delete(id)) return null;
    if (release === null) this.#enforce(hold);
    this.#suspended.delete(id);
    this.#generation += 1;
    return { change: release === null ? 'placed' : 'released', hold };
  }

  /** Sessions were found to be covered: segments on their way are to be looked at again. */
  touch(): void {
    this.#generation += 1;
  }

  suspend(id: string): void {
    this.#suspended.add(id);
    this.#generation += 1;
  }

  resume(id: string): void {
    this.#suspended.delete(id);
    this.#generation += 1;
  }

  /** `isOwn`: a segment of the vault's own reel. */
  coverageOf(records: readonly ParsedRecord[], factsOf: FactsOf, isOwn: boolean): SegmentCoverage {
    // What keeps the book of holds is frozen by its own rule; to record that it was would have no end.
    if (isOwn && records.every(({ kind }) => holdKinds.has(kind))) return { holds: [], newly: [] };
    const newly = new Set<string>();
    const holds = this.inForce.flatMap(({ hold, matcher }) => {
      for (const session of matcher.observe(records, factsOf)) newly.add(session);
      const { isCovered, others } = matcher.coverageOf(outlineOf(records, hold.scope), factsOf);
      return isCovered ? [{ hold, others }] : [];
    });
    return { holds, newly: [...newly] };
  }

  #enforce(hold: HoldEntry): void {
    const search = searchOf(hold.scope.search);
    const matcher = new ScopeMatcher({ scope: hold.scope, search, sessionsMax: this.#sessionsMax });
    this.#inForce.set(hold.id, { hold, matcher, search });
  }
}

/** A pattern that this version cannot read finds everything. */
function searchOf(pattern: string | undefined): TextSearch | null {
  if (pattern === undefined) return null;
  try {
    return textSearch(pattern);
  } catch {
    return { anyOf: (lists) => lists.map(() => true), timeouts: Number.POSITIVE_INFINITY };
  }
}
