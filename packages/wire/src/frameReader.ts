/**
 * Owns putting a reduced stream (see framing.ts) back into whole frames, in whatever fragments it arrives.
 * Holds at most one frame's kept bytes; knows nothing of what the bodies mean.
 */
import { checkInspectBytesMax, headerBytes, lengthMaxByTag } from './framing.ts';
import type { Side } from './tag.ts';

/**
 * One frame. `body` is a view, valid only during the call; where the body was over the inspection limit it
 * is the body's prefix, `bodyBytes` the true length and `sha256` of the whole body, else `sha256` is null.
 */
export type OnFrame = (tag: number, body: Uint8Array, bodyBytes: number, sha256: Uint8Array | null) => void;

/** What a reader holds between two pushes, as JSON. */
export interface FrameReaderSnapshot {
  /** The incomplete frame so far, base64. */
  readonly bytes: string;
  readonly broken?: true;
}

const nothing = new Uint8Array(0);
/**
 * Small bodies are handed over in these arrays, one for each length, again and again: copying a few bytes costs
 * less than a view, which is garbage after the call. All of them are pieces of one buffer outside V8's heap,
 * from where text is decoded fastest.
 */
const reusedBytesMax = 64;
const reused: readonly Uint8Array[] = reusedBodies();
/** A pending buffer larger than this is not kept for the next frame. */
const spareBytesMax = 1024;

export class FrameReader {
  readonly #onFrame: OnFrame;
  readonly #inspectBytesMax: number;
  readonly #lengthMax: Int32Array;
  /** The incomplete frame so far is #buffer[0, #have). */
  #buffer: Uint8Array = nothing;
  #have = 0;
  #broken = false;

  /** @param inspectBytesMax the cutter's; RangeError when it is no whole number from 4. */
  constructor(side: Side, inspectBytesMax: number, onFrame: OnFrame) {
    checkInspectBytesMax(inspectBytesMax);
    this.#onFrame = onFrame;
    this.#inspectBytesMax = inspectBytesMax;
    this.#lengthMax = lengthMaxByTag(side);
  }

  /** Bytes held for a frame that is not whole yet: at most the inspection limit and a header. */
  get pending(): number {
    return this.#have;
  }

  /** What came was no reduced stream (a damaged journal); everything after it is ignored. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Takes the next kept bytes, bytes[start, end); calls onFrame for each frame they complete. */
  push(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    let pos = this.#have > 0 ? this.#complete(bytes, start, end) : start;
    while (pos + headerBytes <= end && !this.#broken) {
      const length =
        (bytes[pos + 1]! << 24) | (bytes[pos + 2]! << 16) | (bytes[pos + 3]! << 8) | bytes[pos + 4]!;
      const tag = bytes[pos]!;
      if (length < 4 || length > this.#lengthMax[tag]!) {
        this.#break();
        return;
      }
      const next = pos + 1 + length;
      if (length - 4 > this.#inspectBytesMax || next > end) break;
      const body = bodyOf(bytes, pos + headerBytes, next);
      pos = next;
      this.#onFrame(tag, body, length - 4, null);
    }
    if (pos < end && !this.#broken) this.#hold(bytes, pos, end);
  }

  /** Completes the oversized frame whose prefix was pushed. */
  tail(tag: number, bodyBytes: number, sha256: Uint8Array): void {
    if (this.#broken) return;
    const held = this.#buffer;
    const whole = headerBytes + this.#inspectBytesMax;
    if (this.#have !== whole || held[0] !== tag || this.#length() - 4 !== bodyBytes) {
      this.#break();
      return;
    }
    this.#release();
    this.#onFrame(tag, held.subarray(headerBytes, whole), bodyBytes, sha256);
  }

  /** The incomplete frame so far, a view; pushed to another reader they make it go on from here. */
  get held(): Uint8Array {
    return this.#buffer.subarray(0, this.#have);
  }

  /** Makes a string of what is held: only for little of it, see `held`. */
  snapshot(): FrameReaderSnapshot {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#have)).toString('base64');
    return this.#broken ? { bytes, broken: true } : { bytes };
  }

  /** Takes the place of whatever was held. */
  restore(snapshot: FrameReaderSnapshot): void {
    this.#release();
    this.#broken = false;
    this.push(Buffer.from(snapshot.bytes, 'base64'));
    this.#broken ||= snapshot.broken === true;
  }

  /** Feeds the held frame from bytes[start, end); returns where the bytes it did not take begin. */
  #complete(bytes: Uint8Array, start: number, end: number): number {
    let pos = start;
    if (this.#have < headerBytes) {
      pos = Math.min(start + headerBytes - this.#have, end);
      this.#append(bytes, start, pos, headerBytes);
      if (this.#have < headerBytes) return pos;
    }
    const length = this.#length();
    const tag = this.#buffer[0]!;
    if (length < 4 || length > this.#lengthMax[tag]!) {
      this.#break();
      return pos;
    }
    const oversized = length - 4 > this.#inspectBytesMax;
    const whole = headerBytes + (oversized ? this.#inspectBytesMax : length - 4);
    const taken = Math.min(whole - this.#have, end - pos);
    this.#append(bytes, pos, pos + taken, whole);
    pos += taken;
    if (this.#have < whole) return pos;
    if (oversized) {
      // Nothing follows a prefix but its tail.
      if (pos < end) this.#break();
      return pos;
    }
    const held = this.#buffer;
    this.#release();
    this.#onFrame(tag, held.subarray(headerBytes, whole), length - 4, null);
    return pos;
  }

  /** Starts a held frame with the end of a piece, which holds no whole frame. */
  #hold(bytes: Uint8Array, start: number, end: number): void {
    const header = Math.min(start + headerBytes, end);
    this.#append(bytes, start, header, headerBytes);
    if (header < end) this.#complete(bytes, header, end);
  }

  #length(): number {
    const held = this.#buffer;
    return (held[1]! << 24) | (held[2]! << 16) | (held[3]! << 8) | held[4]!;
  }

  /** Grows with what has arrived, never with what a length claims. */
  #append(bytes: Uint8Array, start: number, end: number, whole: number): void {
    const have = this.#have + end - start;
    if (have > this.#buffer.length) {
      const capacity = Math.max(have, Math.min(whole, 2 * this.#buffer.length), 64);
      this.#buffer = grownTo(capacity, this.#buffer, this.#have);
    }
    this.#buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#have);
    this.#have = have;
  }

  #release(): void {
    this.#have = 0;
    if (this.#buffer.length > spareBytesMax) this.#buffer = nothing;
  }

  #break(): void {
    this.#broken = true;
    this.#have = 0;
    this.#buffer = nothing;
  }
}

/** `have` bytes of `old` in more room. Of a large one the old room is free at once, not when garbage is collected. */
function grownTo(capacity: number, old: Uint8Array, have: number): Uint8Array {
  if (old.length > spareBytesMax && old.buffer instanceof ArrayBuffer) {
    return new Uint8Array(old.buffer.transfer(capacity));
  }
  const grown = new Uint8Array(capacity);
  grown.set(old.subarray(0, have));
  return grown;
}

function reusedBodies(): Uint8Array[] {
  const bodies: Uint8Array[] = [nothing];
  let at = 0;
  const all = new ArrayBuffer((reusedBytesMax * (reusedBytesMax + 1)) / 2);
  for (let length = 1; length <= reusedBytesMax; length += 1) {
    bodies.push(new Uint8Array(all, at, length));
    at += length;
  }
  return bodies;
}

/** bytes[start, end), valid until the next frame. */
function bodyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length > reusedBytesMax) return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
  const body = reused[length]!;
  for (let at = 0; at < length; at += 1) body[at] = bytes[start + at]!;
  return body;
}
