import { FrameCutter } from './frameCutter.ts';
import { FrameReader } from './frameReader.ts';
import { bytesOf, frame, pieces } from './framing.testing.ts';
import type { Side } from './tag.ts';

const inspectBytesMax = 64;
const wal = (size: number): string => `w${'s'.repeat(8)}${'e'.repeat(8)}${'c'.repeat(8)}${'x'.repeat(size)}`;
const stream = bytesOf(
  frame('W', '\0\0\0'),
  frame('d', wal(0)),
  frame('d', wal(1)),
  frame('d', wal(500)),
  frame('d', ''),
  frame('d', 'k'),
  frame('D', 'a row'),
  frame('d', wal(70)),
  frame('c'),
  frame('Z', 'I'),
);

/** Frames the reader makes of the reduced stream, and what was counted behind each. */
function reduced(side: Side, chunks: readonly Uint8Array[]): string[] {
  const out: string[] = [];
  let more = 0;
  const told = (line: string): void => {
    if (more > 0) out.push(`+${more}`);
    more = 0;
    out.push(line);
  };
  const reader = new FrameReader(side, inspectBytesMax, (tag, body, bodyBytes) =>
    told(
      `${String.fromCharCode(tag)} ${Buffer.from(body).toString('latin1').replaceAll('\0', '0')} ${bodyBytes}`,
    ),
  );
  const cutter = new FrameCutter(
    side,
    inspectBytesMax,
    {
      keep: (chunk, start, end) => reader.push(chunk, start, end),
      keepHeader: (header) => reader.push(header.slice()),
      counted: (tag, frames, bytes) => {
        if (frames > 0) told(`counted ${String.fromCharCode(tag)} ${frames} ${bytes}`);
        else more += bytes;
      },
      tail: () => told('tail'),
    },
    true,
  );
  for (const chunk of chunks) expect(cutter.push(chunk)).toBe(true);
  if (more > 0) out.push(`+${more}`);
  return out;
}

const head = wal(0);
const expected = [
  'W 000 3',
  `d ${head} 25`,
  ...[`d ${head} 25`, '+1', `d ${head} 25`, '+500'],
  ...['d  0', 'd k 1', 'counted D 1 10', `d ${head} 25`, '+70', 'c  0', 'Z I 1'],
];

describe('a replication connection', () => {
  it('heads of CopyData are kept and the rest is counted, wherever the stream is split', () => {
    expect(reduced('backend', [stream])).toEqual(expected);
    for (let at = 1; at < stream.length; at += 1) {
      const got = reduced('backend', pieces(stream, [at]));
      // A row that is split is counted in two parts.
      const row = got.findIndex((line) => line.startsWith('counted'));
      const isSplit = got[row] !== 'counted D 1 10';
      if (isSplit) got.splice(row - 1, 2, 'counted D 1 10');
      expect(got).toEqual(expected);
    }
  });

  it('byte by byte', () => {
    const frames = reduced(
      'backend',
      Array.from(stream, (byte) => Uint8Array.of(byte)),
    );
    expect(frames.filter((line) => line.startsWith('d'))).toEqual(
      expected.filter((line) => line.startsWith('d')),
    );
    expect(frames.filter((line) => line === '+500' || line === '+70' || line === '+1')).toEqual([
      '+1',
      '+500',
      '+70',
    ]);
  });

  it('of a client as well', () => {
    const status = frame('d', `r${'1'.repeat(33)}`);
    expect(reduced('frontend', [bytesOf(status, frame('c'))])).toEqual([
      `d r${'1'.repeat(24)} 25`,
      '+9',
      'c  0',
    ]);
  });
});
