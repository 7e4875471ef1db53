/** What the tests of this package share: building frames, and a cutter so plain that it is plainly right. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { type CutSink, FrameCutter } from './frameCutter.ts';
import type { Side } from './tag.ts';

export const inspectBytesMax = 16;

/** Text as UTF-8, a number as one byte, or bytes. */
export type Part = string | number | readonly number[] | Uint8Array;

export function bytesOf(...parts: readonly Part[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part as string))),
  );
}

export function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

export function int16(value: number): Uint8Array {
  return Buffer.of((value >> 8) & 0xff, value & 0xff);
}

export function frame(tag: string | number, body: string | Uint8Array = ''): Uint8Array {
  const bytes = Buffer.from(body as string);
  return bytesOf(tag, int32(4 + bytes.length), bytes);
}

export interface Frame {
  readonly tag: number;
  readonly body: string;
  readonly bodyBytes: number;
  readonly sha256: string | null;
}

/**
 * What a sink was told, with what depends on chunking alone taken out: neighbouring calls of a kind are one.
 */
export type CutEvent =
  | { kind: 'kept'; hex: string }
  | { kind: 'counted'; tag: number; frames: number; bytes: number }
  | { kind: 'tail'; tag: number; bodyBytes: number; sha256: string };

export class EventSink implements CutSink {
  readonly events: CutEvent[] = [];
  calls: string[] = [];

  keep(chunk: Uint8Array, start: number, end: number): void {
    this.calls.push(`keep ${start} ${end}`);
    this.#kept(Buffer.from(chunk.subarray(start, end)).toString('hex'));
  }

  keepHeader(header: Uint8Array): void {
    this.calls.push('keepHeader');
    this.#kept(Buffer.from(header).toString('hex'));
  }

  counted(tag: number, frames: number, bytes: number): void {
    this.calls.push(`counted ${String.fromCharCode(tag)} ${frames} ${bytes}`);
    const last = this.events.at(-1);
    if (last?.kind === 'counted' && last.tag === tag) {
      last.frames += frames;
      last.bytes += bytes;
    } else {
      this.events.push({ kind: 'counted', tag, frames, bytes });
    }
  }

  tail(tag: number, bodyBytes: number, sha256: Uint8Array): void {
    this.calls.push('tail');
    this.events.push({ kind: 'tail', tag, bodyBytes, sha256: Buffer.from(sha256).toString('hex') });
  }

  #kept(hex: string): void {
    const last = this.events.at(-1);
    if (last?.kind === 'kept') last.hex += hex;
    else this.events.push({ kind: 'kept', hex });
  }
}

/** Cuts a stream of whole frames, one after the other. */
export function expectedEvents(side: Side, stream: Uint8Array): CutEvent[] {
  const sink = new EventSink();
  const bytes = Buffer.from(stream);
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    const length = bytes.readInt32BE(at + 1);
    const body = bytes.subarray(at + 5, at + 1 + length);
    const name = String.fromCharCode(tag);
    const counted = name === 'd' || (side === 'backend' && name === 'D');
    if (counted) sink.counted(tag, 1, length + 1);
    else sink.keepHeader(expectedKept(side, name, tag, body));
    if (isOversized(side, name, body)) {
      sink.tail(tag, body.length, createHash('sha256').update(body).digest());
    }
    at += 1 + length;
  }
  return sink.events;
}

function isSecret(side: Side, name: string): boolean {
  return side === 'frontend' ? name === 'p' : name === 'R' || name === 'K';
}

function isOversized(side: Side, name: string, body: Uint8Array): boolean {
  const counted = name === 'd' || (side === 'backend' && name === 'D');
  return !counted && !isSecret(side, name) && body.length > inspectBytesMax;
}

function expectedKept(side: Side, name: string, tag: number, body: Uint8Array): Uint8Array {
  const part = isSecret(side, name) ? body.subarray(0, side === 'frontend' ? 0 : 4) : body;
  const length = isSecret(side, name) ? part.length : body.length;
  return bytesOf(tag, int32(4 + length), part.subarray(0, inspectBytesMax));
}

/** The frames that a reader must give back. */
export function expectedFrames(side: Side, stream: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  const bytes = Buffer.from(stream);
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    const length = bytes.readInt32BE(at + 1);
    const body = bytes.subarray(at + 5, at + 1 + length);
    at += 1 + length;
    const name = String.fromCharCode(tag);
    if (name === 'd' || (side === 'backend' && name === 'D')) continue;
    const kept = expectedKept(side, name, tag, body).subarray(5);
    const oversized = isOversized(side, name, body);
    frames.push({
      tag,
      body: Buffer.from(kept).toString('hex'),
      bodyBytes: isSecret(side, name) ? kept.length : body.length,
      sha256: oversized ? createHash('sha256').update(body).digest('hex') : null,
    });
  }
  return frames;
}

/** Pieces of a stream, cut at the given places. */
export function pieces(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].sort((a, b) => a - b);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const place of [...places, stream.length]) {
    parts.push(stream.subarray(from, place));
    from = place;
  }
  return parts;
}

export function cut(side: Side, chunks: readonly Uint8Array[]): { sink: EventSink; cutter: FrameCutter } {
  const sink = new EventSink();
  const cutter = new FrameCutter(side, inspectBytesMax, sink);
  for (const chunk of chunks) cutter.push(chunk);
  return { sink, cutter };
}

const tags: Readonly<Record<Side, readonly string[]>> = {
  frontend: [...'QPBDECSHFdcfXpz'],
  backend: [...'123ACDEGHIKNRSTVWZcdnstvz'],
};

/** A stream of frames of every kind, bodies around the inspection limit and far above it. */
export function anyStream(side: Side): fc.Arbitrary<Uint8Array> {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: inspectBytesMax + 4 }),
    fc.uint8Array({ minLength: inspectBytesMax, maxLength: 80 }),
  );
  const one = fc.tuple(fc.constantFrom(...tags[side]), body).map(([tag, bytes]) => frame(tag, bytes));
  return fc.array(one, { maxLength: 12 }).map((frames) => bytesOf(...frames));
}
