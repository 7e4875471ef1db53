/** Owns what reading one path of a store answers, what is absent included; it refuses to write. */
import type { Disk, DiskEntry, DiskStat } from './disk.ts';
import { errnoOf, StoreError, systemError } from './storeError.ts';

function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

/** STORE_NOT_FOUND when nothing is there. */
export async function readAt(disk: Disk, path: string): Promise<Uint8Array> {
  return await disk.readFile(path).catch((error) => Promise.reject(systemError('read', path, error)));
}

/** Null when nothing is there. */
export async function readAtOrNull(disk: Disk, path: string): Promise<Uint8Array | null> {
  try {
    return await readAt(disk, path);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_NOT_FOUND') return null;
    throw error;
  }
}

/** Null when nothing is there. */
export async function statAt(disk: Disk, path: string): Promise<DiskStat | null> {
  try {
    return await disk.stat(path);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw systemError('stat', path, error);
  }
}

/** Empty when there is no such directory. */
export async function entriesAt(disk: Disk, path: string): Promise<DiskEntry[]> {
  try {
    return await disk.readdir(path);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw systemError('readdir', path, error);
  }
}
