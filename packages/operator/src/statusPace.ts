/** Owns how often a status is written: at once where something became other, and seldom where only numbers grew. Pure. */
import { isDeepStrictEqual } from 'node:util';

/** A status as this process wrote it last, or found it. */
export interface WrittenStatus {
  readonly uid: string;
  readonly status: unknown;
  readonly resourceVersion: string;
  /** Monotonic. */
  readonly atMs: number;
}

/** Numbers of a busy database are never twice the same. */
const numbersEveryMs = 30_000;
const growing = ['sessionsRecorded', 'sessionsSeen', 'lagSeconds', 'coverage'];

function withoutNumbers(status: unknown): unknown {
  if (typeof status !== 'object' || status === null) return status;
  const entries = Object.entries(status).filter(([name]) => !growing.includes(name));
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      name === 'pods' && Array.isArray(value) ? value.map(withoutNumbers) : value,
    ]),
  );
}

/** @param sinceMs since it was last written */
export function isWorthWriting(live: unknown, wanted: unknown, sinceMs: number): boolean {
  if (isDeepStrictEqual(live, wanted)) return false;
  return sinceMs >= numbersEveryMs || !isDeepStrictEqual(withoutNumbers(live), withoutNumbers(wanted));
}
