/**
 * Owns objects in memory, with failures on demand: what the vault's fault tests stand on. It refuses to be
 * durable.
 */
import { assertKey, assertPrefix, type Store } from './store.ts';
import { StoreError } from './storeError.ts';

/**
 * How an operation goes wrong. `failed`: rejected, nothing happened. `failed_yet_persisted`: rejected, but it
 * happened. Both reject with STORE_IO.
 */
export type MemoryFault = 'none' | 'failed' | 'failed_yet_persisted';
export type MemoryFaults = (operation: 'putOnce' | 'get' | 'has' | 'list', key: string) => MemoryFault;

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
  const orFail = (operation: 'get' | 'has' | 'list', key: string): void => {
    if (faults(operation, key) !== 'none') throw failing(operation, key);
  };
  return {
    capabilities: { retention: false, hold: false, versions: false },
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
      return exists ? 'exists' : 'stored';
    },
    async get(key) {
      assertKey(key);
      orFail('get', key);
      const found = objects.get(key);
      if (found === undefined) throw new StoreError('STORE_NOT_FOUND', `no object ${key}`);
      return Uint8Array.from(found);
    },
    async has(key) {
      assertKey(key);
      orFail('has', key);
      return objects.has(key);
    },
    async *list(prefix) {
      assertPrefix(prefix);
      orFail('list', prefix);
      for (const key of [...objects.keys()].filter((name) => name.startsWith(prefix)).sort()) {
        const found = objects.get(key);
        if (found !== undefined) yield { key, bytes: found.length };
      }
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
