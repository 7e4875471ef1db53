/** Owns the leader's keys of work: which does what, how long it takes, and when it is stuck. */
import type { WorkOutcome } from '@pgtape/kube';
import type { OperatorMetrics } from './operatorMetrics.ts';

export type WorkKey = 'certificates' | 'cluster';
type Work = (signal: AbortSignal) => Promise<WorkOutcome>;

/** Work that takes longer than any API server's answer is stuck. */
const stuckMs = 5 * 60_000;

export class LeaderWork {
  readonly #works: Readonly<Record<WorkKey, Work>>;
  readonly #measured: OperatorMetrics;
  readonly #now: () => number;
  #since: number | null = null;

  /** @param now monotonic milliseconds */
  constructor(works: Readonly<Record<WorkKey, Work>>, measured: OperatorMetrics, now: () => number) {
    this.#works = works;
    this.#measured = measured;
    this.#now = now;
  }

  get isStuck(): boolean {
    return this.#since !== null && this.#now() - this.#since > stuckMs;
  }

  async run(key: string, signal: AbortSignal): Promise<WorkOutcome> {
    this.#since = this.#now();
    const end = this.#measured.reconcileSeconds.startTimer();
    try {
      const outcome = await this.#works[key as WorkKey](signal);
      this.#measured.reconciles.inc({ outcome: 'done' });
      return outcome;
    } catch (error) {
      this.#measured.reconciles.inc({ outcome: 'failed' });
      throw error;
    } finally {
      this.#since = null;
      end();
    }
  }
}
