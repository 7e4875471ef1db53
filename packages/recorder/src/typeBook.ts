/**
 * Owns what one reel knows of types that are not built in, by database, as its journal told it: the same entries give the same names.
 * Asks nobody; says what it was asked for and did not have.
 */
import type { DraftOf } from '@pgtape/evidence';
import { type KnownType, LearnedTypes } from '@pgtape/wire';
import type { TypesEntry } from './journalFormat.ts';

/** `oid` 0: the database's own types, all of them. Called often, also for what was asked before. */
export type TypeWanted = (database: string, oid: number) => void;

/** Types in one line of a snapshot. */
const typesPerLine = 200;

export class TypeBook {
  readonly #databases = new Map<string, LearnedTypes>();
  readonly #wanted: TypeWanted | null;

  constructor(wanted: TypeWanted | null) {
    this.#wanted = wanted;
  }

  learn({ database, types }: TypesEntry): void {
    let learned = this.#databases.get(database);
    if (learned === undefined) {
      learned = new LearnedTypes();
      this.#databases.set(database, learned);
    }
    learned.learn(types);
  }

  typeOf(database: string, oid: number): KnownType | undefined {
    const type = this.#databases.get(database)?.typeOf(oid);
    if (type === undefined && oid !== 0) this.#wanted?.(database, oid);
    return type;
  }

  /** A session is ready: its types may be asked for before the first of them is seen. */
  opened({ database, replication }: Pick<DraftOf<'opened'>, 'database' | 'replication'>): void {
    // A physical walsender is in no database.
    if (replication === undefined || replication === 'database') this.#wanted?.(database, 0);
  }

  /** Lines of a snapshot. */
  *saved(): Generator<string> {
    for (const [database, learned] of this.#databases) {
      const all = [...learned.told()];
      for (let from = 0; from < all.length; from += typesPerLine) {
        yield `{"types":${JSON.stringify({ database, types: all.slice(from, from + typesPerLine) })}}`;
      }
    }
  }
}
