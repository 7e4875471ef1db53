/**
 * Owns the bytes of one turn while it is filled: entries in, a finished turn out. Knows no files and no
 * clocks. It is written on the relay's path, so it neither allocates nor makes views for small pieces.
 */
import { crc32 } from 'node:zlib';
import { entryHeaderBytes, turnHeaderBytes } from './journalFormat.ts';

const scratchDouble = new Float64Array(1);
const scratchBytes = new Uint8Array(scratchDouble.buffer);
const startBytes = 1024 * 1024;
/** Copying below this many bytes in a loop is cheaper than a call that makes a view. */
const loopBytesMax = 64;

export class TurnBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(startBytes);
  /** End of what is written; the turn's header is the first 16 bytes. */
  end = turnHeaderBytes;
  /** Start of the last entry's header while more bytes may join it; -1 when none may. */
  #open = -1;
  #openKey = -1;
  #openSession = -1;

  get isEmpty(): boolean {
    return this.end === turnHeaderBytes;
  }

  /**
   * Adds `chunk[start, end)` to the last entry when that is of the same kind and session, else begins one.
   */
  stream(kind: number, session: number, chunk: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#open < 0 || this.#openKey !== kind || this.#openSession !== session) {
      this.#reserve(entryHeaderBytes + length);
      this.#open = this.end;
      this.#openKey = kind;
      this.#openSession = session;
      this.#header(kind, 0, session, 0);
    } else this.#reserve(length);
    this.#copy(chunk, start, end);
    this.#putUint32(this.#open + 8, this.end - this.#open - entryHeaderBytes);
  }

  /** An entry that stands alone. */
  entry(kind: number, flag: number, session: number, body: Uint8Array): void {
    this.#reserve(entryHeaderBytes + body.length);
    this.#open = -1;
    this.#header(kind, flag, session, body.length);
    this.#copy(body, 0, body.length);
  }

  /** u32, u32, f64 and, for a tail, a hash: the body of `counted` and `tail`. */
  numbers(
    kind: number,
    flag: number,
    session: number,
    first: number,
    second: number,
    double: number,
    rest: Uint8Array | null,
  ): void {
    const length = 16 + (rest === null ? 0 : rest.length);
    this.#reserve(entryHeaderBytes + length);
    this.#open = -1;
    this.#header(kind, flag, session, length);
    this.#putUint32(this.end, first);
    this.#putUint32(this.end + 4, second);
    this.#putDouble(this.end + 8, double);
    this.end += 16;
    if (rest !== null) this.#copy(rest, 0, rest.length);
  }

  /** Writes the turn's header; `bytes[0, end)` is then the whole turn. */
  finish(ms: number): void {
    this.#open = -1;
    this.#putUint32(0, this.end - turnHeaderBytes);
    this.#putDouble(8, ms);
    this.#putUint32(4, crc32(this.bytes.subarray(8, this.end)));
  }

  clear(): void {
    this.end = turnHeaderBytes;
    this.#open = -1;
    // One huge turn must not keep its memory for ever.
    if (this.bytes.length > startBytes) this.bytes = Buffer.allocUnsafeSlow(startBytes);
  }

  #header(kind: number, flag: number, session: number, length: number): void {
    const at = this.end;
    const bytes = this.bytes;
    bytes[at] = kind;
    bytes[at + 1] = flag;
    bytes[at + 2] = 0;
    bytes[at + 3] = 0;
    this.#putUint32(at + 4, session);
    this.#putUint32(at + 8, length);
    this.end = at + entryHeaderBytes;
  }

  #copy(source: Uint8Array, start: number, end: number): void {
    const bytes = this.bytes;
    let to = this.end;
    if (end - start <= loopBytesMax) {
      for (let from = start; from < end; from += 1) bytes[to++] = source[from] as number;
    } else {
      bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), to);
      to += end - start;
    }
    this.end = to;
  }

  #putUint32(at: number, value: number): void {
    const bytes = this.bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  #putDouble(at: number, value: number): void {
    scratchDouble[0] = value;
    for (let index = 0; index < 8; index += 1) this.bytes[at + index] = scratchBytes[index] as number;
  }

  #reserve(length: number): void {
    const needed = this.end + length;
    if (needed <= this.bytes.length) return;
    let size = this.bytes.length * 2;
    while (size < needed) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
  }
}
