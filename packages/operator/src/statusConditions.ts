/** Owns what a status condition is made of, and when it counts as changed. Pure. */
import type { Condition } from './apiFields.ts';

/** Without time and generation. */
export interface Verdict {
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase, stable. */
  readonly reason: string;
  readonly message: string;
}

export const verdict = (status: Verdict['status'], reason: string, message: string): Verdict => ({
  status,
  reason,
  message,
});

const messageCharsMax = 4096;

/**
 * The conditions to be written, by type; `lastTransitionTime` is kept while the status is the same.
 * @param now RFC 3339, whole seconds
 */
export function conditionsFrom(
  verdicts: Readonly<Record<string, Verdict>>,
  before: readonly Condition[],
  generation: number,
  now: string,
): Condition[] {
  return Object.entries(verdicts).map(([type, { status, reason, message }]) => {
    const known = before.find((one) => one.type === type);
    return {
      type,
      status,
      observedGeneration: generation,
      lastTransitionTime: known?.status === status ? known.lastTransitionTime : now,
      reason,
      message: message.slice(0, messageCharsMax),
    };
  });
}

/** RFC 3339, as the API server writes it. */
export function wholeSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
