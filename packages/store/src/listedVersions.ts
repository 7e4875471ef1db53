/**
 * Owns reading by the versions a listing showed: a store that has to look for a key's first version before it reads asks
 * once then, not twice. It refuses to outlive one reading: what was listed long ago may be gone.
 */
import type { ReadStore, StoredObject, StoredVersion } from './store.ts';

/** `store`, whose `get` of a key that was listed before names the first version as listed. */
export function readingListed(store: ReadStore): ReadStore {
  const versions = new Map<string, string>();
  return {
    capabilities: store.capabilities,
    get: (key, version) => store.get(key, version ?? versions.get(key)),
    has: (key) => store.has(key),
    async *list(prefix): AsyncGenerator<StoredObject> {
      for await (const object of store.list(prefix)) {
        versions.set(object.key, object.version);
        yield object;
      }
    },
    async *listVersions(prefix): AsyncGenerator<StoredVersion> {
      let seen = '';
      for await (const entry of store.listVersions(prefix)) {
        if (entry.kind === 'object' && entry.key !== seen) {
          versions.set(entry.key, entry.version);
          seen = entry.key;
        }
        yield entry;
      }
    },
    protectionOf: (key, version) => store.protectionOf(key, version),
    getLatest: (key) => store.getLatest(key),
  };
}
