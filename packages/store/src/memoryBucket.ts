/**
 * Owns a bucket in memory that keeps versions and locks them, with holes and missing rights on demand: what the tests
 * of probes, holds and verification stand on. It refuses to be durable, and to be kinder than a real one: whoever may
 * write can put a delete marker or a newer version on top of anything.
 */
import { isSame } from './bytes.ts';
import type { LockAttempts } from './lockAttempts.ts';
import type { ProbeTest } from './lockProbe.ts';
import { assertKey, assertPrefix, type Lock, type Store, type StoredVersion } from './store.ts';
import { StoreError } from './storeError.ts';

/** What a caller may do beside reading and putting. */
export type BucketRight = 'delete' | 'bypass' | 'retention' | 'hold' | 'versions';

export interface MemoryBucketOptions {
  /** ms since 1970. */
  readonly now?: () => number;
  /** What the bucket lets happen that its lock should refuse. */
  readonly holes?: ReadonlySet<ProbeTest>;
  readonly rights?: ReadonlySet<BucketRight>;
}

interface Version {
  readonly version: string;
  readonly kind: StoredVersion['kind'];
  readonly at: number;
  bytes: Uint8Array;
  lock: Lock;
  retainUntil: number | null;
  hold: boolean;
}

const everyRight: ReadonlySet<BucketRight> = new Set(['delete', 'bypass', 'retention', 'hold', 'versions']);

export class MemoryBucket implements LockAttempts {
  readonly #versions = new Map<string, Version[]>();
  readonly #now: () => number;
  readonly #holes: ReadonlySet<ProbeTest>;
  readonly #rights: ReadonlySet<BucketRight>;
  #isVersioned = true;
  #count = 0;

  constructor(options: MemoryBucketOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#holes = options.holes ?? new Set();
    this.#rights = options.rights ?? everyRight;
  }

  /** The bucket as a store whose `retainUntil` gives `lock`. */
  store(lock: Lock): Store {
    const first = (key: string): Version | undefined => this.#of(key).find(({ kind }) => kind === 'object');
    const latest = (key: string): Version | undefined =>
      this.#of(key).findLast(({ kind }) => kind === 'object');
    const keysBelow = (prefix: string): string[] => {
      assertPrefix(prefix);
      return [...this.#versions.keys()].filter((key) => key.startsWith(prefix)).sort();
    };
    const retention = lock !== 'none';
    return {
      capabilities: { retention, hold: true, versions: true, lock, compareAndSwap: true },
      putOnce: async (key, bytes, { retainUntil, hold = false } = {}) => {
        assertKey(key);
        const before = first(key);
        if (before !== undefined) return { answer: 'exists', version: before.version };
        const kept = retention && retainUntil !== undefined && !this.#holes.has('drop_retention');
        const until = kept ? { lock, retainUntil: Math.ceil(retainUntil / 1000) * 1000 } : {};
        return { answer: 'stored', version: this.#add(key, 'object', bytes, { ...until, hold }) };
      },
      get: async (key, version) => {
        assertKey(key);
        const found = version === undefined ? first(key) : this.#version(key, version);
        if (found === undefined) throw new StoreError('STORE_NOT_FOUND', `no object ${key}`);
        return Uint8Array.from(found.bytes);
      },
      has: async (key) => {
        assertKey(key);
        return first(key) !== undefined;
      },
      list: async function* (prefix) {
        for (const key of keysBelow(prefix)) {
          const found = first(key);
          if (found !== undefined) yield { key, bytes: found.bytes.length, version: found.version };
        }
      },
      listVersions: (prefix) => this.#listVersions(keysBelow(prefix)),
      protectionOf: async (key, version) => {
        const { lock: kept, retainUntil, hold } = this.#version(key, version);
        return { lock: kept, retainUntil, hold };
      },
      extendRetention: async (key, version, until) => {
        if (!retention) throw new StoreError('STORE_UNSUPPORTED', 'the bucket keeps no retention');
        const found = this.#version(key, version);
        if ((found.retainUntil ?? 0) >= until) return;
        this.#assertRight('retention');
        Object.assign(found, { lock: found.lock === 'none' ? lock : found.lock, retainUntil: until });
      },
      setHold: async (key, version, on) => {
        this.#assertRight('hold');
        this.#version(key, version).hold = on;
      },
      swap: async (key, bytes, expected) => {
        assertKey(key);
        const current = latest(key)?.bytes ?? null;
        if (isSame(current, bytes)) return true;
        if (!isSame(current, expected)) return false;
        this.#add(key, 'object', bytes);
        return true;
      },
      getLatest: async (key) => {
        assertKey(key);
        return latest(key)?.bytes ?? null;
      },
    };
  }

  /** What anyone who may write can do to a name. Resolves with the marker's version. */
  async deleteName(key: string): Promise<string> {
    return this.#add(key, 'delete_marker', new Uint8Array());
  }

  async overwrite(key: string, bytes: Uint8Array): Promise<string> {
    const first = this.#of(key).find(({ kind }) => kind === 'object');
    if (first !== undefined && this.#holes.has('overwrite')) first.bytes = Uint8Array.from(bytes);
    return this.#add(key, 'object', bytes);
  }

  async deleteVersion(key: string, version: string, bypass: boolean): Promise<void> {
    this.#assertRight('delete');
    if (bypass) this.#assertRight('bypass');
    const found = this.#version(key, version);
    const isRetained = (found.retainUntil ?? 0) > this.#now();
    const isOpen =
      !isRetained || this.#holes.has(bypass ? 'bypass' : 'delete') || (bypass && found.lock === 'bypassable');
    const isHeld = found.hold && !this.#holes.has('hold_after_expiry');
    if (!isOpen || isHeld) throw locked(`delete of ${key}`);
    this.#versions.set(
      key,
      this.#of(key).filter((each) => each !== found),
    );
  }

  async setRetention(
    key: string,
    version: string,
    {
      lock,
      until,
      bypass,
    }: { readonly lock: Exclude<Lock, 'none'>; readonly until: number; readonly bypass: boolean },
  ): Promise<void> {
    this.#assertRight('retention');
    if (bypass) this.#assertRight('bypass');
    const found = this.#version(key, version);
    const isRetained = (found.retainUntil ?? 0) > this.#now();
    const isShorter = until < (found.retainUntil ?? 0) && !this.#holes.has('shorten');
    const isOther = lock !== found.lock && !this.#holes.has('change_mode');
    const isBypassed = bypass && found.lock === 'bypassable';
    if (isRetained && (isShorter || isOther) && !isBypassed) throw locked(`retention of ${key}`);
    Object.assign(found, { lock, retainUntil: until });
  }

  async keepsVersions(): Promise<boolean> {
    return this.#isVersioned;
  }

  async setVersions(on: boolean): Promise<void> {
    this.#assertRight('versions');
    if (!on && !this.#holes.has('suspend_versions')) {
      throw new StoreError('STORE_LOCKED', 'suspending versions');
    }
    this.#isVersioned = on;
  }

  async *#listVersions(keys: readonly string[]): AsyncGenerator<StoredVersion> {
    for (const key of keys) {
      const versions = this.#of(key);
      for (const { version, bytes, at, kind } of versions) {
        yield { key, version, bytes: bytes.length, at, kind, isLatest: version === versions.at(-1)?.version };
      }
    }
  }

  #of(key: string): Version[] {
    return this.#versions.get(key) ?? [];
  }

  #version(key: string, version: string): Version {
    assertKey(key);
    const found = this.#of(key).find((each) => each.version === version && each.kind === 'object');
    if (found === undefined) throw new StoreError('STORE_NOT_FOUND', `no version ${version} of ${key}`);
    return found;
  }

  #add(
    key: string,
    kind: Version['kind'],
    bytes: Uint8Array,
    protection: Partial<Pick<Version, 'lock' | 'retainUntil' | 'hold'>> = {},
  ): string {
    this.#count += 1;
    const version = `v${this.#count}`;
    const entry: Version = {
      version,
      kind,
      at: this.#now(),
      bytes: Uint8Array.from(bytes),
      lock: 'none',
      retainUntil: null,
      hold: false,
      ...protection,
    };
    this.#versions.set(key, [...this.#of(key), entry]);
    return version;
  }

  #assertRight(right: BucketRight): void {
    if (!this.#rights.has(right))
      throw new StoreError('STORE_ACCESS', `these credentials may not (${right})`);
  }
}

/** As most servers say it: not told apart from a missing right. */
function locked(what: string): StoreError {
  return new StoreError('STORE_ACCESS', `${what} refused`);
}
