/**
 * Owns the evidence worker's life as the relay sees it: started, asked, started anew when it dies, stopped.
 * What it does with the journal is its own business; while it is dead the journal grows and in the end holds
 * the clients back.
 */
import { Worker } from 'node:worker_threads';
import type { BackendsSeen } from './backendBook.ts';
import type { CoverageOutcome } from './coveragePoller.ts';
import type { TypesEntry } from './journalFormat.ts';
import type { FromWorker, ToWorker, WorkerPlan, WorkerStats } from './workerPlan.ts';

export interface WorkerHandle {
  post(message: ToWorker): void;
  terminate(): Promise<unknown>;
}

export interface WorkerListener {
  onMessage(message: FromWorker): void;
  /** It is gone, for whatever reason; nothing follows. */
  onExit(problem: string): void;
}

export type StartWorker = (plan: WorkerPlan, listener: WorkerListener) => WorkerHandle;

export const startDecodeWorker: StartWorker = (plan, listener) => {
  const worker = new Worker(new URL('./decodeWorker.js', import.meta.url), { workerData: plan });
  let problem = '';
  worker.on('message', (message: FromWorker) => listener.onMessage(message));
  worker.on('error', (error: Error) => {
    problem = error.stack ?? error.message;
  });
  worker.on('exit', (code) => listener.onExit(problem === '' ? `exit code ${code}` : problem));
  return { post: (message) => worker.postMessage(message), terminate: () => worker.terminate() };
};

export interface WorkerEvents {
  onGap(reason: string): void;
  onTypes(entry: TypesEntry): void;
  /** Answered by `answerBackends`. */
  onBackendsWanted(): void;
  onCoverage(outcome: CoverageOutcome): void;
  onTrouble(what: string, detail: string): void;
}

const restartMs = { first: 500, longest: 30_000 } as const;
/** A worker that lived this long has not died of how it was started. */
const soundMs = 60_000;
/** Beyond the grace the worker was given, for it to say so. */
const farewellMs = 2000;

export class WorkerKeeper {
  stats: WorkerStats | null = null;
  /** Has said `started` and has not died since. */
  isRunning = false;
  restarts = 0;
  #plan: WorkerPlan;
  readonly #start: StartWorker;
  readonly #events: WorkerEvents;
  #handle: WorkerHandle | null = null;
  #startedMs = 0;
  #delayMs: number = restartMs.first;
  #restart: NodeJS.Timeout | null = null;
  /** Number of the last gap counted of each reel. */
  readonly #toldGaps = new Map<string, number>();
  #isStopping = false;
  #onStopped: ((unsentSegments: number) => void) | null = null;

  constructor(plan: WorkerPlan, start: StartWorker, events: WorkerEvents) {
    this.#plan = plan;
    this.#start = start;
    this.#events = events;
    this.#launch();
  }

  askStats(): void {
    if (this.isRunning) this.#handle?.post({ kind: 'stats' });
  }

  /** From here on, and for workers started later. */
  configure(plan: WorkerPlan, change: Extract<ToWorker, { kind: 'configure' }>): void {
    this.#plan = plan;
    this.#handle?.post(change);
  }

  /** Asks it to give back the memory that it does not need. */
  compact(): void {
    if (this.isRunning) this.#handle?.post({ kind: 'compact' });
  }

  answerBackends(seen: BackendsSeen): void {
    this.#handle?.post({ kind: 'backends', seen });
  }

  /** Resolves when it has stopped, with the segments nobody has acknowledged; they stay in the outbox. */
  async stop(graceMs: number): Promise<number> {
    this.#isStopping = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const handle = this.#handle;
    if (handle === null) return this.#unsent();
    const unsent = await new Promise<number>((resolve) => {
      const late = setTimeout(() => resolve(this.#unsent()), graceMs + farewellMs);
      this.#onStopped = (unsentSegments) => {
        clearTimeout(late);
        resolve(unsentSegments);
      };
      handle.post({ kind: 'stop', graceMs });
    });
    await handle.terminate();
    return unsent;
  }

  /** It must not seal or send any more, and is not started again. */
  halt(): void {
    this.#isStopping = true;
    this.isRunning = false;
    if (this.#restart !== null) clearTimeout(this.#restart);
    void this.#handle?.terminate();
    this.#handle = null;
  }

  /** A worker started anew decodes again what the one before had not sealed. */
  #countGap(reason: string, reel: string, seq: number): void {
    if (seq <= (this.#toldGaps.get(reel) ?? 0)) return;
    this.#toldGaps.set(reel, seq);
    this.#events.onGap(reason);
  }

  #tellRefusals(now: WorkerStats): void {
    const before = this.stats?.blockedReels ?? 0;
    if (now.blockedReels > 0 && before === 0) this.#events.onTrouble('vault_refuses', now.lastSendError);
    else if (now.blockedReels === 0 && before > 0) {
      this.#events.onTrouble('vault_accepts', 'the vault takes what it had refused');
    }
  }

  #unsent(): number {
    return this.stats?.outboxSegments ?? 0;
  }

  #launch(): void {
    this.#restart = null;
    this.#startedMs = performance.now();
    this.#handle = this.#start(this.#plan, {
      onMessage: (message) => this.#receive(message),
      onExit: (problem) => this.#exited(problem),
    });
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'started':
        this.isRunning = true;
        for (const reel of message.recoveredReels) this.#events.onTrouble('recovered', `reel ${reel}`);
        return;
      case 'stats':
        this.#tellRefusals(message.stats);
        this.stats = message.stats;
        return;
      case 'gap':
        this.#countGap(message.reason, message.reel, message.seq);
        return;
      case 'types':
        this.#events.onTypes(message.entry);
        return;
      case 'backends_wanted':
        this.#events.onBackendsWanted();
        return;
      case 'coverage':
        this.#events.onCoverage(message.outcome);
        return;
      case 'types_failed': {
        const what = `types of database ${JSON.stringify(message.database)} stay unknown (${message.reason}): ${message.detail}`;
        this.#events.onTrouble('types_unknown', what);
        return;
      }
      case 'fatal':
        this.#events.onTrouble('worker_failed', `${message.code}: ${message.message}`);
        return;
      case 'stopped':
        if (message.unrecoveredReels > 0) {
          const what = `${message.unrecoveredReels} reels of dead recorders wait for the next start`;
          this.#events.onTrouble('recovery_unfinished', what);
        }
        this.#onStopped?.(message.unsentSegments);
        return;
    }
  }

  #exited(problem: string): void {
    this.isRunning = false;
    this.#handle = null;
    if (this.#isStopping) {
      this.#onStopped?.(this.#unsent());
      return;
    }
    this.#events.onTrouble('worker_died', problem);
    this.restarts += 1;
    if (performance.now() - this.#startedMs > soundMs) this.#delayMs = restartMs.first;
    this.#restart = setTimeout(() => this.#launch(), this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, restartMs.longest);
  }
}
