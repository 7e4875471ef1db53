/**
 * Owns reading a reel's journal behind its writer: whole turns only, from file to file, and trimming files no longer needed.
 * Writes nothing and knows nothing of what entries mean. Format: journalFormat.ts.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fileHeaderBytes, journalMagic, turnHeaderBytes } from './journalFormat.ts';
import { isMissing, type SpoolDisk, spoolDisk } from './spoolDisk.ts';

/** Where the next turn starts; offset 0 is the start of the file's header. */
export interface JournalPosition {
  readonly file: number;
  readonly offset: number;
}

/** `none`: nothing whole yet; `damaged`: `damage` says what was skipped, and reading goes on behind it. */
export type TurnRead = 'turn' | 'none' | 'damaged';

const namePattern = /^(\d{8,})\.journal$/;
const startBytes = 512 * 1024;
/** A turn longer than this was never written by a relay, whatever its header says. */
const turnBytesMax = 1024 * 1024 * 1024;

export class JournalReader {
  /** The turn just read: its payload is buffer[start, end), valid until the next read. */
  buffer = Buffer.allocUnsafe(startBytes);
  start = 0;
  end = 0;
  /** Milliseconds since the reel started. */
  ms = 0;
  damage = '';
  /** Bytes read past, over all files of the reel, headers included: what the writer calls journaled. */
  consumed: number;
  readonly #dir: string;
  readonly #disk: SpoolDisk;
  #file: number;
  #fd = -1;
  /** File offset of buffer[#low]; bytes up to buffer[#high] are read and not yet handed over. */
  #offset: number;
  #low = 0;
  #high = 0;

  constructor(dir: string, from: JournalPosition | null, consumed: number, disk: SpoolDisk = spoolDisk) {
    this.#dir = dir;
    this.#disk = disk;
    this.#file = from?.file ?? 1;
    this.#offset = from?.offset ?? 0;
    this.consumed = consumed;
  }

  get position(): JournalPosition {
    return { file: this.#file, offset: this.#offset };
  }

  /** Numbers of the files that are there, rising. */
  files(): number[] {
    const numbers: number[] = [];
    for (const name of this.#disk.list(this.#dir)) {
      const match = namePattern.exec(name);
      if (match !== null) numbers.push(Number(match[1]));
    }
    return numbers.sort((a, b) => a - b);
  }

  /** Reads the next whole turn. @throws ErrnoException, then nothing has moved */
  read(): TurnRead {
    for (;;) {
      if (this.#fd < 0 && !this.#open()) {
        const next = this.#nextFile();
        if (next === 0) return 'none';
        return this.#skipTo(next, `file ${this.#file} is missing`);
      }
      if (this.#offset === 0) {
        const header = this.#fileHeader();
        if (header !== 'turn') return header;
      }
      const found = this.#turn();
      if (found !== 'next') return found;
    }
  }

  /** Removes files wholly before `position`. @throws ErrnoException */
  trim(position: JournalPosition): void {
    for (const number of this.files()) {
      if (number < position.file) this.#disk.unlink(join(this.#dir, fileName(number)));
    }
  }

  close(): void {
    if (this.#fd >= 0) this.#disk.close(this.#fd);
    this.#fd = -1;
    this.#low = 0;
    this.#high = 0;
  }

  #open(): boolean {
    try {
      this.#fd = this.#disk.open(join(this.#dir, fileName(this.#file)), 'read');
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  #fileHeader(): TurnRead {
    if (!this.#fill(fileHeaderBytes)) {
      const next = this.#nextFile();
      if (next === 0) return 'none';
      if (!this.#fill(fileHeaderBytes)) return this.#skipTo(next, `file ${this.#file} has no header`);
    }
    const at = this.#low;
    const magic = this.buffer.toString('latin1', at, at + journalMagic.length);
    if (magic !== journalMagic || this.buffer.readUInt32LE(at + 8) !== this.#file) {
      return this.#skipTo(this.#file + 1, `file ${this.#file} has a wrong header`);
    }
    this.#advance(fileHeaderBytes);
    return 'turn';
  }

  /** `next`: this file is read to its end and the next one is there. */
  #turn(): TurnRead | 'next' {
    if (!this.#fill(turnHeaderBytes)) return this.#endOfFile(turnHeaderBytes);
    const payload = this.buffer.readUInt32LE(this.#low);
    // Space that was allocated and not yet written reads as zeros; a turn is never empty.
    if (payload === 0) return this.#endOfFile(turnHeaderBytes);
    const whole = turnHeaderBytes + payload;
    if (whole > turnBytesMax) return this.#skipTo(this.#file + 1, `${this.#place()}: impossible length`);
    if (!this.#fill(whole)) return this.#endOfFile(whole);
    if (!this.#sound(whole)) {
      // The read may have overtaken the write: it is damage only if it stays so although later bytes are there.
      const later = this.#disk.size(this.#fd) > this.#offset + whole || this.#nextFile() !== 0;
      this.#high = this.#low;
      if (!this.#fill(whole) || !this.#sound(whole)) {
        return later ? this.#skipTo(this.#file + 1, `${this.#place()}: wrong checksum`) : 'none';
      }
    }
    this.ms = this.buffer.readDoubleLE(this.#low + 8);
    this.start = this.#low + turnHeaderBytes;
    this.end = this.#low + whole;
    this.#advance(whole);
    return 'turn';
  }

  #sound(whole: number): boolean {
    const at = this.#low;
    const { buffer, byteOffset } = this.buffer;
    return crc32(new Uint8Array(buffer, byteOffset + at + 8, whole - 8)) === this.buffer.readUInt32LE(at + 4);
  }

  #endOfFile(wanted: number): 'none' | 'damaged' | 'next' {
    const next = this.#nextFile();
    if (next === 0) return 'none';
    // The writer may have finished this file between the two looks at it.
    if (this.#fill(wanted) && this.buffer.readUInt32LE(this.#low) !== 0) return 'next';
    if (this.#high > this.#low) return this.#skipTo(next, `${this.#place()}: cut short`);
    if (next !== this.#file + 1) return this.#skipTo(next, `file ${this.#file + 1} is missing`);
    this.#go(next);
    return 'next';
  }

  #skipTo(file: number, damage: string): 'damaged' {
    this.damage = damage;
    this.#go(file);
    return 'damaged';
  }

  #go(file: number): void {
    if (this.#fd >= 0) {
      const rest = this.#disk.size(this.#fd) - this.#offset;
      if (rest > 0) this.consumed += rest;
    }
    this.close();
    this.#file = file;
    this.#offset = 0;
  }

  /** Lowest file number after this one; 0 when there is none. */
  #nextFile(): number {
    for (const number of this.files()) if (number > this.#file) return number;
    return 0;
  }

  #place(): string {
    return `file ${this.#file} offset ${this.#offset}`;
  }

  #advance(bytes: number): void {
    this.#low += bytes;
    this.#offset += bytes;
    this.consumed += bytes;
  }

  /** Has at least `bytes` in the buffer at #low; grows it only for bytes that are in the file. */
  #fill(bytes: number): boolean {
    const have = this.#high - this.#low;
    if (have >= bytes) return true;
    if (have === 0) {
      this.#low = 0;
      this.#high = 0;
    }
    if (this.#low + bytes > this.buffer.length) this.#makeRoom(bytes);
    if (bytes > this.buffer.length) return false;
    while (this.#high - this.#low < bytes) {
      const room = this.buffer.length - this.#high;
      const at = this.#offset + this.#high - this.#low;
      const read = this.#disk.read(this.#fd, this.buffer, this.#high, room, at);
      if (read === 0) return false;
      this.#high += read;
    }
    return true;
  }

  #makeRoom(bytes: number): void {
    let into = this.buffer;
    if (bytes > into.length) {
      if (this.#disk.size(this.#fd) < this.#offset + bytes) return;
      into = Buffer.allocUnsafe(bytes);
    } else if (into.length > startBytes && bytes <= startBytes) {
      into = Buffer.allocUnsafe(Math.max(startBytes, this.#high - this.#low));
    }
    this.buffer.copy(into, 0, this.#low, this.#high);
    this.buffer = into;
    this.#high -= this.#low;
    this.#low = 0;
  }
}

function fileName(number: number): string {
  return `${String(number).padStart(8, '0')}.journal`;
}
