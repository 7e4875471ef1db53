/** Owns the leader's keys of work: which does what, how long it takes, and when it is stuck. */
import type { WorkOutcome } from '@pgtape/kube';
import type { OperatorMetrics } from './operatorMetrics.ts';

export const workKeys = ['certificates', 'vault', 'cluster', 'recorders'] as const;
export type WorkKey = (typeof workKeys)[number];
type Work = (signal: AbortSignal) => Promise<WorkOutcome>;

/** Work that takes longer than any API server's answer is stuck. */
const stuckMs = 5 * 60_000;

export class LeaderWork {
  readonly #works: Readonly<Record<WorkKey, Work>>;
  readonly #measured: OperatorMetrics;
  readonly #now: () => number;
  readonly #since = new Map<string, number>();

  /** @param now monotonic milliseconds */
  constructor(works: Readonly<Record<WorkKey, Work>>, measured: OperatorMetrics, now: () => number) {
    this.#works = works;
    this.#measured = measured;
    this.#now = now;
  }

  get isStuck(): boolean {
    return [...this.#since.values()].some((since) => this.#now() - since > stuckMs);
  }

  async run(key: string, signal: AbortSignal): Promise<WorkOutcome> {
    const work = this.#works[key as WorkKey];
    this.#since.set(key, this.#now());
    try {
      // Asking recorders changes nothing in the cluster.
      return key === 'recorders' ? await work(signal) : await this.#measuredRun(work, signal);
    } finally {
      this.#since.delete(key);
    }
  }

  async #measuredRun(work: Work, signal: AbortSignal): Promise<WorkOutcome> {
    const end = this.#measured.reconcileSeconds.startTimer();
    try {
      const outcome = await work(signal);
      this.#measured.reconciles.inc({ outcome: 'done' });
      return outcome;
    } catch (error) {
      this.#measured.reconciles.inc({ outcome: 'failed' });
      throw error;
    } finally {
      end();
    }
  }
}
