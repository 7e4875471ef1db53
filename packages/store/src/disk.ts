/** Owns the system calls the file store makes, one method each, so that tests can fail every one of them. */
import { constants } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  unlink,
} from 'node:fs/promises';

export interface DiskEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
}

export interface DiskStat {
  readonly kind: DiskEntry['kind'];
  readonly bytes: number;
  /** When the bytes were last written, ms since 1970. */
  readonly modifiedMs: number;
}

/** A file open for writing, at its own offset. */
export interface DiskFile {
  /** write(2): may take fewer bytes than given; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /**
   * fsync(2). After a failure the file's content is unknown for ever: make a new one, never fsync it again.
   */
  fsync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Paths are as the caller composed them. Every method rejects with an error whose `code` is the errno's name.
 */
export interface Disk {
  /** open(2) with O_WRONLY | O_CREAT | O_EXCL. */
  create(path: string, mode: number): Promise<DiskFile>;
  /** link(2): fails with EEXIST when `to` exists. */
  link(from: string, to: string): Promise<void>;
  /** rename(2): `to` is replaced in one step. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  mkdir(path: string, mode: number): Promise<void>;
  /** fsync(2) of a directory: its entries are durable, not what they name. */
  fsyncDirectory(path: string): Promise<void>;
  readdir(path: string): Promise<DiskEntry[]>;
  /** lstat(2). */
  stat(path: string): Promise<DiskStat>;
  readFile(path: string): Promise<Uint8Array>;
}

interface Kinds {
  isFile(): boolean;
  isDirectory(): boolean;
}

function kindOf(entry: Kinds): DiskEntry['kind'] {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'directory' : 'other';
}

function diskFile(handle: FileHandle): DiskFile {
  return {
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    fsync: () => handle.sync(),
    close: () => handle.close(),
  };
}

async function fsyncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The machine's own disk. On macOS node's fsync is F_FULLFSYNC. */
export const nodeDisk: Disk = {
  create: async (path, mode) => diskFile(await open(path, 'wx', mode)),
  link,
  rename,
  unlink,
  mkdir: async (path, mode) => {
    await mkdir(path, { mode });
  },
  fsyncDirectory,
  readdir: async (path) =>
    (await readdir(path, { withFileTypes: true })).map((entry) => ({
      name: entry.name,
      kind: kindOf(entry),
    })),
  stat: async (path) => {
    const found = await lstat(path);
    return { kind: kindOf(found), bytes: found.size, modifiedMs: Math.trunc(found.mtimeMs) };
  },
  readFile: (path) => readFile(path, { flag: constants.O_RDONLY | constants.O_NOFOLLOW }),
};
