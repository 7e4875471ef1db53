/**
 * Owns what the operator asks the API server beside objects: its version, who the operator is there, and the ClusterRole
 * that owns what is cluster-wide. Asked until answered, and again after a connection was lost: clusters are upgraded under
 * their operators. It refuses to end anything because nobody answers.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { asError, KubeError, type KubeObject, KubeObjects, type KubeTransport } from '@pgtape/kube';
import { clusterRoles } from './clusterResources.ts';

export interface ApiServerFacts {
  readonly minorVersion: number;
  /** Of webhook and guards; null: none is configured. */
  readonly owner: { readonly name: string; readonly uid: string } | null;
  /** As the API server calls the operator; '' where it does not tell. */
  readonly username: string;
}

export interface ApiServerOptions {
  readonly connection: KubeTransport;
  /** Name of the ClusterRole; undefined: none is configured. */
  readonly ownerClusterRole: string | undefined;
  /** Whether a role may lack the right to read it: then nothing is owned. */
  readonly isOwnerOptional: boolean;
  /** Other than before. */
  readonly changed: () => void;
  readonly trouble: (error: Error, waitMs: number) => void;
  readonly firstWaitMs?: number;
}

/** Why nothing is known yet: nobody answered, or somebody did and refused. */
export type ApiServerProblem = 'api_unreachable' | 'api_refused' | 'api_not_asked';

const waitMsMax = 15_000;
const firstMs = 500;

/** What is not for the operator to read is no reason to wait. */
async function username(connection: KubeTransport, signal: AbortSignal): Promise<string> {
  try {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const answer = (await connection.request({ method: 'POST', path, body, signal })) as {
      status?: { userInfo?: { username?: unknown } };
    };
    const name = answer.status?.userInfo?.username;
    return typeof name === 'string' ? name : '';
  } catch (error) {
    if (error instanceof KubeError && (error.code === 'KUBE_FORBIDDEN' || error.code === 'KUBE_NOT_FOUND'))
      return '';
    throw error;
  }
}

export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #objects: KubeObjects;
  readonly #stop = new AbortController();
  #facts: ApiServerFacts | null = null;
  #problem: ApiServerProblem = 'api_not_asked';
  #asking: Promise<void> = Promise.resolve();
  #isAsking = false;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#objects = new KubeObjects(options.connection);
  }

  /** null: see `problem`. */
  get facts(): ApiServerFacts | null {
    return this.#facts;
  }

  get problem(): ApiServerProblem | null {
    return this.#facts === null ? this.#problem : null;
  }

  /** Asks until answered; returns at once. */
  ask(): void {
    if (this.#isAsking || this.#stop.signal.aborted) return;
    this.#isAsking = true;
    this.#asking = this.#answered().finally(() => {
      this.#isAsking = false;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#asking;
  }

  async #answered(): Promise<void> {
    const { signal } = this.#stop;
    let waitMs = this.#options.firstWaitMs ?? firstMs;
    while (!signal.aborted) {
      try {
        this.#take(await this.#read(signal));
        return;
      } catch (cause) {
        if (signal.aborted) return;
        const error = asError(cause);
        const isAnswer = error instanceof KubeError && error.status > 0;
        this.#problem = isAnswer ? 'api_refused' : 'api_unreachable';
        this.#options.trouble(error, waitMs);
        await delay(waitMs, undefined, { signal }).catch(() => undefined);
        waitMs = Math.min(waitMs * 2, waitMsMax);
      }
    }
  }

  async #read(signal: AbortSignal): Promise<ApiServerFacts> {
    const { connection, ownerClusterRole: name } = this.#options;
    const { minor } = (await connection.request({ method: 'GET', path: '/version', signal })) as {
      minor?: unknown;
    };
    const minorVersion = Number.parseInt(String(minor), 10);
    if (Number.isNaN(minorVersion))
      throw new KubeError('KUBE_ANSWER', 'GET /version was answered without a minor version', {
        status: 200,
      });
    const role = name === undefined ? null : await this.#owner(name, signal);
    return {
      minorVersion,
      owner: role === null ? null : { name: role.metadata.name, uid: role.metadata.uid ?? '' },
      username: await username(connection, signal),
    };
  }

  async #owner(name: string, signal: AbortSignal): Promise<KubeObject | null> {
    try {
      return await this.#objects.get(clusterRoles, { name }, signal);
    } catch (error) {
      const isRefused =
        error instanceof KubeError && (error.code === 'KUBE_FORBIDDEN' || error.code === 'KUBE_NOT_FOUND');
      if (isRefused && this.#options.isOwnerOptional) return null;
      throw error;
    }
  }

  #take(facts: ApiServerFacts): void {
    const isSame = JSON.stringify(facts) === JSON.stringify(this.#facts);
    this.#facts = facts;
    if (!isSame) this.#options.changed();
  }
}
