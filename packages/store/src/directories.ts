/** Owns which directories are known to be durable; it refuses to know what lies in them. */
import { dirname, join } from 'node:path';
import type { Disk } from './disk.ts';
import { errnoOf, systemError } from './storeError.ts';

const DIRECTORY_MODE = 0o755;

/**
 * What fsync of a directory answers where it may not be read, or cannot be synced, though its entries stand.
 */
const passable = new Set(['EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * Makes absolute `path` and what is missing above it, and makes every name on the way durable: fsync of each
 * one's parent, also where it stands already, for a process that died may have made it. A parent that cannot
 * be synced is let pass where the directory stood: its administrator made it, not we.
 */
export async function makeDirectoryDurably(path: string, disk: Disk): Promise<void> {
  const parent = dirname(path);
  if (parent === path) return;
  await makeDirectoryDurably(parent, disk);
  await makeNameDurably(path, disk);
}

async function makeNameDurably(path: string, disk: Disk): Promise<void> {
  const parent = dirname(path);
  let made = true;
  try {
    await disk.mkdir(path, DIRECTORY_MODE);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw systemError('mkdir', path, error);
    made = false;
  }
  try {
    await disk.fsyncDirectory(parent);
  } catch (error) {
    if (!made && passable.has(errnoOf(error))) return;
    throw systemError('fsync of directory', parent, error);
  }
}

/**
 * The directories below a root, each made durable once per process: a name that merely exists may be a dead
 * process's.
 */
export class DurableDirectories {
  readonly #root: string;
  readonly #disk: Disk;
  /** By name below the root, '' the root itself. A failed attempt is forgotten. */
  readonly #known = new Map<string, Promise<void>>();

  constructor(root: string, disk: Disk) {
    this.#root = root;
    this.#disk = disk;
  }

  async ensure(directory: string): Promise<void> {
    const known = this.#known.get(directory);
    if (known !== undefined) return await known;
    const making = this.#make(directory);
    this.#known.set(directory, making);
    try {
      await making;
    } catch (error) {
      this.#known.delete(directory);
      throw error;
    }
  }

  async #make(directory: string): Promise<void> {
    if (directory === '') return await makeDirectoryDurably(this.#root, this.#disk);
    const cut = directory.lastIndexOf('/');
    await this.ensure(cut < 0 ? '' : directory.slice(0, cut));
    await makeNameDurably(join(this.#root, directory), this.#disk);
  }
}
