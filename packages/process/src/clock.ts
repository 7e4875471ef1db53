/** The process's clocks: the only place that asks the system for the time. */

export interface SystemClock {
  /** Wall clock, whole microseconds since 1970 UTC. Follows a clock that is set. */
  wallUs(): number;
  /** Milliseconds with fractions since some moment; never goes back. */
  monoMs(): number;
}

/** What the two clocks may differ before the wall clock counts as set: Date has whole milliseconds. */
const DRIFT_MS_MAX = 2;

export interface ClockSources {
  readonly now: () => number;
  readonly mono: () => number;
}

/**
 * Date.now gives milliseconds; the microseconds come from the monotonic clock, joined to the wall clock anew
 * whenever they part by more than 2 ms.
 */
export function systemClock(sources?: ClockSources): SystemClock {
  const now = sources?.now ?? Date.now;
  const mono = sources?.mono ?? (() => performance.now());
  let offset = now() - mono();
  return {
    wallUs() {
      const wall = now();
      const passed = mono();
      const joined = passed + offset;
      if (joined - wall > DRIFT_MS_MAX || wall - joined > DRIFT_MS_MAX) {
        offset = wall - passed;
        return Math.floor(wall * 1000);
      }
      return Math.floor(joined * 1000);
    },
    monoMs: mono,
  };
}
