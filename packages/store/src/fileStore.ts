/**
 * Owns objects as files: what a directory answers as a store. It refuses to know what is in them, and it
 * enforces no retention: an archive on a plain disk shows tampering, it does not prevent it.
 */
import { join, resolve } from 'node:path';
import { type Disk, type DiskEntry, type DiskStat, nodeDisk } from './disk.ts';
import { entriesAt, readAt, readAtOrNull, statAt } from './fileReading.ts';
import { FileWriter } from './fileWriter.ts';
import { assertKey, assertPrefix, type Store, type StoreCapabilities } from './store.ts';
import { StoreError, systemError } from './storeError.ts';

const capabilities: StoreCapabilities = {
  retention: false,
  hold: false,
  versions: false,
  lock: 'none',
  compareAndSwap: false,
};

const unsupported = (what: string): StoreError =>
  new StoreError('STORE_UNSUPPORTED', `a directory has no ${what}`);

/**
 * A store in `directory`, created at the first put. Opening does nothing; the first put removes what a crash
 * left half made, so only one process may put or swap at a time (the vault's lock sees to it), any number may
 * read.
 */
export function fileStore(directory: string, disk: Disk = nodeDisk): Store {
  const root = resolve(directory);
  const writer = new FileWriter(root, disk);
  const read = async (key: string): Promise<Uint8Array> => {
    assertKey(key);
    return await readAt(disk, join(root, key));
  };
  const statOf = async (key: string, version: string): Promise<DiskStat> => {
    assertKey(key);
    const found = version === '' ? await statAt(disk, join(root, key)) : null;
    if (found?.kind === 'file') return found;
    throw new StoreError('STORE_NOT_FOUND', `no version ${JSON.stringify(version)} of ${key}`);
  };
  const listed = async function* (prefix: string): AsyncGenerator<Found> {
    assertPrefix(prefix);
    const cut = prefix.lastIndexOf('/') + 1;
    yield* listUnder(disk, root, prefix.slice(0, cut), prefix.slice(cut));
  };
  return {
    capabilities,
    async putOnce(key, bytes) {
      assertKey(key);
      return { answer: await writer.putOnce(key, bytes), version: '' };
    },
    async get(key, version = '') {
      if (version !== '') await statOf(key, version);
      return await read(key);
    },
    async has(key) {
      assertKey(key);
      return (await statAt(disk, join(root, key)))?.kind === 'file';
    },
    async *list(prefix) {
      for await (const { key, bytes } of listed(prefix)) yield { key, bytes, version: '' };
    },
    async *listVersions(prefix) {
      for await (const { key, bytes, modifiedMs } of listed(prefix)) {
        yield { key, version: '', bytes, at: modifiedMs, kind: 'object', isLatest: true };
      }
    },
    async protectionOf(key, version) {
      await statOf(key, version);
      return { lock: 'none', retainUntil: null, hold: false };
    },
    extendRetention: () => Promise.reject(unsupported('retention')),
    setHold: () => Promise.reject(unsupported('holds')),
    async swap(key, bytes, expected) {
      assertKey(key);
      return await writer.swap(key, bytes, expected);
    },
    async getLatest(key) {
      assertKey(key);
      return await readAtOrNull(disk, join(root, key));
    },
  };
}

/** A directory's names sort as they stand in its keys, with the '/' behind: `a-b` before `a/x`. */
function sortName(entry: DiskEntry): string {
  return entry.kind === 'directory' ? `${entry.name}/` : entry.name;
}

function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

interface Found {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

async function* listUnder(disk: Disk, root: string, directory: string, start: string): AsyncGenerator<Found> {
  const entries = await entriesAt(disk, join(root, directory));
  const ours = entries.filter((entry) => entry.name.startsWith(start) && !entry.name.startsWith('.'));
  ours.sort((a, b) => byBytes(sortName(a), sortName(b)));
  for (const entry of ours) {
    const key = `${directory}${entry.name}`;
    if (entry.kind === 'directory') yield* listUnder(disk, root, `${key}/`, '');
    else if (entry.kind === 'file') {
      const path = join(root, key);
      const { bytes, modifiedMs } = await disk
        .stat(path)
        .catch((error) => Promise.reject(systemError('stat', path, error)));
      yield { key, bytes, modifiedMs };
    }
  }
}
