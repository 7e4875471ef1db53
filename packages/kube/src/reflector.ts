/**
 * Owns following one kind of object: list, watch, and go on after whatever ends them, until stopped. client-node's
 * informer stops for good when its connection drops; this one never does. It refuses to know what the objects mean.
 *
 * Lists are paginated and consistent; watches ask for bookmarks and end by themselves after some minutes; a silent
 * one is given up. From time to time a whole list is compared with what events told, and what they missed is counted.
 */
import { asError } from './asError.ts';
import type { KubeTransport } from './connection.ts';
import { KubeError } from './kubeError.ts';
import { type KubeObject, keyOf, withoutManagedFields } from './kubeObject.ts';
import { type Change, missedBy, ObjectStore } from './objectStore.ts';
import { KubeObjects, type ListOptions, selection } from './objects.ts';
import { type Pacing, realPacing } from './pacing.ts';
import { type Ended, stepAfter } from './reflectorPlan.ts';
import { type KubeResource, resourcePath } from './resource.ts';
import { watchEventOf } from './watchEvent.ts';

export interface ReflectorEvents {
  /** What it throws is told to `trouble` and stops nothing. */
  change(change: Change): void;
  /** The first list is complete; called once. */
  synced?(): void;
  /** A list or watch failed, or a handler threw. `waitMs`: it is tried again after. */
  trouble?(error: Error, waitMs: number): void;
  /** A list showed this many changes that the watch should have told. */
  missed?(count: number): void;
}

export interface ReflectorOptions {
  readonly resource: KubeResource;
  readonly connection: KubeTransport;
  readonly events: ReflectorEvents;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly pacing?: Pacing;
  readonly limits?: Partial<ReflectorLimits>;
}

export interface ReflectorLimits {
  /** Objects of a page. */
  readonly page: number;
  /** The server is asked to end a watch after this to twice this. */
  readonly watchSeconds: number;
  /** A watch from which nothing came for so long is dead: bookmarks come every minute. */
  readonly idleMs: number;
  /** From one whole list to the next, up to twice that. */
  readonly relistMs: number;
}

const ordinary: ReflectorLimits = { page: 500, watchSeconds: 240, idleMs: 90_000, relistMs: 10 * 60_000 };
/** Pages of one list may expire while it is read; then it begins anew. */
const listAttempts = 3;

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #limits: ReflectorLimits;
  readonly #pacing: Pacing;
  readonly #objects: KubeObjects;
  readonly #store = new ObjectStore();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  /** Where the watch goes on; '' before the first list. */
  #version = '';
  #isSynced = false;
  #relistAt = 0;
  #heardAt: number;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#limits = { ...ordinary, ...options.limits };
    this.#pacing = options.pacing ?? realPacing;
    this.#objects = new KubeObjects(options.connection);
    this.#heardAt = this.#pacing.now();
  }

  /** What is known now; complete once `isSynced`. */
  get objects(): Iterable<KubeObject> {
    return this.#store.values();
  }

  get size(): number {
    return this.#store.size;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Milliseconds since the API server was last heard of. */
  get silentMs(): number {
    return this.#pacing.now() - this.#heardAt;
  }

  /** `namespace/name`. */
  get(key: string): KubeObject | undefined {
    return this.#store.get(key);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing runs any more; no event comes after. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let step = { next: 'list' as 'list' | 'watch', waitMs: 0, failures: 0 };
    while (!signal.aborted) {
      const ended = step.next === 'list' ? await this.#list() : await this.#watch();
      if (signal.aborted) return;
      step = stepAfter(ended, step.failures, this.#pacing.random());
      if (ended.how === 'failed') this.#trouble(ended.error, step.waitMs);
      if (step.waitMs > 0) await this.#pacing.sleep(step.waitMs, signal);
    }
  }

  async #list(): Promise<Ended> {
    try {
      const { items, version } = await this.#listed();
      this.#heardAt = this.#pacing.now();
      const seen = this.#version;
      const changes = this.#store.replace(items.map(withoutManagedFields));
      this.#version = version;
      this.#relistAt = this.#pacing.now() + this.#limits.relistMs * (1 + this.#pacing.random());
      if (this.#isSynced) {
        const missed = missedBy(changes, seen);
        if (missed > 0) this.#guarded(() => this.#options.events.missed?.(missed));
      }
      for (const change of changes) this.#tell(change);
      if (!this.#isSynced) {
        this.#isSynced = true;
        this.#guarded(() => this.#options.events.synced?.());
      }
      return { of: 'list', how: 'done' };
    } catch (error) {
      return { of: 'list', how: 'failed', error: asError(error) };
    }
  }

  async #listed(): Promise<{ items: KubeObject[]; version: string }> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#pages();
      } catch (error) {
        const isExpired = error instanceof KubeError && error.code === 'KUBE_GONE';
        if (!isExpired || attempt === listAttempts) throw error;
      }
    }
  }

  async #pages(): Promise<{ items: KubeObject[]; version: string }> {
    const items: KubeObject[] = [];
    let next = '';
    for (;;) {
      const page = await this.#objects.page(
        this.#options.resource,
        this.#selected(),
        this.#limits.page,
        next,
      );
      items.push(...page.items);
      // All pages are of the first one's moment.
      if (page.next === '') return { items, version: page.resourceVersion };
      next = page.next;
    }
  }

  #selected(): ListOptions {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      signal: this.#stop.signal,
    };
  }

  async #watch(): Promise<Ended> {
    const startedAt = this.#pacing.now();
    let heard = false;
    const lived = (): { livedMs: number; heard: boolean } => ({
      livedMs: this.#pacing.now() - startedAt,
      heard,
    });
    const { resource, namespace, connection } = this.#options;
    const seconds = Math.round(this.#limits.watchSeconds * (1 + this.#pacing.random()));
    const request = {
      method: 'GET' as const,
      path: resourcePath(resource, namespace === undefined ? {} : { namespace }),
      query: {
        ...selection(this.#selected()),
        watch: '1',
        allowWatchBookmarks: 'true',
        timeoutSeconds: String(seconds),
        resourceVersion: this.#version,
      },
      signal: this.#stop.signal,
    };
    try {
      for await (const line of connection.lines(request, this.#limits.idleMs)) {
        this.#heardAt = this.#pacing.now();
        this.#take(line);
        heard = true;
        if (this.#stop.signal.aborted) break;
        if (this.#pacing.now() >= this.#relistAt) return { of: 'watch', how: 'due' };
      }
      return { of: 'watch', how: 'ended', ...lived() };
    } catch (error) {
      return { of: 'watch', how: 'failed', error: asError(error), ...lived() };
    }
  }

  /** Throws what the server ended the watch with. */
  #take(line: string): void {
    const event = watchEventOf(this.#options.resource, line);
    switch (event.type) {
      case 'error':
        throw event.error;
      case 'unreadable':
        throw new KubeError(
          'KUBE_ANSWER',
          `the watch of ${this.#options.resource.plural} sent what is no event`,
        );
      case 'bookmark':
        this.#version = event.version;
        return;
      case 'changed':
      case 'deleted': {
        const object = withoutManagedFields(event.object);
        const changes = event.type === 'deleted' ? [this.#store.remove(object)] : this.#put(object);
        // The version advances even if a handler throws: the store has it, and the handler was told.
        this.#version = event.version;
        for (const change of changes) if (change !== null) this.#tell(change);
      }
    }
  }

  /** An object made anew under a known name, whose deletion the watch did not tell, is a deletion and an addition. */
  #put(object: KubeObject): (Change | null)[] {
    const known = this.#store.get(keyOf(object));
    if (known === undefined || known.metadata.uid === object.metadata.uid) return [this.#store.put(object)];
    return [this.#store.remove(known), this.#store.put(object)];
  }

  #tell(change: Change): void {
    this.#guarded(() => this.#options.events.change(change));
  }

  #guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#trouble(asError(error), 0);
    }
  }

  #trouble(error: Error, waitMs: number): void {
    try {
      this.#options.events.trouble?.(error, waitMs);
    } catch {
      // Who is told of trouble and throws has nobody left to tell.
    }
  }
}
