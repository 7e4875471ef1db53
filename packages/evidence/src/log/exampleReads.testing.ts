/** An archive with versions, retention and delete markers in memory, as a check of the log reads it. */

import { checkReel, type StoredSegment } from '../checkReel.ts';
import type { ExampleLog } from '../exampleLog.ts';
import type { ExampleSegment } from '../exampleReel.ts';
import type { LogReads, ObjectFacts } from './logReads.ts';

export interface ExampleVersion {
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly kind: 'object' | 'delete_marker';
  readonly retainUntil: number | null;
}

export interface ExampleStoreOptions {
  readonly versions?: boolean;
  readonly retainUntil?: number | null;
}

/** When the example's log says that its objects were stored, ms. */
export const storedAt = 1_795_212_001_000;

export class ExampleStore implements LogReads {
  readonly objects = new Map<string, ExampleVersion[]>();
  readonly capabilities: LogReads['capabilities'];
  readonly #retainUntil: number | null;

  constructor(segments: readonly ExampleSegment[], log: ExampleLog, options: ExampleStoreOptions = {}) {
    const { versions = false, retainUntil = null } = options;
    this.capabilities = { versions, retention: retainUntil !== null };
    this.#retainUntil = retainUntil;
    for (const { key, object } of segments) this.put(key, object);
    for (const [key, bytes] of log.objects) this.put(key, bytes);
  }

  /** One more version. */
  put(key: string, bytes: Uint8Array, at = storedAt): void {
    const had = this.objects.get(key) ?? [];
    const version = this.capabilities.versions ? `v${had.length + 1}` : '';
    this.objects.set(key, [...had, { version, bytes, at, kind: 'object', retainUntil: this.#retainUntil }]);
  }

  /** In the place of what is there, as someone does who reaches below the store. */
  replace(key: string, bytes: Uint8Array): void {
    this.objects.delete(key);
    this.put(key, bytes);
  }

  mark(key: string): void {
    const had = this.objects.get(key) ?? [];
    const marker = { version: `v${had.length + 1}`, bytes: Buffer.alloc(0), at: storedAt + 1000 };
    this.objects.set(key, [...had, { ...marker, kind: 'delete_marker', retainUntil: null }]);
  }

  #first(key: string): ExampleVersion {
    const first = this.objects.get(key)?.find(({ kind }) => kind === 'object');
    if (first === undefined) throw Object.assign(new Error(`no object ${key}`), { code: 'STORE_NOT_FOUND' });
    return first;
  }

  async get(key: string): Promise<Uint8Array> {
    return this.#first(key).bytes;
  }

  async getLatest(key: string): Promise<Uint8Array | null> {
    return this.objects.get(key)?.at(-1)?.bytes ?? null;
  }

  async *list(prefix: string): ReturnType<LogReads['list']> {
    for (const key of [...this.objects.keys()].filter((one) => one.startsWith(prefix)).sort())
      yield { key, bytes: this.#first(key).bytes.length };
  }

  async *listVersions(prefix: string): ReturnType<LogReads['listVersions']> {
    for (const key of [...this.objects.keys()].filter((one) => one.startsWith(prefix)).sort())
      for (const { version, at, kind } of this.objects.get(key)!) yield { key, version, at, kind };
  }

  async protectionOf(key: string, version: string): ReturnType<LogReads['protectionOf']> {
    return { retainUntil: this.objects.get(key)!.find((one) => one.version === version)!.retainUntil };
  }

  /** What the archive's own check finds in its objects. */
  async facts(): Promise<Map<string, ObjectFacts>> {
    const facts = new Map<string, ObjectFacts>();
    const reels = new Map<string, StoredSegment[]>();
    for (const key of [...this.objects.keys()].filter((one) => one.startsWith('reel/')).sort()) {
      const reel = key.slice(0, key.lastIndexOf('/'));
      reels.set(reel, [...(reels.get(reel) ?? []), { key, object: this.#first(key).bytes }]);
    }
    for (const segments of reels.values())
      await checkReel(segments, { onObject: (one) => facts.set(one.key, one) });
    return facts;
  }
}
