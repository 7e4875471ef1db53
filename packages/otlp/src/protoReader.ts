/**
 * Owns reading protobuf fields out of bytes from outside: never past the end it was given, never throwing,
 * one `failed` flag instead. Knows no message (https://protobuf.dev/programming-guides/encoding).
 */

/** Wire types; 3 and 4, the groups proto3 does not have, are refused. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const varintBytesMax = 10;
/** Field numbers have 29 bits. */
const keyMax = 2 ** 32 - 1;

/** A cursor over one message's fields: `next` steps to a field, whose content is then `from` to `to`. */
export class ProtoReader {
  bytes: Uint8Array;
  #pos: number;
  #end: number;
  failed = false;
  /** Where the field began, its key included. */
  start = 0;
  field = 0;
  type = 0;
  /** Content of a length-delimited or fixed field. */
  from = 0;
  to = 0;
  /** Value of a varint field; inexact above 2^53. */
  value = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#pos = start;
    this.#end = end;
  }

  /** Starts over on another message. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.#pos = start;
    this.#end = end;
    this.failed = false;
  }

  /** Steps to the next field; false at the end, and when the bytes are no message (`failed`). */
  next(): boolean {
    if (this.failed || this.#pos >= this.#end) return false;
    this.start = this.#pos;
    const key = this.#varint();
    if (this.failed || key < 8 || key > keyMax) return this.#fail();
    this.field = key >>> 3;
    this.type = key & 7;
    switch (this.type) {
      case wireType.varint:
        this.value = this.#varint();
        this.from = this.to = this.#pos;
        return !this.failed;
      case wireType.bytes: {
        const length = this.#varint();
        return !this.failed && this.#content(length);
      }
      case wireType.fixed64:
        return this.#content(8);
      case wireType.fixed32:
        return this.#content(4);
      default:
        return this.#fail();
    }
  }

  /** The field is length-delimited number `field`. */
  is(field: number): boolean {
    return this.field === field && this.type === wireType.bytes;
  }

  #content(length: number): boolean {
    if (length > this.#end - this.#pos) return this.#fail();
    this.from = this.#pos;
    this.to = this.#pos += length;
    return true;
  }

  #varint(): number {
    const { bytes } = this;
    const pos = this.#pos;
    if (pos + 4 > this.#end) return this.#slowVarint();
    const first = bytes[pos] as number;
    if (first < 0x80) {
      this.#pos = pos + 1;
      return first;
    }
    let value = first & 0x7f;
    for (let i = 1; i < 4; i++) {
      const byte = bytes[pos + i] as number;
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        this.#pos = pos + i + 1;
        return value;
      }
    }
    return this.#slowVarint();
  }

  /** Near the end, and for more than 28 bits. */
  #slowVarint(): number {
    let value = 0;
    let scale = 1;
    const last = Math.min(this.#end, this.#pos + varintBytesMax);
    for (let pos = this.#pos; pos < last; pos++) {
      const byte = this.bytes[pos] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#pos = pos + 1;
        return value;
      }
      scale *= 128;
    }
    this.failed = true;
    return 0;
  }

  #fail(): false {
    this.failed = true;
    return false;
  }
}
