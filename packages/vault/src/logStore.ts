/** Owns where the log lies in the archive's store, and how long its parts are kept. It refuses to look into them. */
import { type Store, StoreError } from '@pgtape/store';
import type { LogRetention, LogStorage } from '@pgtape/tlog';

/** tlog-tiles' `<prefix>`, in every archive. */
export const LOG_PREFIX = 'log/';

export interface LogStoreOptions {
  readonly store: Store;
  /** When the retention of what is put now ends, ms since 1970; null: none. */
  readonly retainUntil: (retention: LogRetention) => number | null;
}

export function logStore({ store, retainUntil }: LogStoreOptions): LogStorage {
  const key = (path: string): string => `${LOG_PREFIX}${path}`;
  return {
    async putOnce(path, bytes, retention) {
      const until = retainUntil(retention);
      const options = until === null ? {} : { retainUntil: until };
      return (await store.putOnce(key(path), bytes, options)).answer;
    },
    async get(path) {
      try {
        return await store.get(key(path));
      } catch (error) {
        if (error instanceof StoreError && error.code === 'STORE_NOT_FOUND') return null;
        throw error;
      }
    },
    async *list(prefix) {
      for await (const object of store.list(key(prefix))) yield object.key.slice(LOG_PREFIX.length);
    },
    latestCheckpoint: () => store.getLatest(key('checkpoint')),
    swapCheckpoint: (bytes, expected) => store.swap(key('checkpoint'), bytes, expected),
  };
}
