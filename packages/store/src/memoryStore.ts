/**
 * Owns objects in memory, with failures on demand: what the vault's fault tests stand on. It refuses to be
 * durable.
 */
import { isSame } from './bytes.ts';
import { assertKey, assertPrefix, type Store, type StoredObject } from './store.ts';
import { StoreError } from './storeError.ts';

/**
 * How an operation goes wrong. `failed`: rejected, nothing happened. `failed_yet_persisted`: rejected, but it
 * happened. Both reject with STORE_IO.
 */
export type MemoryFault = 'none' | 'failed' | 'failed_yet_persisted';
export type MemoryOperation = 'putOnce' | 'get' | 'has' | 'list' | 'swap';
export type MemoryFaults = (operation: MemoryOperation, key: string) => MemoryFault;

/**
 * A store in memory. `faults` is asked once per operation; pass the same `objects` again to reopen it after a
 * crash.
 */
export function memoryStore(
  faults: MemoryFaults = () => 'none',
  objects: Map<string, Uint8Array> = new Map(),
): Store {
  const failing = (operation: string, key: string): StoreError =>
    new StoreError('STORE_IO', `${operation} ${key} failed`, { errno: 'EIO' });
  const orFail = (operation: MemoryOperation, key: string): void => {
    if (faults(operation, key) !== 'none') throw failing(operation, key);
  };
  const latest = (key: string): Uint8Array | null => {
    assertKey(key);
    orFail('get', key);
    const found = objects.get(key);
    return found === undefined ? null : Uint8Array.from(found);
  };
  const here = (key: string, version = ''): Uint8Array => {
    const found = version === '' ? latest(key) : null;
    if (found === null) throw new StoreError('STORE_NOT_FOUND', `no object ${key}`);
    return found;
  };
  const listed = function* (prefix: string): Generator<StoredObject> {
    assertPrefix(prefix);
    orFail('list', prefix);
    for (const key of [...objects.keys()].filter((name) => name.startsWith(prefix)).sort()) {
      const found = objects.get(key);
      if (found !== undefined) yield { key, bytes: found.length, version: '' };
    }
  };
  const unsupported = (): Promise<never> =>
    Promise.reject(new StoreError('STORE_UNSUPPORTED', 'this store in memory keeps nothing'));
  return {
    capabilities: { retention: false, hold: false, versions: false, lock: 'none', compareAndSwap: false },
    async putOnce(key, bytes) {
      assertKey(key);
      const fault = faults('putOnce', key);
      if (fault === 'failed') throw failing('putOnce', key);
      const exists = objects.has(key);
      if (!exists) {
        assertNoDirectoryClash(objects, key);
        objects.set(key, Uint8Array.from(bytes));
      }
      if (fault === 'failed_yet_persisted') throw failing('putOnce', key);
      return { answer: exists ? 'exists' : 'stored', version: '' };
    },
    async get(key, version) {
      return here(key, version);
    },
    async has(key) {
      assertKey(key);
      orFail('has', key);
      return objects.has(key);
    },
    async *list(prefix) {
      yield* listed(prefix);
    },
    async *listVersions(prefix) {
      for (const object of listed(prefix)) yield { ...object, at: 0, kind: 'object', isLatest: true };
    },
    async protectionOf(key, version) {
      here(key, version);
      return { lock: 'none', retainUntil: null, hold: false };
    },
    extendRetention: unsupported,
    setHold: unsupported,
    async swap(key, bytes, expected) {
      assertKey(key);
      const fault = faults('swap', key);
      if (fault === 'failed') throw failing('swap', key);
      const current = objects.get(key) ?? null;
      const isThere = isSame(current, bytes);
      if (!isThere && !isSame(current, expected)) return false;
      assertNoDirectoryClash(objects, key);
      objects.set(key, Uint8Array.from(bytes));
      if (fault === 'failed_yet_persisted') throw failing('swap', key);
      return true;
    },
    async getLatest(key) {
      return latest(key);
    },
  };
}

/** Files and directories share names: where `a/b` lies, `a` cannot be an object, and the other way round. */
function assertNoDirectoryClash(objects: ReadonlyMap<string, Uint8Array>, key: string): void {
  for (const other of objects.keys()) {
    if (other.startsWith(`${key}/`) || key.startsWith(`${other}/`)) {
      throw new StoreError('STORE_CONFLICT', `${key} would be a file and a directory, because of ${other}`);
    }
  }
}
