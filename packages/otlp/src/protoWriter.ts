/**
 * Owns one growing buffer and the protobuf primitives written into it
 * (https://protobuf.dev/programming-guides/encoding). Knows no message of OpenTelemetry.
 */

/** Bytes of a padded length: four varint bytes hold 28 bits. */
const paddedBytes = 4;
/** Largest length a padded varint of four bytes can say. */
export const paddedMax = 2 ** 28 - 1;

const two32 = 2 ** 32;

export class ProtoWriter {
  buf: Buffer;
  pos = 0;

  constructor(bytes: number) {
    this.buf = Buffer.allocUnsafeSlow(bytes);
  }

  /** Makes `bytes` writable at `pos`. Views handed out before stay on the old memory. */
  reserve(bytes: number): void {
    if (this.pos + bytes <= this.buf.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buf.length * 2, this.pos + bytes));
    this.buf.copy(larger, 0, 0, this.pos);
    this.buf = larger;
  }

  block(bytes: Uint8Array): void {
    this.buf.set(bytes, this.pos);
    this.pos += bytes.length;
  }

  byte(value: number): void {
    this.buf[this.pos++] = value;
  }

  /** An unsigned varint; exact up to 2^53. */
  varint(value: number): void {
    const buf = this.buf;
    let pos = this.pos;
    let rest = value;
    while (rest >= two32) {
      buf[pos++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    rest >>>= 0;
    while (rest > 0x7f) {
      buf[pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buf[pos++] = rest;
    this.pos = pos;
  }

  /** Leaves room for a length not known yet, after the field's key; `fill` writes it. */
  open(key: number): number {
    this.buf[this.pos] = key;
    this.pos += 1 + paddedBytes;
    return this.pos;
  }

  /** Ends what `open` began at `start`. */
  close(start: number): void {
    this.fill(start, this.pos - start);
  }

  /**
   * Writes `length` in the four bytes before `start`, padded: continuation bits on zero bits, as the encoding
   * allows.
   */
  fill(start: number, length: number): void {
    const buf = this.buf;
    buf[start - 4] = (length & 0x7f) | 0x80;
    buf[start - 3] = ((length >>> 7) & 0x7f) | 0x80;
    buf[start - 2] = ((length >>> 14) & 0x7f) | 0x80;
    buf[start - 1] = (length >>> 21) & 0x7f;
  }

  /**
   * UTF-8 of `value` without a length, whole characters within `bytesMax`. Short ASCII never leaves
   * JavaScript.
   */
  text(value: string, bytesMax: number): void {
    const { buf, pos } = this;
    const length = value.length;
    if (length > 24 || length > bytesMax) {
      this.pos += buf.write(value, pos, Math.min(bytesMax, length * 3), 'utf8');
      return;
    }
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) {
        this.pos += buf.write(value, pos, Math.min(bytesMax, length * 3), 'utf8');
        return;
      }
      buf[pos + i] = unit;
    }
    this.pos = pos + length;
  }

  /** A length-delimited field from a string of at most `bytesMax` bytes. */
  string(key: number, value: string, bytesMax: number): void {
    if (Math.min(value.length * 3, bytesMax) > 0x7f) {
      const start = this.open(key);
      this.text(value, bytesMax);
      this.close(start);
      return;
    }
    this.buf[this.pos] = key;
    this.pos += 2;
    const start = this.pos;
    this.text(value, bytesMax);
    this.buf[start - 1] = this.pos - start;
  }

  /** What was written, as a copy of its own. */
  copy(start = 0): Buffer {
    return Buffer.from(this.buf.subarray(start, this.pos));
  }
}

/** Writes `high`:`low` as a little-endian fixed64 at `pos`. */
export function putFixed64(buf: Uint8Array, pos: number, high: number, low: number): void {
  putLow(buf, pos, low);
  putLow(buf, pos + 4, high);
}

function putLow(buf: Uint8Array, pos: number, value: number): void {
  buf[pos] = value;
  buf[pos + 1] = value >>> 8;
  buf[pos + 2] = value >>> 16;
  buf[pos + 3] = value >>> 24;
}

/** Digits `from` to `to` of a decimal string; at most 9, so that small integers suffice. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) value = value * 10 + (text.charCodeAt(i) - 48);
  return value;
}

/**
 * Writes `nanoseconds` (decimal digits, since 1970) as a fixed64 at `startPos`, and `plusNs` later at
 * `endPos`. Exact without bigint until the year 2255: microseconds fit a double, and a thousand times their
 * low 32 bits does as well. `plusNs` is a whole number below 2^52.
 */
export function putTimes(
  buf: Uint8Array,
  startPos: number,
  endPos: number,
  nanoseconds: string,
  plusNs: number,
): void {
  const units = Math.max(0, nanoseconds.length - 3);
  const middle = Math.max(0, units - 9);
  const micros = digits(nanoseconds, 0, middle) * 1e9 + digits(nanoseconds, middle, units);
  const microsHigh = Math.floor(micros / two32);
  const high = microsHigh * 1000;
  const low = (micros - microsHigh * two32) * 1000 + digits(nanoseconds, units, nanoseconds.length);
  const carry = Math.floor(low / two32);
  putFixed64(buf, startPos, high + carry, low - carry * two32);
  const later = low + plusNs;
  const laterCarry = Math.floor(later / two32);
  putFixed64(buf, endPos, high + laterCarry, later - laterCarry * two32);
}
