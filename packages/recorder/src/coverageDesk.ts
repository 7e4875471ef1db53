/**
 * Owns measuring coverage on the evidence worker's thread: the poller, what it needs of the relay, and which sessions are the recorder's
 * own. Decides nothing about them.
 */
import { ConfigError } from '@pgtape/process';
import type { BackendsSeen } from './backendBook.ts';
import {
  CoverageError,
  type CoverageOutcome,
  CoveragePoller,
  type CoverageServer,
  type Credentials,
} from './coveragePoller.ts';
import type { CoveragePlan } from './workerPlan.ts';

export interface CoverageDeskEdges {
  /** Opens nothing yet. */
  readonly server: (plan: CoveragePlan, credentials: () => Credentials) => CoverageServer;
  readonly readSecret: (path: string) => string;
  readonly askRelay: () => void;
  readonly told: (outcome: CoverageOutcome) => void;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
}

/** A session of ours that lasts no longer is looked for among the server's no longer. */
const ownMs = 600_000;

export class CoverageDesk {
  readonly #edges: CoverageDeskEdges;
  readonly #own: Record<string, number> = {};
  /** Pids of sessions of ours, and since when. */
  readonly #ownPids = new Map<number, number>();
  readonly #former = new Set<number>();
  #poller: CoveragePoller | null = null;
  #waiting: ((seen: BackendsSeen) => void) | null = null;

  constructor(edges: CoverageDeskEdges) {
    this.#edges = edges;
  }

  /** Measures by `plan` from here on; null: not any more. */
  begin(plan: CoveragePlan | null): void {
    this.stop();
    if (plan === null) return;
    for (const pid of plan.former) this.#former.add(pid);
    const { server, readSecret, askRelay, told } = this.#edges;
    const poller = new CoveragePoller(plan, {
      server: this.#withoutOwn(server(plan, () => credentialsOf(plan, readSecret))),
      backends: () =>
        new Promise((resolve) => {
          this.#waiting = resolve;
          askRelay();
        }),
      own: () => this.#own,
      former: () => this.#former,
      told,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
    });
    this.#poller = poller;
    void poller.run();
  }

  /** The relay's answer. */
  backends(seen: BackendsSeen): void {
    this.#waiting?.(seen);
    this.#waiting = null;
  }

  /** A session of the recorder's own was let in. */
  loggedIn(database: string, pid: number): void {
    this.#own[database] = (this.#own[database] ?? 0) + 1;
    const nowMs = this.#edges.nowMs();
    for (const [known, atMs] of this.#ownPids) if (nowMs - atMs > ownMs) this.#ownPids.delete(known);
    this.#ownPids.set(pid, nowMs);
  }

  /** Sessions of a recorder that is dead: the server may not have noticed yet. */
  leftBehind(pids: readonly number[]): void {
    for (const pid of pids) this.#former.add(pid);
  }

  stop(): void {
    this.#poller?.stop();
    this.#poller = null;
  }

  /** Its own session the server leaves out already; the type learner's it cannot know. */
  #withoutOwn(server: CoverageServer): CoverageServer {
    return {
      ask: async () => {
        const sight = await server.ask();
        const active = sight.active.filter(({ pid, startedMs }) => {
          const atMs = this.#ownPids.get(pid);
          return atMs === undefined || startedMs > atMs + 1000;
        });
        return { ...sight, active };
      },
      close: () => server.close(),
    };
  }
}

/** @throws CoverageError */
function credentialsOf(plan: CoveragePlan, readSecret: (path: string) => string): Credentials {
  try {
    return { user: readSecret(plan.usernameFile), password: readSecret(plan.passwordFile) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CoverageError('no_credentials', error.message, { cause: error });
  }
}
