/**
 * Owns one process's part in an election: takes the Lease, renews it, says when it leads and when it no longer does.
 * It refuses to lead on hope: unrenewed past the deadline, it says so before anyone else can take over.
 */
import { asError } from './asError.ts';
import type { KubeTransport } from './connection.ts';
import { KubeError } from './kubeError.ts';
import type { KubeObject } from './kubeObject.ts';
import {
  type LeaseTiming,
  leaseMove,
  leaseObject,
  type ObservedLease,
  observed,
  ordinaryTiming,
} from './leasePlan.ts';
import { KubeObjects } from './objects.ts';
import { type Pacing, realPacing } from './pacing.ts';
import { leases } from './resource.ts';

export interface ElectionEvents {
  /** This process leads from now on. */
  leading(): void;
  /** It does not lead any more; whatever only the leader may do must have ended when this returns. */
  lost(why: 'taken' | 'not_renewed' | 'stopped'): void;
  /** Somebody else holds the lease. */
  following?(holder: string): void;
  /** A read or write failed; it is tried again. */
  trouble?(error: Error): void;
}

export interface ElectionOptions {
  readonly connection: KubeTransport;
  readonly namespace: string;
  readonly name: string;
  /** Differs for every process: pod name and a random part. */
  readonly identity: string;
  readonly events: ElectionEvents;
  readonly timing?: LeaseTiming;
  readonly pacing?: Pacing;
}

export class LeaderElection {
  readonly #options: ElectionOptions;
  readonly #timing: LeaseTiming;
  readonly #pacing: Pacing;
  readonly #objects: KubeObjects;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #lease: KubeObject | null = null;
  #observed: ObservedLease | null = null;
  #isLeading = false;
  /** When the last successful renewal was sent, monotonic. */
  #renewedMs = 0;
  #follows = '';

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#timing = options.timing ?? ordinaryTiming;
    this.#pacing = options.pacing ?? realPacing;
    this.#objects = new KubeObjects(options.connection);
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Gives the lease away where this process holds it, so that the next one need not wait for it to run out. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#turn();
      if (signal.aborted) break;
      const jitter = this.#isLeading ? 1 : 1 + this.#pacing.random() * 0.2;
      await this.#pacing.sleep(this.#timing.retryMs * jitter, signal);
    }
    const wasLeading = this.#isLeading;
    this.#demote('stopped');
    if (wasLeading) await this.#giveAway();
  }

  async #turn(): Promise<void> {
    const from = this.#pacing.now();
    try {
      await this.#step(from);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#options.events.trouble?.(asError(error));
    }
    // Counted from before the request was sent: the server may have taken it that early.
    if (this.#isLeading && this.#pacing.now() - this.#renewedMs >= this.#timing.renewDeadlineMs)
      this.#demote('not_renewed');
  }

  async #step(from: number): Promise<void> {
    const { namespace, name, identity } = this.#options;
    const lease = await this.#within((signal) => this.#objects.find(leases, { namespace, name }, signal));
    this.#lease = lease;
    this.#observed = lease === null ? null : observed(lease, this.#observed, this.#pacing.now());
    const move = leaseMove(this.#observed, identity, this.#pacing.now(), this.#timing);
    if (move.move === 'wait') return this.#follow(move.holder);
    const wanted = leaseObject({ namespace, name }, lease, identity, this.#pacing.wall(), this.#timing);
    // A conflict rejects: somebody was faster, and the next turn sees who.
    const written = await this.#within((signal) =>
      move.move === 'create'
        ? this.#objects.create(leases, wanted, { signal })
        : this.#objects.replace(leases, wanted, { signal }),
    );
    this.#lease = written;
    this.#observed = observed(written, this.#observed, this.#pacing.now());
    this.#renewedMs = from;
    if (this.#isLeading) return;
    this.#isLeading = true;
    this.#follows = '';
    this.#options.events.leading();
  }

  #follow(holder: string): void {
    this.#demote('taken');
    if (this.#follows === holder) return;
    this.#follows = holder;
    this.#options.events.following?.(holder);
  }

  #demote(why: 'taken' | 'not_renewed' | 'stopped'): void {
    if (!this.#isLeading) return;
    this.#isLeading = false;
    this.#options.events.lost(why);
  }

  async #giveAway(): Promise<void> {
    const { namespace, name } = this.#options;
    const free = leaseObject({ namespace, name }, this.#lease, '', this.#pacing.wall(), this.#timing);
    const signal = AbortSignal.timeout(this.#timing.retryMs);
    // Should it fail, the lease runs out by itself.
    await this.#objects.replace(leases, free, { signal }).catch(() => undefined);
  }

  /**
   * A call must not outlive the deadline: a leader that hangs in one would not notice that it leads no more. Timed by
   * the same clock as everything else.
   */
  async #within<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const left = this.#isLeading
      ? this.#renewedMs + this.#timing.renewDeadlineMs - this.#pacing.now()
      : this.#timing.renewDeadlineMs;
    const late = new AbortController();
    const done = new AbortController();
    void this.#pacing.sleep(Math.max(left, 0), done.signal).then(() => {
      late.abort(new KubeError('KUBE_TIMEOUT', 'the lease was neither read nor written in time'));
    });
    try {
      return await call(AbortSignal.any([this.#stop.signal, late.signal]));
    } finally {
      done.abort();
    }
  }
}
