/**
 * Owns the files of one reel's journal: append, and the next file when one is full. Knows nothing of what the
 * bytes mean.
 */
import { closeSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileHeaderBytes, journalMagic } from './journalFormat.ts';

/** The system calls the journal makes, so that a test can fail them. */
export interface JournalDisk {
  /** Creates a file that must not exist; @throws ErrnoException */
  open(path: string): number;
  /** May write less than asked; @throws ErrnoException */
  write(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  close(fd: number): void;
  /** Bytes of the open file. */
  size?(fd: number): number;
  /** Names the open file still has; 0: it was removed. */
  links?(fd: number): number;
  /** With its parents, mode 0700; an existing one is fine. */
  mkdir?(path: string): void;
}

export const journalDisk: JournalDisk = {
  open: (path) => openSync(path, 'ax', 0o600),
  write: (fd, bytes, offset, length) => writeSync(fd, bytes, offset, length),
  close: (fd) => closeSync(fd),
  size: (fd) => fstatSync(fd).size,
  links: (fd) => fstatSync(fd).nlink,
  mkdir: (path) => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  },
};

/** 16 MiB: small enough that trimming whole files follows the sealed position closely. */
export const journalFileBytesMax = 16 * 1024 * 1024;

/** `00000001.journal` */
export function journalFileName(number: number): string {
  return `${String(number).padStart(8, '0')}.journal`;
}

/** Magic and number, the first 16 bytes of a file. */
export function journalFileHeader(number: number): Buffer {
  const header = Buffer.alloc(fileHeaderBytes);
  header.write(journalMagic, 0, 'latin1');
  header.writeBigUInt64LE(BigInt(number), 8);
  return header;
}

/**
 * Appends strictly: after a failure it goes on where the last write ended, so a reader never sees a byte
 * change.
 */
export class JournalFile {
  /** Bytes in the open file; 0 before the first. */
  fileBytes = 0;
  /** Bytes written over all files of the reel. */
  totalBytes = 0;
  readonly #dir: string;
  readonly #disk: JournalDisk;
  #fd = -1;
  #number = 0;

  constructor(dir: string, disk: JournalDisk) {
    this.#dir = dir;
    this.#disk = disk;
  }

  /** Starts the next file; the one before is complete. @throws ErrnoException; then nothing has changed */
  next(): Buffer {
    const fd = this.#create(join(this.#dir, journalFileName(this.#number + 1)));
    this.close();
    this.#fd = fd;
    this.#number += 1;
    this.fileBytes = 0;
    return journalFileHeader(this.#number);
  }

  /** Somebody removed the open file, or the directory with it: what is written there ends with the process. */
  get isGone(): boolean {
    try {
      return this.#fd >= 0 && this.#disk.links?.(this.#fd) === 0;
    } catch {
      return false;
    }
  }

  /** One write(2), may take less than `length`. @throws ErrnoException */
  append(bytes: Uint8Array, offset: number, length: number): number {
    const written = this.#written(bytes, offset, length);
    if (written === 0) throw Object.assign(new Error('write(2) took no byte'), { code: 'EIO' });
    this.fileBytes += written;
    this.totalBytes += written;
    return written;
  }

  /** A write that failed may have left bytes all the same: written once more they would be a second turn. */
  #written(bytes: Uint8Array, offset: number, length: number): number {
    try {
      return this.#disk.write(this.#fd, bytes, offset, length);
    } catch (error) {
      const grown = this.#grown();
      if (grown > 0 && grown <= length) return grown;
      throw error;
    }
  }

  /** Bytes in the open file beyond those that are known. */
  #grown(): number {
    try {
      return (this.#disk.size?.(this.#fd) ?? this.fileBytes) - this.fileBytes;
    } catch {
      return 0;
    }
  }

  /** Makes a directory that somebody removed anew: without it there would be no next file for ever. */
  #create(path: string): number {
    try {
      return this.#disk.open(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || this.#disk.mkdir === undefined) throw error;
      this.#disk.mkdir(this.#dir);
      return this.#disk.open(path);
    }
  }

  close(): void {
    if (this.#fd >= 0) this.#disk.close(this.#fd);
    this.#fd = -1;
  }
}
