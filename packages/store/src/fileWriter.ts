/**
 * Owns writing files that are whole, exclusive and durable before it says so.
 *
 * putOnce makes these calls, in this order (`/a` the root, `/a/d/k` the object):
 *   open /a/.tmp-<random> O_EXCL 0444, write, fsync, close
 *   link /a/.tmp-<random> /a/d/k, fsync of /a/d
 *   unlink /a/.tmp-<random>
 * swap renames instead of link and unlink, where it replaces something.
 *
 * The name appears only on bytes that are already durable, so a reader never sees a torn object, whatever dies
 * when. Temporary files lie in the root, so that cleaning up after a crash costs one readdir however large the
 * archive is.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isSame } from './bytes.ts';
import { DurableDirectories } from './directories.ts';
import type { Disk } from './disk.ts';
import { entriesAt, readAtOrNull, statAt } from './fileReading.ts';
import { errnoOf, StoreError, systemError } from './storeError.ts';

const TEMPORARY = '.tmp-';
const FILE_MODE = 0o444;

/** Writes below `root`; see fileStore. */
export class FileWriter {
  readonly #root: string;
  readonly #disk: Disk;
  readonly #directories: DurableDirectories;
  #cleaned: Promise<void> | undefined;
  #swapped: Promise<void> = Promise.resolve();

  constructor(root: string, disk: Disk) {
    this.#root = root;
    this.#disk = disk;
    this.#directories = new DurableDirectories(root, disk);
  }

  async putOnce(key: string, bytes: Uint8Array): Promise<'stored' | 'exists'> {
    const directory = await this.#ensureDirectory(key);
    return await this.#throughTemporary(bytes, async (temporary) => {
      const answer = await this.#link(temporary, join(this.#root, key));
      // Also for `exists`: whoever made the name may have died, or failed, before its fsync.
      await this.#syncDirectory(directory);
      return answer;
    });
  }

  /** One at a time: of many that expect the same, one wins. */
  swap(key: string, bytes: Uint8Array, expected: Uint8Array | null): Promise<boolean> {
    const swapping = this.#swapped.then(() => this.#swap(key, bytes, expected));
    this.#swapped = swapping.then(
      () => undefined,
      () => undefined,
    );
    return swapping;
  }

  async #swap(key: string, bytes: Uint8Array, expected: Uint8Array | null): Promise<boolean> {
    const directory = await this.#ensureDirectory(key);
    const path = join(this.#root, key);
    const current = await readAtOrNull(this.#disk, path);
    if (current !== null && isSame(current, bytes)) {
      // Renamed by a process that may have died before its fsync.
      await this.#syncDirectory(directory);
      return true;
    }
    if (!isSame(current, expected)) return false;
    return await this.#throughTemporary(bytes, async (temporary) => {
      if (expected !== null) await this.#call('rename', path, () => this.#disk.rename(temporary, path));
      else if ((await this.#link(temporary, path)) === 'exists') return false;
      await this.#syncDirectory(directory);
      return true;
    });
  }

  /** Of the object `key`; returns its name below the root. */
  async #ensureDirectory(key: string): Promise<string> {
    const cut = key.lastIndexOf('/');
    const directory = cut < 0 ? '' : key.slice(0, cut);
    await this.#directories.ensure(directory);
    await this.#ensureClean();
    return directory;
  }

  async #throughTemporary<T>(bytes: Uint8Array, publish: (temporary: string) => Promise<T>): Promise<T> {
    const temporary = join(this.#root, `${TEMPORARY}${randomBytes(12).toString('hex')}`);
    try {
      await this.#writeDurably(temporary, bytes);
      return await publish(temporary);
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

  /**
   * One that failed and then succeeds is believed: metadata that cannot be written makes ext4, xfs and btrfs
   * go read-only, not forget.
   */
  async #syncDirectory(directory: string): Promise<void> {
    const path = join(this.#root, directory);
    await this.#call('fsync of directory', path, () => this.#disk.fsyncDirectory(path));
  }

  async #link(temporary: string, path: string): Promise<'stored' | 'exists'> {
    try {
      await this.#disk.link(temporary, path);
      return 'stored';
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw systemError('link', path, error);
    }
    const kind = (await statAt(this.#disk, path))?.kind ?? 'absent';
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
    for (const entry of await entriesAt(this.#disk, this.#root)) {
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
