import fc from 'fast-check';
import { FrameCutter } from './frameCutter.ts';
import { FrameReader, type FrameReaderSnapshot } from './frameReader.ts';
import {
  anyStream,
  bytesOf,
  expectedFrames,
  type Frame,
  frame,
  inspectBytesMax,
  int32,
  pieces,
} from './framing.testing.ts';
import type { Side } from './tag.ts';

class Collector {
  readonly frames: Frame[] = [];
  reader: FrameReader;
  readonly #side: Side;
  pendingMax = 0;

  constructor(side: Side) {
    this.#side = side;
    this.reader = this.#newReader();
  }

  #newReader(): FrameReader {
    return new FrameReader(this.#side, inspectBytesMax, (tag, body, bodyBytes, sha256) => {
      const hash = sha256 === null ? null : Buffer.from(sha256).toString('hex');
      this.frames.push({ tag, body: Buffer.from(body).toString('hex'), bodyBytes, sha256: hash });
    });
  }

  push(bytes: Uint8Array): void {
    this.reader.push(bytes);
    this.pendingMax = Math.max(this.pendingMax, this.reader.pending);
  }

  /** Goes on in a new reader, as after a crash. */
  restart(): void {
    const snapshot = JSON.parse(JSON.stringify(this.reader.snapshot())) as FrameReaderSnapshot;
    this.reader = this.#newReader();
    this.reader.restore(snapshot);
  }
}

/** Cutter to reader, the reduced stream cut again on its way, with or without a restart after each step. */
function through(
  side: Side,
  chunks: readonly Uint8Array[],
  cuts: readonly number[],
  restarts: boolean,
): Collector {
  const collector = new Collector(side);
  const push = (bytes: Uint8Array): void => {
    for (const piece of pieces(bytes, cuts)) {
      collector.push(piece);
      if (restarts) collector.restart();
    }
  };
  const cutter = new FrameCutter(side, inspectBytesMax, {
    keep: (chunk, start, end) => push(chunk.slice(start, end)),
    keepHeader: (header) => push(header.slice()),
    counted: () => undefined,
    tail: (tag, bodyBytes, sha256) => collector.reader.tail(tag, bodyBytes, sha256),
  });
  for (const chunk of chunks) cutter.push(chunk);
  return collector;
}

describe('FrameReader', () => {
  it.each(['frontend', 'backend'] as const)(
    'gives back the frames of any stream, however cut, %s',
    (side) => {
      const cuts = fc.array(fc.nat(600), { maxLength: 12 });
      fc.assert(
        fc.property(anyStream(side), cuts, cuts, fc.boolean(), (stream, received, journaled, restarts) => {
          const collector = through(side, pieces(stream, received), journaled, restarts);
          expect(collector.frames).toEqual(expectedFrames(side, stream));
          expect([collector.reader.broken, collector.reader.pending]).toEqual([false, 0]);
          expect(collector.pendingMax).toBeLessThanOrEqual(inspectBytesMax + 5);
        }),
        { numRuns: 300 },
      );
    },
  );

  it('gives back the frames at every cut and byte by byte', () => {
    const stream = bytesOf(
      frame('Q', 'select\0'),
      frame('S'),
      frame('P', 'x'.repeat(40)),
      frame('p', 'pw'),
      frame('X'),
    );
    const expected = expectedFrames('frontend', stream);
    for (let at = 0; at <= stream.length; at += 1) {
      expect(through('frontend', [stream], [at], true).frames).toEqual(expected);
      expect(through('frontend', pieces(stream, [at]), [1, 2, 3, 4, 5, 6], false).frames).toEqual(expected);
    }
  });

  it('gives whole frames as views of what was pushed', () => {
    const piece = bytesOf(frame('Q', 'a\0'), frame('Q', 'b\0'));
    const buffers: unknown[] = [];
    new FrameReader('frontend', inspectBytesMax, (_tag, body) => buffers.push(body.buffer)).push(piece);
    expect(buffers).toEqual([piece.buffer, piece.buffer]);
  });

  it('does not allocate what a length only claims', () => {
    const before = process.memoryUsage().arrayBuffers;
    const reader = new FrameReader('frontend', 1 << 24, () => undefined);
    reader.push(bytesOf('Q', int32(1 << 24), 'x'.repeat(200)));
    expect(reader.pending).toBe(205);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 23);
  });
});

describe('FrameReader: no reduced stream', () => {
  const hash = new Uint8Array(32);
  const oversized = bytesOf('Q', int32(4 + 40), 'x'.repeat(inspectBytesMax));

  it.each<{ name: string; feed: (reader: FrameReader) => unknown }>([
    { name: 'a length below four', feed: (reader) => reader.push(bytesOf('Q', int32(3))) },
    {
      name: 'a split length below four',
      feed: (reader) => [reader.push(bytesOf('Q', [0])), reader.push(bytesOf([0, 0, 3]))],
    },
    { name: 'a negative length', feed: (reader) => reader.push(bytesOf('Q', int32(-1))) },
    { name: 'more than the prefix before a tail', feed: (reader) => reader.push(bytesOf(oversized, 'x')) },
    { name: 'a tail without a frame', feed: (reader) => reader.tail(0x51, 40, hash) },
    {
      name: 'a tail before the prefix is whole',
      feed: (reader) => [reader.push(oversized.subarray(0, 9)), reader.tail(0x51, 40, hash)],
    },
    {
      name: 'a tail of another tag',
      feed: (reader) => [reader.push(oversized), reader.tail(0x50, 40, hash)],
    },
    {
      name: 'a tail of another length',
      feed: (reader) => [reader.push(oversized), reader.tail(0x51, 41, hash)],
    },
    {
      name: 'a frame instead of the tail',
      feed: (reader) => [reader.push(oversized), reader.push(frame('S'))],
    },
  ])('stops at $name', ({ feed }) => {
    const seen: number[] = [];
    const reader = new FrameReader('frontend', inspectBytesMax, (tag) => seen.push(tag));
    reader.push(frame('S'));
    feed(reader);
    reader.push(frame('X'));
    expect([seen, reader.broken, reader.pending]).toEqual([[0x53], true, 0]);
    const restored = new FrameReader('frontend', inspectBytesMax, (tag) => seen.push(tag));
    restored.restore(reader.snapshot());
    restored.push(frame('X'));
    expect([seen, restored.broken]).toEqual([[0x53], true]);
  });

  it('never throws and holds no more than one frame, whatever the bytes (R8)', () => {
    const step = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.record({ tag: fc.nat(255), bodyBytes: fc.nat(100) }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom<Side>('frontend', 'backend'),
        fc.array(step, { maxLength: 10 }),
        (side, steps) => {
          const reader = new FrameReader(side, inspectBytesMax, () => undefined);
          for (const each of steps) {
            if (each instanceof Uint8Array) reader.push(each);
            else reader.tail(each.tag, each.bodyBytes, hash);
            expect(reader.pending).toBeLessThanOrEqual(inspectBytesMax + 5);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('refuses an inspection limit below four', () => {
    expect(() => new FrameReader('backend', 3, () => undefined)).toThrow(RangeError);
  });
});
