/**
 * Owns which key is worked on when: each at most once at a time, none forgotten, failed ones again after a growing
 * wait. It refuses to know what the work is.
 */
import { asError } from './asError.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';
import { type Pacing, realPacing } from './pacing.ts';

/** Done; or to be done again after so long although nothing failed. */
export type WorkOutcome = { readonly againAfterMs: number } | undefined;

export interface WorkQueueOptions {
  /** Rejecting is a failure: the key comes again. */
  readonly work: (key: string, signal: AbortSignal) => Promise<WorkOutcome>;
  /** Keys worked on at once. */
  readonly workers: number;
  readonly failed?: (key: string, error: Error, failures: number, waitMs: number) => void;
  readonly backoff?: BackoffLimits;
  readonly pacing?: Pacing;
}

const ordinaryBackoff: BackoffLimits = { firstMs: 100, maxMs: 5 * 60_000 };

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #backoff: BackoffLimits;
  readonly #pacing: Pacing;
  readonly #stop = new AbortController();
  /** In the order they came; a key is in it once. */
  readonly #waiting = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  /** Came again while worked on. */
  readonly #dirty = new Set<string>();
  readonly #failures = new Map<string, number>();
  /** When a delayed key is due; an earlier one replaces a later. */
  readonly #due = new Map<string, number>();
  readonly #sleeping = new Set<Promise<void>>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? ordinaryBackoff;
    this.#pacing = options.pacing ?? realPacing;
  }

  /** Keys waiting, delayed ones not counted. */
  get depth(): number {
    return this.#waiting.size + this.#dirty.size;
  }

  get delayed(): number {
    return this.#due.size;
  }

  /** Has the key worked on soon; once, however often it is added before that. */
  add(key: string): void {
    if (this.#stop.signal.aborted) return;
    this.#due.delete(key);
    if (this.#working.has(key)) this.#dirty.add(key);
    else this.#waiting.add(key);
    this.#fill();
  }

  /** As `add` after `ms`, unless it is added before. */
  addAfter(key: string, ms: number): void {
    if (this.#stop.signal.aborted) return;
    const at = this.#pacing.now() + ms;
    const due = this.#due.get(key);
    if (due !== undefined && due <= at) return;
    this.#due.set(key, at);
    const sleeping = this.#pacing.sleep(ms, this.#stop.signal).then(() => {
      this.#sleeping.delete(sleeping);
      // Another addition replaced this one.
      if (this.#due.get(key) === at) this.add(key);
    });
    this.#sleeping.add(sleeping);
  }

  /** Takes no more keys, aborts what is worked on, and resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#waiting.clear();
    this.#dirty.clear();
    this.#due.clear();
    await Promise.allSettled([...this.#working.values(), ...this.#sleeping]);
  }

  #fill(): void {
    for (const key of this.#waiting) {
      if (this.#working.size >= this.#options.workers) return;
      this.#waiting.delete(key);
      const done = this.#work(key).then(() => {
        this.#working.delete(key);
        if (this.#dirty.delete(key)) this.#waiting.add(key);
        if (!this.#stop.signal.aborted) this.#fill();
      });
      this.#working.set(key, done);
    }
  }

  /** Never rejects. */
  async #work(key: string): Promise<void> {
    try {
      const outcome = await this.#options.work(key, this.#stop.signal);
      this.#failures.delete(key);
      if (outcome !== undefined) this.addAfter(key, outcome.againAfterMs);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const waitMs = backoffMs(this.#backoff, failures, this.#pacing.random());
      this.addAfter(key, waitMs);
      this.#options.failed?.(key, asError(error), failures, waitMs);
    }
  }
}
