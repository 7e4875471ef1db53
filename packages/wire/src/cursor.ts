/**
 * Owns reading one message body, or one value of it, front to back in network byte order. Cannot read past
 * its end: the first attempt sets `failed`, and from then on every read gives zero or nothing. Knows no
 * message.
 */

const decode = Buffer.prototype.toString;
const nothing = new Uint8Array(0);

/** bytes[start, end) as UTF-8, U+FFFD for what is none. */
export function utf8(bytes: Uint8Array, start: number, end: number): string {
  return start >= end ? '' : decode.call(bytes, 'utf8', start, end);
}

const scratch = new DataView(new ArrayBuffer(8));

export class Cursor {
  readonly bytes: Uint8Array;
  /** Next byte to read. */
  position: number;
  readonly end: number;
  failed = false;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = Math.min(end, bytes.length);
  }

  get rest(): number {
    return this.end - this.position;
  }

  /** True when nothing failed and every byte was read: the server refuses messages with bytes left over. */
  get finished(): boolean {
    return !this.failed && this.position === this.end;
  }

  /** Marks the body malformed. */
  fail(): void {
    this.failed = true;
    this.position = this.end;
  }

  uint8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.bytes[at]!;
  }

  int16(): number {
    return (this.uint16() << 16) >> 16;
  }

  uint16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  int32(): number {
    const at = this.#take(4);
    if (at < 0) return 0;
    const bytes = this.bytes;
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  float32(): number {
    scratch.setInt32(0, this.int32());
    return scratch.getFloat32(0);
  }

  float64(): number {
    scratch.setInt32(0, this.int32());
    scratch.setInt32(4, this.int32());
    return scratch.getFloat64(0);
  }

  /** Up to the first zero byte, which must lie before the end and is consumed; UTF-8. */
  cstring(): string {
    const start = this.position;
    const zero = this.bytes.indexOf(0, start);
    if (this.failed || zero < 0 || zero >= this.end) {
      this.fail();
      return '';
    }
    this.position = zero + 1;
    return utf8(this.bytes, start, zero);
  }

  /** The next `length` bytes as a view. */
  view(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0 || length === 0 ? nothing : this.bytes.subarray(at, at + length);
  }

  /** A cursor over the next `length` bytes, which this one then has read. */
  inner(length: number): Cursor {
    const at = this.#take(length);
    const inner = at < 0 ? new Cursor(nothing) : new Cursor(this.bytes, at, at + length);
    if (at < 0) inner.fail();
    return inner;
  }

  #take(length: number): number {
    const at = this.position;
    if (length < 0 || length > this.end - at || this.failed) {
      this.fail();
      return -1;
    }
    this.position = at + length;
    return at;
  }
}
