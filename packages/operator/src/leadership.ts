/**
 * Owns what only the leader does: a queue of work that starts when this process leads and is broken off the moment it does
 * not. It refuses to know what the work is.
 */
import {
  type KubeTransport,
  LeaderElection,
  type LeaseTiming,
  type WorkOutcome,
  WorkQueue,
} from '@pgtape/kube';

export interface LeadershipOptions {
  readonly connection: KubeTransport;
  readonly lease: { readonly namespace: string; readonly name: string; readonly timing: LeaseTiming };
  readonly identity: string;
  /** Keys worked on when leading begins. */
  readonly keys: readonly string[];
  readonly work: (key: string, signal: AbortSignal) => Promise<WorkOutcome>;
  readonly failed: (key: string, error: Error, waitMs: number) => void;
  readonly told: (what: 'leading' | 'lost' | 'following', detail: string) => void;
  readonly trouble: (error: Error) => void;
}

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #election: LeaderElection;
  readonly #ended = new Set<Promise<void>>();
  #queue: WorkQueue | null = null;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    const { connection, lease, identity, told, trouble } = options;
    this.#election = new LeaderElection({
      connection,
      namespace: lease.namespace,
      name: lease.name,
      timing: lease.timing,
      identity,
      events: {
        leading: () => this.#begin(),
        lost: (why) => this.#end(why),
        following: (holder) => told('following', holder),
        trouble,
      },
    });
  }

  get isLeading(): boolean {
    return this.#election.isLeading;
  }

  get depth(): number {
    return this.#queue?.depth ?? 0;
  }

  start(): void {
    this.#election.start();
  }

  /** Nothing, while another process leads. */
  add(key: string): void {
    this.#queue?.add(key);
  }

  async stop(): Promise<void> {
    await this.#election.stop();
    await Promise.all(this.#ended);
  }

  #begin(): void {
    const { keys, work, failed, told, identity } = this.#options;
    this.#queue = new WorkQueue({
      work,
      // A key never beside itself; asking recorders, which may be slow, beside everything else.
      workers: 2,
      failed: (key, error, _failures, waitMs) => failed(key, error, waitMs),
      backoff: { firstMs: 200, maxMs: 30_000 },
    });
    told('leading', identity);
    for (const key of keys) this.#queue.add(key);
  }

  /** Requests under way are broken off by the queue's signal before this returns. */
  #end(why: string): void {
    const ended = this.#queue?.stop().finally(() => this.#ended.delete(ended as Promise<void>));
    if (ended !== undefined) this.#ended.add(ended);
    this.#queue = null;
    this.#options.told('lost', why);
  }
}
