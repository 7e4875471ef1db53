/**
 * Owns what the vault remembers of sessions: who opened them, where and when, as their `opened` line says. It
 * refuses to guess: what is not remembered is unknown, and whoever asks must take the safe side.
 */
import type { ParsedRecord } from '@pgtape/evidence';

export interface SessionFacts {
  readonly user: string;
  readonly database: string;
  /** When the client connected, wall nanoseconds since 1970. */
  readonly start: bigint;
  /** The segment of its reel that has the `opened` line: no earlier one has a line of the session. */
  readonly segment: number;
}

/** The facts of an `opened` line in that segment; null for every other kind. */
export function factsOf(record: ParsedRecord, segment: number): SessionFacts | null {
  if (record.kind !== 'opened') return null;
  const { user, database, start } = record as ParsedRecord & Readonly<Record<string, string>>;
  return { user: user as string, database: database as string, start: BigInt(start as string), segment };
}

/** Facts by session, the least recently seen forgotten first. About 250 bytes of memory each. */
export class SessionMemory {
  readonly #max: number;
  readonly #facts = new Map<string, SessionFacts>();

  constructor(max: number) {
    this.#max = max;
  }

  /** To be called with every segment's records before anything of them is decided. */
  learn(records: readonly ParsedRecord[], segment: number): void {
    for (const record of records) {
      const facts = factsOf(record, segment);
      if (facts !== null && record.session !== undefined) this.put(record.session, facts);
    }
  }

  put(session: string, facts: SessionFacts): void {
    this.#facts.delete(session);
    this.#facts.set(session, facts);
    if (this.#facts.size <= this.#max) return;
    for (const oldest of this.#facts.keys()) {
      this.#facts.delete(oldest);
      return;
    }
  }

  /** undefined: its `opened` line was not seen, or is forgotten. */
  of(session: string): SessionFacts | undefined {
    const facts = this.#facts.get(session);
    if (facts !== undefined) this.put(session, facts);
    return facts;
  }

  /** Gives what it has of the sessions that are wanted to another memory, the oldest first. */
  handTo(memory: SessionMemory, isWanted: (session: string) => boolean): void {
    for (const [session, facts] of this.#facts) if (isWanted(session)) memory.put(session, facts);
  }

  get size(): number {
    return this.#facts.size;
  }
}

/** Sessions that have a line among the records, in order of appearance. */
export function sessionsOf(records: readonly ParsedRecord[]): string[] {
  const sessions = new Set<string>();
  for (const { session } of records) if (session !== undefined) sessions.add(session);
  return [...sessions];
}
