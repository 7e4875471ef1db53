/**
 * An API server's collection of one kind in memory, with virtual time and faults on demand: what the reflector's
 * property test runs against. It speaks as kube-apiserver does where the reflector can tell; the e2e tests ask a real one.
 */
import type { KubeRequest, KubeTransport } from './connection.ts';
import { KubeError } from './kubeError.ts';
import type { KubeObject } from './kubeObject.ts';
import type { Pacing } from './pacing.ts';

interface Happened {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

interface Watcher {
  from: number;
  wake: () => void;
  broken: KubeError | null;
  ended: boolean;
}

/** Time that passes only when everyone waits. */
export class VirtualTime implements Pacing {
  #now = 0;
  readonly #random: () => number;
  readonly #sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now;
  }

  random(): number {
    return this.#random();
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
      this.#sleepers.push({ at: this.#now + ms, wake: resolve });
      return undefined;
    });
  }

  /** Moves on by `ms`, waking sleepers in their order, and lets what they do settle. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settled();
      this.#sleepers.sort((a, b) => a.at - b.at);
      const next = this.#sleepers[0];
      if (next === undefined || next.at > until) break;
      this.#sleepers.shift();
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#now = until;
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class ScriptedApi implements KubeTransport {
  readonly #objects = new Map<string, KubeObject>();
  readonly #history: Happened[] = [];
  readonly #watchers = new Set<Watcher>();
  #version = 1;
  #uid = 0;
  /** Events before it are forgotten: a watch from there is answered 410. */
  #compacted = 0;
  /** Next requests that fail, first first. */
  readonly failing: KubeError[] = [];
  /** Lines that the next watches swallow although they happened: what a broken proxy would do. */
  swallow = 0;
  requests = 0;
  /** When true, watches are opened but nothing is sent on them. */
  silent = false;
  readonly #time: VirtualTime;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get objects(): ReadonlyMap<string, KubeObject> {
    return this.#objects;
  }

  put(name: string, value: number): void {
    const before = this.#objects.get(name);
    this.#version += 1;
    if (before === undefined) this.#uid += 1;
    const uid = before?.metadata.uid ?? `uid-${this.#uid}`;
    const object: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'n', uid, resourceVersion: String(this.#version) },
      data: { value: String(value) },
    };
    this.#objects.set(name, object);
    this.#happened(before === undefined ? 'ADDED' : 'MODIFIED', object);
  }

  remove(name: string): void {
    const before = this.#objects.get(name);
    if (before === undefined) return;
    this.#version += 1;
    this.#objects.delete(name);
    const metadata = { ...before.metadata, resourceVersion: String(this.#version) };
    this.#happened('DELETED', { ...before, metadata });
  }

  compact(): void {
    this.#compacted = this.#version;
  }

  /** Breaks every open watch. */
  drop(error: KubeError): void {
    for (const watcher of this.#watchers) {
      watcher.broken = error;
      watcher.wake();
    }
  }

  /** Ends every open watch in order. */
  endWatches(): void {
    for (const watcher of this.#watchers) {
      watcher.ended = true;
      watcher.wake();
    }
  }

  bookmark(): void {
    for (const watcher of this.#watchers) watcher.wake();
  }

  async request(request: KubeRequest): Promise<unknown> {
    this.requests += 1;
    await Promise.resolve();
    const failure = this.failing.shift();
    if (failure !== undefined) throw failure;
    const limit = Number(request.query?.limit ?? 500);
    const [at = '0', from = ''] = (request.query?.continue ?? '').split('/');
    const version = at === '0' || at === '' ? this.#version : Number(at);
    // A page token stands for a moment; that moment is forgotten with the history.
    if (from !== '' && version < this.#version)
      throw new KubeError('KUBE_GONE', 'the continue token has expired', { status: 410 });
    const names = [...this.#objects.keys()].sort().filter((name) => name > from);
    const page = names.slice(0, limit);
    const more = names.length > page.length ? `${version}/${page.at(-1)}` : undefined;
    return {
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(version), ...(more === undefined ? {} : { continue: more }) },
      items: page.map((name) => {
        const { apiVersion: _, kind: __, ...rest } = this.#objects.get(name) as KubeObject;
        return rest;
      }),
    };
  }

  async *lines(request: KubeRequest, idleMs: number): AsyncGenerator<string> {
    this.requests += 1;
    await Promise.resolve();
    const failure = this.failing.shift();
    if (failure !== undefined) throw failure;
    const from = Number(request.query?.resourceVersion);
    if (from < this.#compacted) {
      yield JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
      return;
    }
    const watcher: Watcher = { from, wake: () => undefined, broken: null, ended: false };
    this.#watchers.add(watcher);
    try {
      yield* this.#stream(watcher, idleMs, request.signal as AbortSignal);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async *#stream(watcher: Watcher, idleMs: number, signal: AbortSignal): AsyncGenerator<string> {
    let heard = this.#time.now();
    for (;;) {
      signal.throwIfAborted();
      if (watcher.broken !== null) throw watcher.broken;
      if (watcher.ended) return;
      const news = this.silent ? [] : this.#history.filter(({ version }) => version > watcher.from);
      for (const { version, type, object } of news) {
        watcher.from = version;
        heard = this.#time.now();
        if (this.swallow > 0) {
          this.swallow -= 1;
          continue;
        }
        yield JSON.stringify({ type, object });
      }
      if (news.length > 0) continue;
      if (this.#time.now() - heard >= idleMs)
        throw new KubeError('KUBE_TIMEOUT', `the watch was silent for ${idleMs} ms`);
      await this.#woken(watcher, heard + idleMs - this.#time.now(), signal);
      if (!this.silent && watcher.broken === null && !watcher.ended && watcher.from >= this.#version - 0) {
        heard = this.#time.now();
        yield JSON.stringify({
          type: 'BOOKMARK',
          object: { kind: 'ConfigMap', metadata: { resourceVersion: String(this.#version) } },
        });
      }
    }
  }

  async #woken(watcher: Watcher, ms: number, signal: AbortSignal): Promise<void> {
    const slept = new AbortController();
    const either = AbortSignal.any([signal, slept.signal]);
    await Promise.race([
      new Promise<void>((resolve) => {
        watcher.wake = resolve;
      }),
      this.#time.sleep(ms, either),
    ]);
    slept.abort();
  }

  #happened(type: Happened['type'], object: KubeObject): void {
    this.#history.push({ version: this.#version, type, object });
    for (const watcher of this.#watchers) watcher.wake();
  }
}
