/**
 * Gives memory back while nobody is connected: what the start took, and what a load left. V8 does it by itself only when it
 * collects anyway, which an idle process does not. The collection takes tens of milliseconds, so nobody may be waiting for it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Seconds without a session after the start, and after a load. */
const afterStart = 3;
const afterLoad = 60;
/** Fewer sessions since the last time leave nothing worth it. */
const sessionsOfLoad = 100;

interface Sessions {
  readonly sessionsOpen: number;
  readonly gauges: { readonly sessionsTotal: number };
}

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

/** Collects this thread's garbage and unmaps what is free then. */
export function compactHeap(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** When it is time, and for whom; asked once a second. */
export class IdleMemory {
  #idleSeconds = 0;
  #sessionsThen: number | null = null;

  tick(relay: Sessions, worker: { compact(): void } | null): void {
    if (!this.isDue(relay.sessionsOpen, relay.gauges.sessionsTotal)) return;
    compactHeap();
    worker?.compact();
  }

  /** Changes nothing but what it remembers. */
  isDue(sessionsOpen: number, sessionsTotal: number): boolean {
    this.#idleSeconds = sessionsOpen > 0 ? 0 : this.#idleSeconds + 1;
    const then = this.#sessionsThen;
    const wait = then === null ? afterStart : afterLoad;
    if (this.#idleSeconds < wait || (then !== null && sessionsTotal - then < sessionsOfLoad)) return false;
    this.#sessionsThen = sessionsTotal;
    this.#idleSeconds = 0;
    return true;
  }
}
