/** How long a database could not be reached, as a client that tries again at once sees it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { askAt } from './recordedDatabase.ts';

export interface Reachability {
  /** Stretches between two successes in which something failed, in ms, in order. */
  readonly outages: readonly number[];
  stop(): Promise<void>;
}

/** Logs in and asks for a number, again and again. */
export function watchReachable(host: string, port: number, password: string): Reachability {
  const outages: number[] = [];
  let isOver = false;
  const watching = (async () => {
    let good = performance.now();
    let hasFailed = false;
    while (!isOver) {
      const began = performance.now();
      if ((await askAt(host, port, password, 'SELECT 1')) === '1') {
        if (hasFailed) outages.push(Math.round(performance.now() - good));
        good = performance.now();
        hasFailed = false;
      } else hasFailed = true;
      if (performance.now() - began < 20) await sleep(20);
    }
  })();
  return {
    outages,
    async stop() {
      isOver = true;
      await watching;
    },
  };
}
