/**
 * Owns a store in memory that keeps what it is told to keep, as an object store with locks does, and dies on
 * demand; for tests of retention and holds.
 */
import { memoryStore, type Store, StoreError } from '@pgtape/store';

interface Kept {
  retainUntil: number | null;
  hold: boolean;
}

/** What outlives the process that wrote it. */
export interface LockedDisk {
  readonly objects: Map<string, Uint8Array>;
  readonly kept: Map<string, Kept>;
}

export type LockingOperation = 'putOnce' | 'setHold' | 'extendRetention';

/** `killed`: it happened, and nothing happens after it; `no_access`: the process may not do that. */
export type LockingFault = 'none' | 'failed' | 'failed_yet_persisted' | 'killed' | 'no_access';

export interface LockingOptions {
  readonly disk?: LockedDisk;
  readonly fault?: (operation: LockingOperation, key: string, isHolding: boolean) => LockingFault;
}

export function lockedDisk(): LockedDisk {
  return { objects: new Map(), kept: new Map() };
}

export interface LockingStore extends Store {
  readonly disk: LockedDisk;
  /** Keys of objects under a hold, in order. */
  held(): string[];
  /** As whoever may delete would try it at that time, ms since 1970. */
  deleteAt(key: string, nowMs: number): 'deleted' | 'refused';
  /** Takes a hold away behind everyone's back. */
  removeHold(key: string): void;
}

export function lockingStore({
  disk = lockedDisk(),
  fault = () => 'none',
}: LockingOptions = {}): LockingStore {
  const inner = memoryStore(undefined, disk.objects);
  let isDead = false;
  const dead = (): StoreError => new StoreError('STORE_IO', 'the process is dead', { errno: 'EIO' });
  const alive = <A extends unknown[], R>(run: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (isDead) throw dead();
      return await run(...args);
    };
  };
  const faulty = async <T>(
    operation: LockingOperation,
    key: string,
    run: () => Promise<T> | T,
    isHolding = false,
  ): Promise<T> => {
    if (isDead) throw dead();
    const kind = fault(operation, key, isHolding);
    if (kind === 'failed') throw dead();
    if (kind === 'no_access') throw new StoreError('STORE_ACCESS', `${operation} ${key}`);
    const done = await run();
    if (kind === 'killed') isDead = true;
    if (kind !== 'none') throw dead();
    return done;
  };
  const keptOf = (key: string): Kept => {
    if (!disk.objects.has(key)) throw new StoreError('STORE_NOT_FOUND', `no object ${key}`);
    const kept = disk.kept.get(key) ?? { retainUntil: null, hold: false };
    disk.kept.set(key, kept);
    return kept;
  };
  return {
    ...inner,
    disk,
    capabilities: { retention: true, hold: true, versions: false, lock: 'strict', compareAndSwap: true },
    get: alive(inner.get),
    has: alive(inner.has),
    async *list(prefix) {
      if (isDead) throw dead();
      yield* inner.list(prefix);
    },
    putOnce: (key, bytes, { retainUntil = null, hold = false } = {}) => {
      const put = async () => {
        const done = await inner.putOnce(key, bytes);
        if (done.answer === 'stored') Object.assign(keptOf(key), { retainUntil, hold });
        return done;
      };
      return faulty('putOnce', key, put, hold);
    },
    protectionOf: alive(async (key) => ({ lock: 'strict' as const, ...keptOf(key) })),
    extendRetention: (key, _version, until) =>
      faulty('extendRetention', key, () => {
        const kept = keptOf(key);
        kept.retainUntil = Math.max(kept.retainUntil ?? 0, until);
      }),
    setHold: (key, _version, on) =>
      faulty('setHold', key, () => {
        keptOf(key).hold = on;
      }),
    held: () =>
      [...disk.kept]
        .filter(([, { hold }]) => hold)
        .map(([key]) => key)
        .sort(),
    deleteAt(key, nowMs) {
      const { retainUntil, hold } = keptOf(key);
      if (hold || (retainUntil ?? 0) > nowMs) return 'refused';
      disk.objects.delete(key);
      disk.kept.delete(key);
      return 'deleted';
    },
    removeHold(key) {
      keptOf(key).hold = false;
    },
  };
}
