/** Owns following one kind of object in some places, as if it were one watch. It refuses to know what the objects mean. */
import {
  type Change,
  KubeError,
  type KubeObject,
  type KubeResource,
  type KubeTransport,
  Reflector,
} from '@pgtape/kube';

/** Of a collection: a namespace, or what a selector leaves of it. */
export interface WatchedPlace {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface WatchedKindOptions {
  readonly connection: KubeTransport;
  readonly resource: KubeResource;
  readonly places: readonly WatchedPlace[];
  /** Whether a role may lack the right to read it: then there is none, as far as anybody here can tell. */
  readonly isOptional: boolean;
  readonly change: (change: Change) => void;
  readonly synced: () => void;
  readonly trouble: (error: Error, waitMs: number) => void;
  readonly missed: (count: number) => void;
  readonly now: () => number;
}

/**
 * A kind that is not installed has no objects; but an API server that starts says so for a while of those it has, and
 * refuses everybody until it knows the roles.
 */
const absentMs = 30_000;

export class WatchedKind {
  readonly #options: WatchedKindOptions;
  readonly #reflectors: readonly Reflector[];
  /** Since when the API server says that there is no such kind, or refuses to show it, monotonic. */
  #absent: { readonly since: number; readonly error: KubeError } | null = null;

  constructor(options: WatchedKindOptions) {
    this.#options = options;
    this.#reflectors = options.places.map((place) => this.#reflector(place));
  }

  start(): void {
    for (const reflector of this.#reflectors) reflector.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }

  /** What is known now; complete once `isSynced`. */
  get objects(): KubeObject[] {
    return this.#reflectors.flatMap(({ objects }) => [...objects]);
  }

  /** @param key `namespace/name`, or the name of what is in no namespace */
  get(key: string): KubeObject | undefined {
    for (const reflector of this.#reflectors) {
      const found = reflector.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  get isSynced(): boolean {
    return this.#reflectors.every((reflector) => reflector.isSynced);
  }

  /** Synced, or nothing to wait for. */
  get isKnown(): boolean {
    return this.isSynced || this.#isAbsent;
  }

  /** Why it cannot be read, where that is for good; null: it can, or not yet. */
  get refusal(): KubeError | null {
    if (this.isSynced || !this.#isAbsent || this.#absent?.error.code !== 'KUBE_FORBIDDEN') return null;
    return this.#absent.error;
  }

  /** Since a watch last heard of the API server, of all the longest. */
  get silentMs(): number {
    return Math.max(0, ...this.#reflectors.map(({ silentMs }) => silentMs));
  }

  get #isAbsent(): boolean {
    return this.#absent !== null && this.#options.now() - this.#absent.since >= absentMs;
  }

  #reflector(place: WatchedPlace): Reflector {
    const { connection, resource, change, synced, missed } = this.#options;
    return new Reflector({
      resource,
      connection,
      ...place,
      events: {
        change,
        synced: () => {
          this.#absent = null;
          synced();
        },
        trouble: (error, waitMs) => this.#trouble(error, waitMs),
        missed,
      },
    });
  }

  #trouble(error: Error, waitMs: number): void {
    const { isOptional, now, trouble } = this.#options;
    const isAbsent =
      error instanceof KubeError &&
      (error.code === 'KUBE_NOT_FOUND' || (isOptional && error.code === 'KUBE_FORBIDDEN'));
    if (isAbsent) this.#absent = { since: this.#absent?.since ?? now(), error };
    else this.#absent = null;
    trouble(error, waitMs);
  }
}
