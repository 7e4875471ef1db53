/** Owns how long to wait before trying again. Pure: randomness is passed in. */

export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Full jitter between half and the whole of `firstMs * 2^failures`, never over `maxMs`.
 * @param failures in a row before this wait, from 1
 * @param random in [0, 1)
 */
export function backoffMs(limits: BackoffLimits, failures: number, random: number): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  const whole = Math.min(limits.firstMs * 2 ** exponent, limits.maxMs);
  return Math.round(whole * (0.5 + random / 2));
}
