/** Owns waiting in tests for what an operator brings about, and what is shown where it does not come. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  readonly ms: number;
  /** What the processes said, shown beside the last look. */
  readonly logs: () => string;
}

/** Looks again, a failure counting as no answer, until it is as wanted. */
export async function seenEventually<T>(
  what: string,
  look: () => T | Promise<T>,
  wanted: unknown,
  { ms, logs }: Patience,
): Promise<void> {
  let last: unknown;
  for (const end = performance.now() + ms; performance.now() < end; ) {
    try {
      last = await look();
      expect(last).toEqual(wanted);
      return;
    } catch {
      await sleep(100);
    }
  }
  expect({ what, last, logs: logs() }).toEqual({ what, last: wanted, logs: logs() });
}
