/**
 * Owns the cutting of one direction of a connection into frames, by header only, straight from received
 * chunks: the relay's hot path. Copies nothing, decodes nothing, never throws; what becomes of the bytes is
 * its sink's business.
 */
import { createHash, type Hash } from 'node:crypto';
import {
  checkInspectBytesMax,
  codeBytes,
  headBytes,
  headerBytes,
  keeping,
  keepingByTag,
  lengthMaxByTag,
} from './framing.ts';
import type { Side } from './tag.ts';

/**
 * Receives the reduced stream and the counts of what is not in it, in the order of the connection's bytes.
 */
export interface CutSink {
  /**
   * chunk[start, end) belongs verbatim to the reduced stream. Never empty. Neighbouring frames come in one
   * call.
   */
  keep(chunk: Uint8Array, start: number, end: number): void;
  /**
   * Five bytes of the reduced stream that do not stand so in one chunk: a header that was split over chunks,
   * or one whose length was rewritten. Valid only during the call.
   */
  keepHeader(header: Uint8Array): void;
  /**
   * `frames` frames of `tag` ended and `bytes` of them (headers included) passed; one call per run of equal
   * tags and chunk. A header that was split counts when it completes.
   */
  counted(tag: number, frames: number, bytes: number): void;
  /**
   * A frame ended whose body was over the limit: its header and the body's prefix were kept. `sha256` is of
   * the whole body.
   */
  tail(tag: number, bodyBytes: number, sha256: Uint8Array): void;
  /**
   * Of the tags in `marks` alone: a frame of `tag` begins; its body, `bodyBytes` long, begins at chunk[body], which may lie behind the
   * chunk's end. Comes before what of the frame is kept.
   */
  readonly mark?: (tag: number, chunk: Uint8Array, body: number, bodyBytes: number) => void;
  /** 256 numbers, not zero for the tags that `mark` is called for; with `mark`. */
  readonly marks?: Uint8Array;
}

const noMarks = new Uint8Array(256);

export class FrameCutter {
  readonly #sink: CutSink;
  readonly #inspectBytesMax: number;
  readonly #lengthMax: Int32Array;
  readonly #keeping: Uint8Array;
  readonly #marks: Uint8Array;

  /** Of the last frame that began; 0 before the first. */
  lastTag = 0;

  /** An incomplete header, or the one being rewritten. */
  readonly #header = new Uint8Array(headerBytes);
  #headerHave = 0;

  /** Of the frame whose body is passing: first the bytes to keep, then those to count or to drop. */
  #tag = 0;
  #keepRest = 0;
  #countRest = 0;
  #dropRest = 0;
  #bodyBytes = 0;
  #hash: Hash | null = null;
  #broken = false;

  /** A run of kept bytes of the chunk in hand, and a run of counted frames; at most one of them is open. */
  #runStart = -1;
  #countTag = -1;
  #countFrames = 0;
  #countBytes = 0;

  /**
   * @param inspectBytesMax longest body kept whole, in bytes, at least 4; RangeError otherwise.
   * @param replication of CopyData the first bytes are kept, what follows them is counted in no frames
   */
  constructor(side: Side, inspectBytesMax: number, sink: CutSink, replication = false) {
    checkInspectBytesMax(inspectBytesMax);
    this.#sink = sink;
    this.#inspectBytesMax = inspectBytesMax;
    this.#lengthMax = lengthMaxByTag(side);
    this.#keeping = keepingByTag(side, replication);
    this.#marks = sink.mark === undefined ? noMarks : (sink.marks ?? noMarks);
  }

  /** A length was illegal: nothing after it can be cut. */
  get broken(): boolean {
    return this.#broken;
  }

  /** The bytes so far end inside a frame. */
  get midFrame(): boolean {
    return this.#headerHave > 0 || this.#keepRest + this.#countRest + this.#dropRest > 0;
  }

  /** Tag of the frame whose header is known and whose body has not ended; 0: there is none. */
  get openTag(): number {
    return this.#keepRest + this.#countRest + this.#dropRest > 0 ? this.#tag : 0;
  }

  /** Cuts the next bytes; false once the framing is broken. */
  push(chunk: Uint8Array): boolean {
    if (this.#broken) return false;
    const end = chunk.length;
    if (end === 0) return true;
    let pos = this.midFrame ? this.#resume(chunk, end) : 0;
    while (pos + headerBytes <= end && !this.#broken) pos = this.#frame(chunk, pos, end);
    if (this.#broken) return false;
    this.#endRuns(chunk, pos);
    while (pos < end) this.#header[this.#headerHave++] = chunk[pos++]!;
    return true;
  }

  /** One frame whose header lies whole in the chunk; returns where the next one starts. */
  #frame(chunk: Uint8Array, pos: number, end: number): number {
    const tag = chunk[pos]!;
    const length =
      (chunk[pos + 1]! << 24) | (chunk[pos + 2]! << 16) | (chunk[pos + 3]! << 8) | chunk[pos + 4]!;
    if (length < 4 || length > this.#lengthMax[tag]!) return this.#break(chunk, pos);
    const rule = this.#keeping[tag]!;
    this.lastTag = tag;
    if (this.#marks[tag] !== 0) this.#sink.mark!(tag, chunk, pos + headerBytes, length - 4);
    const next = pos + 1 + length;
    if (rule === keeping.counted) {
      if (this.#runStart >= 0) this.#endKeep(chunk, pos);
      if (this.#countTag !== tag) this.#startCount(tag);
      if (next <= end) {
        this.#countFrames += 1;
        this.#countBytes += length + 1;
        return next;
      }
      this.#countBytes += end - pos;
      this.#tag = tag;
      this.#countRest = next - end;
      return end;
    }
    if (this.#countTag >= 0) this.#endCount();
    const bodyBytes = length - 4;
    if (bodyBytes <= this.#inspectBytesMax && (rule === keeping.whole || bodyBytes <= keptBytes(rule))) {
      if (this.#runStart < 0) this.#runStart = pos;
      if (next <= end) return next;
      this.#tag = tag;
      this.#keepRest = next - end;
      return end;
    }
    if (rule !== keeping.whole) {
      if (this.#runStart >= 0) this.#endKeep(chunk, pos);
      this.#header[0] = tag;
    } else if (this.#runStart < 0) {
      this.#runStart = pos;
    }
    return this.#partial(chunk, pos + headerBytes, end, tag, bodyBytes);
  }

  /** A frame of which only a part is kept; `pos` is its body's start. */
  #partial(chunk: Uint8Array, pos: number, end: number, tag: number, bodyBytes: number): number {
    const rule = this.#keeping[tag]!;
    this.#tag = tag;
    this.#bodyBytes = bodyBytes;
    if (rule === keeping.whole) {
      this.#keepRest = this.#inspectBytesMax;
      this.#hash = createHash('sha256');
    } else {
      this.#keepRest = keptBytes(rule);
      this.#header.fill(0, 1);
      this.#header[headerBytes - 1] = 4 + this.#keepRest;
      this.#sink.keepHeader(this.#header);
    }
    this.#dropRest = bodyBytes - this.#keepRest;
    return this.#body(chunk, pos, end);
  }

  /** What the chunk before left unfinished: a header, then a body. */
  #resume(chunk: Uint8Array, end: number): number {
    if (this.#headerHave === 0) return this.#body(chunk, 0, end);
    let pos = 0;
    while (this.#headerHave < headerBytes && pos < end) this.#header[this.#headerHave++] = chunk[pos++]!;
    if (this.#headerHave < headerBytes) return pos;
    this.#headerHave = 0;
    const header = this.#header;
    const tag = header[0]!;
    const length = (header[1]! << 24) | (header[2]! << 16) | (header[3]! << 8) | header[4]!;
    if (length < 4 || length > this.#lengthMax[tag]!) return this.#break(chunk, pos);
    const bodyBytes = length - 4;
    const rule = this.#keeping[tag]!;
    this.lastTag = tag;
    if (this.#marks[tag] !== 0) this.#sink.mark!(tag, chunk, pos, bodyBytes);
    this.#tag = tag;
    if (rule === keeping.counted) {
      this.#startCount(tag);
      this.#countBytes = headerBytes;
      this.#countRest = bodyBytes;
      if (bodyBytes === 0) this.#countFrames = 1;
      return this.#body(chunk, pos, end);
    }
    const short = bodyBytes <= (rule === keeping.whole ? this.#inspectBytesMax : keptBytes(rule));
    if (rule !== keeping.whole && (rule === keeping.none || !short)) {
      return this.#partial(chunk, pos, end, tag, bodyBytes);
    }
    this.#sink.keepHeader(header);
    if (!short) return this.#partial(chunk, pos, end, tag, bodyBytes);
    this.#keepRest = bodyBytes;
    return this.#body(chunk, pos, end);
  }

  /** Lets the current frame's body pass as far as the chunk goes; returns where it stopped. */
  #body(chunk: Uint8Array, start: number, end: number): number {
    let pos = start;
    if (this.#countRest > 0) {
      const bytes = Math.min(this.#countRest, end - pos);
      if (this.#countTag !== this.#tag) this.#startCount(this.#tag);
      this.#countRest -= bytes;
      this.#countBytes += bytes;
      if (this.#countRest === 0) this.#countFrames += 1;
      return pos + bytes;
    }
    if (this.#keepRest > 0) {
      const bytes = Math.min(this.#keepRest, end - pos);
      if (this.#runStart < 0 && bytes > 0) this.#runStart = pos;
      this.#keepRest -= bytes;
      pos += bytes;
    }
    if (this.#hash === null && this.#dropRest === 0) return pos;
    if (this.#runStart >= 0) this.#endKeep(chunk, pos);
    if (this.#keepRest === 0) {
      const bytes = Math.min(this.#dropRest, end - pos);
      this.#dropRest -= bytes;
      pos += bytes;
      if (bytes > 0 && this.#keeping[this.#tag] === keeping.head) this.#sink.counted(this.#tag, 0, bytes);
    }
    if (this.#hash !== null) this.#hashed(this.#hash, chunk, start, pos);
    return pos;
  }

  #hashed(hash: Hash, chunk: Uint8Array, start: number, end: number): void {
    hash.update(chunk.subarray(start, end));
    if (this.#keepRest + this.#dropRest > 0) return;
    this.#hash = null;
    this.#sink.tail(this.#tag, this.#bodyBytes, hash.digest());
  }

  #startCount(tag: number): void {
    this.#endCount();
    this.#countTag = tag;
  }

  #endCount(): void {
    if (this.#countTag < 0) return;
    const tag = this.#countTag;
    const frames = this.#countFrames;
    const bytes = this.#countBytes;
    this.#countTag = -1;
    this.#countFrames = 0;
    this.#countBytes = 0;
    this.#sink.counted(tag, frames, bytes);
  }

  #endKeep(chunk: Uint8Array, end: number): void {
    const start = this.#runStart;
    this.#runStart = -1;
    if (start < end) this.#sink.keep(chunk, start, end);
  }

  #endRuns(chunk: Uint8Array, end: number): void {
    if (this.#runStart >= 0) this.#endKeep(chunk, end);
    this.#endCount();
  }

  #break(chunk: Uint8Array, pos: number): number {
    this.#endRuns(chunk, pos);
    this.#broken = true;
    return pos;
  }
}

/** Body bytes left of a frame that is neither kept whole nor counted. */
function keptBytes(rule: number): number {
  if (rule === keeping.code) return codeBytes;
  return rule === keeping.head ? headBytes : 0;
}
