/** One moment on two clocks, and how lines write it. Reads no clock. */

export interface Instant {
  /** Wall clock, whole microseconds since 1970 UTC. */
  readonly wallUs: number;
  /** Monotonic clock, nanoseconds since the reel started. */
  readonly monoNs: number;
}

/**
 * Fields `at` and `start`: nanoseconds since 1970 as decimal digits, microseconds precise (2^53 us end in the
 * year 2255).
 */
export function wallText(at: Instant): string {
  return `${at.wallUs}000`;
}

/** Field `mono`. */
export function monoText(at: Instant): string {
  return String(Math.round(at.monoNs));
}

/** Whole nanoseconds from `start` to `end` on the monotonic clock; never negative. */
export function elapsedNs(start: Instant, end: Instant): number {
  return Math.max(0, Math.round(end.monoNs - start.monoNs));
}
