/**
 * Owns objects as files: whole, exclusive and durable before it says so. It refuses to know what is in them,
 * and it enforces no retention: an archive on a plain disk shows tampering, it does not prevent it.
 *
 * putOnce makes these calls, in this order (`/a` the root, `/a/d/k` the object):
 *   open /a/.tmp-<random> O_EXCL 0444, write, fsync, close
 *   link /a/.tmp-<random> /a/d/k, fsync of /a/d
 *   unlink /a/.tmp-<random>
 *
 * The name appears only on bytes that are already durable, so a reader never sees a torn object, whatever dies
 * when. Temporary files lie in the root, so that cleaning up after a crash costs one readdir however large the
 * archive is.
 */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { DurableDirectories } from './directories.ts';
import { type Disk, type DiskEntry, nodeDisk } from './disk.ts';
import { assertKey, assertPrefix, type Store, type StoredObject } from './store.ts';
import { errnoOf, StoreError, systemError } from './storeError.ts';

const TEMPORARY = '.tmp-';
const FILE_MODE = 0o444;

/**
 * A store in `directory`, created at the first put. Opening does nothing; the first put removes what a crash
 * left half made, so only one process may put at a time (the vault's lock sees to it), any number may read.
 */
export function fileStore(directory: string, disk: Disk = nodeDisk): Store {
  const root = resolve(directory);
  const writer = new FileWriter(root, disk);
  return {
    capabilities: { retention: false, hold: false, versions: false },
    async putOnce(key, bytes) {
      assertKey(key);
      return await writer.putOnce(key, bytes);
    },
    async get(key) {
      assertKey(key);
      const path = join(root, key);
      return await disk.readFile(path).catch((error) => Promise.reject(systemError('read', path, error)));
    },
    async has(key) {
      assertKey(key);
      const kind = await kindAt(disk, join(root, key));
      return kind === 'file';
    },
    async *list(prefix) {
      assertPrefix(prefix);
      const cut = prefix.lastIndexOf('/') + 1;
      yield* listUnder(disk, root, prefix.slice(0, cut), prefix.slice(cut));
    },
  };
}

async function kindAt(disk: Disk, path: string): Promise<DiskEntry['kind'] | 'absent'> {
  try {
    return (await disk.stat(path)).kind;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'absent';
    throw systemError('stat', path, error);
  }
}

async function entriesOf(disk: Disk, path: string): Promise<DiskEntry[]> {
  try {
    return await disk.readdir(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return [];
    throw systemError('readdir', path, error);
  }
}

/** A directory's names sort as they stand in its keys, with the '/' behind: `a-b` before `a/x`. */
function sortName(entry: DiskEntry): string {
  return entry.kind === 'directory' ? `${entry.name}/` : entry.name;
}

function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

async function* listUnder(
  disk: Disk,
  root: string,
  directory: string,
  start: string,
): AsyncGenerator<StoredObject> {
  const entries = await entriesOf(disk, join(root, directory));
  const ours = entries.filter((entry) => entry.name.startsWith(start) && !entry.name.startsWith('.'));
  ours.sort((a, b) => byBytes(sortName(a), sortName(b)));
  for (const entry of ours) {
    const key = `${directory}${entry.name}`;
    if (entry.kind === 'directory') yield* listUnder(disk, root, `${key}/`, '');
    else if (entry.kind === 'file') {
      const path = join(root, key);
      const { bytes } = await disk
        .stat(path)
        .catch((error) => Promise.reject(systemError('stat', path, error)));
      yield { key, bytes };
    }
  }
}

class FileWriter {
  readonly #root: string;
  readonly #disk: Disk;
  readonly #directories: DurableDirectories;
  #cleaned: Promise<void> | undefined;

  constructor(root: string, disk: Disk) {
    this.#root = root;
    this.#disk = disk;
    this.#directories = new DurableDirectories(root, disk);
  }

  async putOnce(key: string, bytes: Uint8Array): Promise<'stored' | 'exists'> {
    const cut = key.lastIndexOf('/');
    const directory = cut < 0 ? '' : key.slice(0, cut);
    await this.#directories.ensure(directory);
    await this.#ensureClean();
    const temporary = join(this.#root, `${TEMPORARY}${randomBytes(12).toString('hex')}`);
    try {
      await this.#writeDurably(temporary, bytes);
      return await this.#publish(temporary, key, directory);
    } finally {
      // A leftover is harmless and goes at the next start; failing to remove it must not fail a durable put.
      await this.#disk.unlink(temporary).catch(() => undefined);
    }
  }

  async #writeDurably(path: string, bytes: Uint8Array): Promise<void> {
    const disk = this.#disk;
    const file = await this.#call('open', path, () => disk.create(path, FILE_MODE));
    try {
      for (let at = 0; at < bytes.length; ) {
        const rest = bytes.subarray(at);
        const written = await this.#call('write', path, () => file.write(rest));
        if (written <= 0) throw new StoreError('STORE_IO', `write ${path} took nothing`);
        at += written;
      }
      await this.#call('fsync', path, () => file.fsync());
    } finally {
      // After a good fsync nothing is left for close to lose; after a bad one the file is thrown away.
      await file.close().catch(() => undefined);
    }
  }

  async #publish(temporary: string, key: string, directory: string): Promise<'stored' | 'exists'> {
    const path = join(this.#root, key);
    const answer = await this.#link(temporary, path);
    // Also for `exists`: whoever made the name may have died, or failed, before its fsync. A directory's
    // fsync that failed and then succeeds is believed: metadata that cannot be written makes ext4, xfs and
    // btrfs go read-only, not forget.
    const parent = join(this.#root, directory);
    await this.#call('fsync of directory', parent, () => this.#disk.fsyncDirectory(parent));
    return answer;
  }

  async #link(temporary: string, path: string): Promise<'stored' | 'exists'> {
    try {
      await this.#disk.link(temporary, path);
      return 'stored';
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw systemError('link', path, error);
    }
    const kind = await kindAt(this.#disk, path);
    if (kind !== 'file') throw new StoreError('STORE_CONFLICT', `${path} is not a file (${kind})`);
    return 'exists';
  }

  async #ensureClean(): Promise<void> {
    this.#cleaned ??= this.#removeLeftovers();
    try {
      await this.#cleaned;
    } catch (error) {
      this.#cleaned = undefined;
      throw error;
    }
  }

  async #removeLeftovers(): Promise<void> {
    for (const entry of await entriesOf(this.#disk, this.#root)) {
      if (entry.kind !== 'file' || !entry.name.startsWith(TEMPORARY)) continue;
      const path = join(this.#root, entry.name);
      await this.#call('unlink', path, () => this.#disk.unlink(path));
    }
  }

  async #call<T>(call: string, path: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw systemError(call, path, error);
    }
  }
}
