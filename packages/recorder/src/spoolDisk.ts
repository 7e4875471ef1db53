/** Owns the system calls of the evidence side, one method each, so that tests can fail every one of them; knows no formats. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Every method throws an ErrnoException. */
export interface SpoolDisk {
  /** `read`: must exist; `write`: created or emptied, mode 0600. Returns a file descriptor. */
  open(path: string, mode: 'read' | 'write'): number;
  /** pread(2): may return fewer bytes than asked; 0 at the end. */
  read(fd: number, into: Uint8Array, offset: number, length: number, position: number): number;
  /** write(2) at the descriptor's own offset; may take fewer bytes than asked. */
  write(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  size(fd: number): number;
  fsync(fd: number): void;
  close(fd: number): void;
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** With its parents; an existing one is fine. */
  mkdir(path: string): void;
  /** Names in a directory, sorted; none when it does not exist. */
  list(path: string): string[];
  /** A directory with all that is in it; nothing when it does not exist. */
  removeTree(path: string): void;
}

export const spoolDisk: SpoolDisk = {
  open: (path, mode) => openSync(path, mode === 'read' ? 'r' : 'w', 0o600),
  read: (fd, into, offset, length, position) => readSync(fd, into, offset, length, position),
  write: (fd, bytes, offset, length) => writeSync(fd, bytes, offset, length),
  size: (fd) => fstatSync(fd).size,
  fsync: (fd) => fsyncSync(fd),
  close: (fd) => closeSync(fd),
  rename: (from, to) => renameSync(from, to),
  unlink: (path) => unlinkSync(path),
  mkdir: (path) => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  },
  list: (path) => {
    try {
      return readdirSync(path).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  removeTree: (path) => rmSync(path, { recursive: true, force: true }),
};

/** Name of a file that is not whole yet; a crash may leave one behind, and nothing ever reads it. */
export const temporarySuffix = '.tmp';

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/**
 * Puts a whole file in place or changes nothing that is read: temporary file, fsync, rename, fsync of the directory.
 * When it returns, the file survives a power cut. @throws ErrnoException
 */
export function writeDurably(disk: SpoolDisk, path: string, pieces: Iterable<Uint8Array>): void {
  const temporary = path + temporarySuffix;
  try {
    writeAll(disk, temporary, pieces);
  } catch (error) {
    // Half of a file would keep the room that the next attempt needs.
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') removeQuietly(disk, temporary);
    throw error;
  }
  disk.rename(temporary, path);
  fsyncDirectory(disk, dirname(path));
}

function removeQuietly(disk: SpoolDisk, path: string): void {
  try {
    disk.unlink(path);
  } catch {
    // It was not even made.
  }
}

function writeAll(disk: SpoolDisk, path: string, pieces: Iterable<Uint8Array>): void {
  const fd = disk.open(path, 'write');
  try {
    for (const piece of pieces) {
      let offset = 0;
      while (offset < piece.length) offset += disk.write(fd, piece, offset, piece.length - offset);
    }
    disk.fsync(fd);
  } finally {
    disk.close(fd);
  }
}

export function fsyncDirectory(disk: SpoolDisk, path: string): void {
  const fd = disk.open(path, 'read');
  try {
    disk.fsync(fd);
  } finally {
    disk.close(fd);
  }
}

/** A whole file; null when there is none. @throws ErrnoException */
export function readWhole(disk: SpoolDisk, path: string): Buffer | null {
  let fd: number;
  try {
    fd = disk.open(path, 'read');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafe(disk.size(fd));
    let have = 0;
    while (have < bytes.length) {
      const read = disk.read(fd, bytes, have, bytes.length - have, have);
      if (read === 0) break;
      have += read;
    }
    return bytes.subarray(0, have);
  } finally {
    disk.close(fd);
  }
}
