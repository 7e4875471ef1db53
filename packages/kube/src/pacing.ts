/** Owns what time-dependent parts ask of the world; tests pass their own. Decides nothing. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Pacing {
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall clock, milliseconds since 1970. */
  wall(): number;
  /** In [0, 1). */
  random(): number;
  /** Resolves after `ms`, at once when the signal is aborted; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const realPacing: Pacing = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: Math.random,
  sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
};
