/**
 * Owns the entries that have an index in the log and are not in a published tree yet: durable before `append`
 * resolves, many entries with one fsync. It refuses to know what an entry says.
 *
 * Files in one directory, `journal-<generation>-<first index>`, each written once from its first byte and never
 * opened again. A record is its length (4 bytes, high byte first), 8 bytes of SHA-256 over index and entry, and
 * the entry. After a failure a new generation begins behind the last durable entry: from its first index on it
 * counts, and nothing an older one holds there. At a start everything is written anew, under another name until
 * it is durable, for what a dead process wrote may be in the kernel only.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Disk, type DiskFile, errnoOf, makeDirectoryDurably } from '@pgtape/store';

const name = /^journal-(\d{8})-(\d{16})$/;
/** Of `reset` until it is durable. */
const DRAFT = 'journal-draft';
const headBytes = 12;
const mode = 0o600;
/** From this size on a file is followed by a new one, so that it goes when everything in it is published. */
const fileBytesMax = 1024 * 1024;

interface JournalFile {
  readonly path: string;
  readonly first: number;
  /** Behind its last entry. */
  end: number;
}

interface OpenFile {
  readonly handle: DiskFile;
  readonly file: JournalFile;
  bytes: number;
}

interface Waiting {
  readonly entry: Uint8Array;
  readonly resolve: (index: number) => void;
  readonly reject: (error: unknown) => void;
}

export interface JournalContent {
  /** Index of the first entry. */
  readonly first: number;
  readonly entries: readonly Uint8Array[];
}

function checkOf(index: number, entry: Uint8Array): Uint8Array {
  const at = Buffer.alloc(8);
  at.writeBigUInt64BE(BigInt(index));
  return createHash('sha256').update(at).update(entry).digest().subarray(0, 8);
}

function recordOf(index: number, entry: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(entry.length);
  return Buffer.concat([head, checkOf(index, entry), entry]);
}

/** Whole records from the start; the first that is not whole ends them. */
function entriesIn(bytes: Uint8Array, first: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const end = at + headBytes + view.getUint32(at);
    if (end > bytes.length) break;
    const entry = bytes.subarray(at + headBytes, end);
    if (Buffer.compare(checkOf(first + entries.length, entry), bytes.subarray(at + 4, at + headBytes)) !== 0)
      break;
    entries.push(entry);
    at = end;
  }
  return entries;
}

export class SequencerJournal {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #files: JournalFile[] = [];
  readonly #waiting: Waiting[] = [];
  #generation = 0;
  #next = 0;
  #open: OpenFile | null = null;
  #flushing: Promise<void> | null = null;

  constructor(directory: string, disk: Disk) {
    this.#directory = directory;
    this.#disk = disk;
  }

  /** What is durable, or was about to be when a process died. Makes the directory. Rejects as the disk. */
  async read(): Promise<JournalContent> {
    await makeDirectoryDurably(this.#directory, this.#disk);
    const found = (await this.#disk.readdir(this.#directory))
      .map((entry) => name.exec(entry.name))
      .filter((match) => match !== null)
      .sort((a, b) => Number(a[1]) - Number(b[1]));
    this.#files.length = 0;
    let first = 0;
    let entries: Uint8Array[] = [];
    for (const match of found) {
      const [file = '', generation, index] = match;
      const from = Number(index);
      const path = join(this.#directory, file);
      const more = entriesIn(await this.#disk.readFile(path), from);
      // Behind a hole, or before all that is known, the older entries are of another time.
      const joins = from >= first && from <= first + entries.length;
      entries = joins ? [...entries.slice(0, from - first), ...more] : more;
      first = joins ? first : from;
      this.#generation = Number(generation);
      this.#files.push({ path, first: from, end: from + more.length });
    }
    this.#next = first + entries.length;
    return { first, entries };
  }

  /**
   * Holds exactly `entries`, from index `first` on, when it resolves. Rejects as the disk; what was there before is
   * there still.
   */
  async reset(first: number, entries: readonly Uint8Array[]): Promise<void> {
    const older = [...this.#files];
    await this.#abandon();
    const draft = join(this.#directory, DRAFT);
    await this.#unlink(draft);
    const handle = await this.#disk.create(draft, mode);
    this.#open = { handle, file: this.#nextFile(first), bytes: 0 };
    this.#next = first;
    await this.#write(entries);
    const { path } = this.#open.file;
    try {
      await this.#disk.rename(draft, path);
      await this.#disk.fsyncDirectory(this.#directory);
    } catch (error) {
      await this.#abandon();
      throw error;
    }
    for (const file of older) await this.#remove(file);
  }

  /** Index of the next entry. */
  get next(): number {
    return this.#next;
  }

  /** The entry's index, when it is durable. Rejects as the disk: it has no index then. */
  append(entry: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      this.#flushing ??= this.#flush().finally(() => {
        this.#flushing = null;
      });
    });
  }

  /** Entries before `size` are published: files that hold nothing else go. Never rejects. */
  async published(size: number): Promise<void> {
    for (const file of [...this.#files]) {
      if (file.end <= size && file !== this.#open?.file) await this.#remove(file).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#abandon();
  }

  /** What came while one fsync ran goes with the next. */
  async #flush(): Promise<void> {
    // One turn of the event loop, so that what is sequenced together is written together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      const first = this.#next;
      try {
        await this.#write(batch.map(({ entry }) => entry));
        for (const [i, { resolve }] of batch.entries()) resolve(first + i);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  /** All or nothing: after a failure the file's content is unknown, and the next generation takes its place. */
  async #write(entries: readonly Uint8Array[]): Promise<void> {
    const first = this.#next;
    const bytes = Buffer.concat(entries.map((entry, i) => recordOf(first + i, entry)));
    try {
      if (this.#open !== null && this.#open.bytes >= fileBytesMax) await this.#abandon();
      this.#open ??= await this.#create();
      for (let at = 0; at < bytes.length; ) {
        const written = await this.#open.handle.write(bytes.subarray(at));
        if (written <= 0) throw new Error('write took nothing');
        at += written;
      }
      await this.#open.handle.fsync();
    } catch (error) {
      await this.#abandon();
      throw error;
    }
    this.#next = first + entries.length;
    this.#open.bytes += bytes.length;
    this.#open.file.end = this.#next;
  }

  async #create(): Promise<OpenFile> {
    const file = this.#nextFile(this.#next);
    const handle = await this.#disk.create(file.path, mode);
    try {
      await this.#disk.fsyncDirectory(this.#directory);
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
    return { handle, file, bytes: 0 };
  }

  /** Known from here on, also where it is never made: it is to be removed one day. */
  #nextFile(first: number): JournalFile {
    this.#generation += 1;
    const generation = String(this.#generation).padStart(8, '0');
    const path = join(this.#directory, `journal-${generation}-${String(first).padStart(16, '0')}`);
    const file = { path, first, end: first };
    this.#files.push(file);
    return file;
  }

  async #abandon(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.handle.close().catch(() => undefined);
  }

  async #remove(file: JournalFile): Promise<void> {
    await this.#unlink(file.path);
    const at = this.#files.indexOf(file);
    if (at >= 0) this.#files.splice(at, 1);
  }

  async #unlink(path: string): Promise<void> {
    await this.#disk.unlink(path).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
    });
  }
}
