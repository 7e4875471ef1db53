/**
 * Owns when the server is asked for its sessions, and what is told of the answer. Knows no connection: the server and the relay's book
 * are edges.
 */
import type { BackendsSeen } from './backendBook.ts';
import { type Allowed, type Bypassed, CoverageJudge, type ServerSight } from './coverageJudge.ts';
import type { TypeFailure } from './typeLearner.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Why nothing is measured: the same words in status, metric and log. */
export type CoverageFailure = TypeFailure | 'no_credentials' | 'missing_grant';

/** The server could not be asked. */
export class CoverageError extends Error {
  override readonly name = 'CoverageError';
  readonly reason: CoverageFailure;

  constructor(reason: CoverageFailure, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.reason = reason;
  }
}

export interface CoverageServer {
  /** @throws CoverageError */
  ask(): Promise<ServerSight>;
  close(): void;
}

export type CoverageOutcome =
  | {
      readonly state: 'measured';
      /** As in BackendsSeen. */
      readonly recorded: number;
      readonly open: number;
      /** Nothing was compared before it, or not since some time: what ended until now was never seen. */
      readonly isFirst: boolean;
      readonly bypassed: readonly Bypassed[];
    }
  | {
      readonly state: 'failed' | 'no_credentials';
      readonly reason: CoverageFailure;
      readonly detail: string;
    };

export interface CoverageEdges {
  readonly server: CoverageServer;
  /** Asks the relay. */
  readonly backends: () => Promise<BackendsSeen>;
  /** Sessions the worker itself has opened, by database. */
  readonly own: () => Readonly<Record<string, number>>;
  /** Pids of sessions of recorders before this one. */
  readonly former: () => ReadonlySet<number>;
  readonly told: (outcome: CoverageOutcome) => void;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface CoverageSettings {
  readonly periodSeconds: number;
  readonly allow: readonly Allowed[];
  /** When the recorder started, wall clock, milliseconds. */
  readonly startedMs: number;
}

/** What the server has told is met by the relay's book this much later: a session's key is on its way to it. */
const settleMs = 250;

export class CoveragePoller {
  readonly #settings: CoverageSettings;
  readonly #edges: CoverageEdges;
  readonly #judge = new CoverageJudge();
  #isStopped = false;
  #isFirst = true;

  constructor(settings: CoverageSettings, edges: CoverageEdges) {
    this.#settings = settings;
    this.#edges = edges;
  }

  /** Until it is stopped. */
  async run(): Promise<void> {
    const { told, sleep } = this.#edges;
    while (!this.#isStopped) {
      const outcome = await this.#poll();
      if (this.#isStopped) break;
      told(outcome);
      await sleep(this.#settings.periodSeconds * 1000);
    }
    this.#edges.server.close();
  }

  stop(): void {
    this.#isStopped = true;
    this.#edges.server.close();
  }

  async #poll(): Promise<CoverageOutcome> {
    const { server, backends, own, former, sleep } = this.#edges;
    try {
      const sight = await server.ask();
      await sleep(settleMs);
      const seen = await backends();
      const bypassed = this.#judge.judge(sight, seen, own(), former(), this.#settings);
      const isFirst = this.#isFirst;
      this.#isFirst = false;
      const { recorded, open } = seen;
      return { state: 'measured', recorded, open, isFirst, bypassed };
    } catch (error) {
      if (!(error instanceof CoverageError)) throw error;
      const { reason, message: detail } = error;
      return { state: reason === 'no_credentials' ? 'no_credentials' : 'failed', reason, detail };
    }
  }
}
