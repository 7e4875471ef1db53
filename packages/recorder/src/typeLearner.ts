/**
 * Owns when a database's catalog is asked for types: one question at a time over all databases, bounded, tried again later and later
 * while it fails. Knows no connection; the answers are the journal's, not its own.
 */
import { builtInType, type LearnedType } from '@pgtape/wire';
import type { TypesEntry } from './journalFormat.ts';

/** Why types stay unknown: the same words in the metric, the log and docs/formats/record.md. */
export const typeFailures = [
  'credential_unreadable',
  'unreachable',
  'tls_failed',
  'login_refused',
  'database_missing',
  'not_allowed',
  'server_full',
  'timed_out',
  'query_failed',
  'types_max',
  'databases_max',
] as const;
export type TypeFailure = (typeof typeFailures)[number];

/** A question that was not answered. */
export class TypeLookupError extends Error {
  override readonly name = 'TypeLookupError';
  readonly reason: TypeFailure;

  constructor(reason: TypeFailure, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.reason = reason;
  }
}

export interface TypeLearnerEdges {
  /**
   * Types of a database and all they are made of: those with these OIDs, or (null) its own, at most `most`.
   * @throws TypeLookupError
   */
  ask(database: string, oids: readonly number[] | null, most: number): Promise<LearnedType[]>;
  /** Monotonic, milliseconds. */
  nowMs(): number;
  learned(entry: TypesEntry): void;
  failed(database: string, reason: TypeFailure, detail: string): void;
}

interface Database {
  /** OIDs to ask for; 0 stands for all its own. */
  readonly wanted: Set<number>;
  /** Asked for, and when that may be done again: a type may be made, or committed, later. */
  readonly answered: Map<number, number>;
  readonly known: Set<number>;
  failures: number;
  notBeforeMs: number;
}

const databasesMax = 1000;
/** OIDs waiting, and OIDs nobody knew, of one database. */
const wantedMax = 1000;
/** Of all databases together: each stands in the journal and in every snapshot. */
const typesMax = 10_000;
const typesPerEntry = 500;
const retryMs = { first: 1000, longest: 300_000 } as const;
/** Before an OID nobody knew is asked for again. */
const unknownMs = 30_000;

export class TypeLearner {
  /** Questions by how they ended: `answered` or a TypeFailure. */
  readonly lookups = new Map<string, number>();
  types = 0;
  readonly #edges: TypeLearnerEdges;
  readonly #databases = new Map<string, Database>();
  #isAsking = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(edges: TypeLearnerEdges) {
    this.#edges = edges;
  }

  /** Asks for it now or later, unless it was asked for lately. */
  want(database: string, oid: number): void {
    let of = this.#databases.get(database);
    if (of === undefined) {
      if (this.#databases.size >= databasesMax) {
        this.#count('databases_max');
        return;
      }
      of = { wanted: new Set(), answered: new Map(), known: new Set(), failures: 0, notBeforeMs: 0 };
      this.#databases.set(database, of);
    }
    if (of.wanted.has(oid) || of.known.has(oid) || of.wanted.size >= wantedMax) return;
    const again = of.answered.get(oid);
    if (again !== undefined && this.#edges.nowMs() < again) return;
    of.wanted.add(oid);
    this.#next();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #next(): void {
    if (this.#isAsking || this.#isStopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const now = this.#edges.nowMs();
    let earliest = Number.POSITIVE_INFINITY;
    for (const [name, of] of this.#databases) {
      if (of.wanted.size === 0) continue;
      if (of.notBeforeMs <= now) {
        this.#isAsking = true;
        void this.#ask(name, of).finally(() => {
          this.#isAsking = false;
          this.#next();
        });
        return;
      }
      earliest = Math.min(earliest, of.notBeforeMs);
    }
    if (earliest === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#next(), earliest - now);
    this.#timer.unref();
  }

  async #ask(name: string, of: Database): Promise<void> {
    // All of its own first: most of what is asked for by OID is among them.
    const isAll = of.wanted.has(0);
    const oids = isAll ? [0] : [...of.wanted];
    try {
      const room = typesMax - this.types;
      if (room <= 0) throw new TypeLookupError('types_max', `${typesMax} types are known already`);
      const told = await this.#edges.ask(name, isAll ? null : oids, room);
      of.failures = 0;
      this.#count('answered');
      this.#learn(name, of, told);
      this.#settle(of, oids);
    } catch (error) {
      const reason = error instanceof TypeLookupError ? error.reason : 'query_failed';
      this.#count(reason);
      this.#edges.failed(name, reason, (error as Error).message);
      of.notBeforeMs = this.#edges.nowMs() + Math.min(retryMs.longest, retryMs.first * 2 ** of.failures);
      of.failures += 1;
    }
  }

  #learn(database: string, of: Database, told: readonly LearnedType[]): void {
    const types = told.filter(({ oid }) => builtInType(oid) === undefined && !of.known.has(oid));
    for (const { oid } of types) {
      of.known.add(oid);
      of.wanted.delete(oid);
    }
    this.types += types.length;
    for (let from = 0; from < types.length; from += typesPerEntry) {
      this.#edges.learned({ database, types: types.slice(from, from + typesPerEntry) });
    }
  }

  #settle(of: Database, oids: readonly number[]): void {
    const again = this.#edges.nowMs() + unknownMs;
    for (const oid of oids) {
      of.wanted.delete(oid);
      if (of.known.has(oid)) continue;
      if (of.answered.size >= wantedMax) of.answered.clear();
      of.answered.set(oid, again);
    }
  }

  #count(how: string): void {
    this.lookups.set(how, (this.lookups.get(how) ?? 0) + 1);
  }
}
