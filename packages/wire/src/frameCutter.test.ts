import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { FrameCutter } from './frameCutter.ts';
import {
  anyStream,
  bytesOf,
  cut,
  EventSink,
  expectedEvents,
  frame,
  inspectBytesMax,
  int32,
  pieces,
} from './framing.testing.ts';
import type { Side } from './tag.ts';

const long = 'x'.repeat(inspectBytesMax + 9);
const streams: readonly { readonly name: string; readonly side: Side; readonly stream: Uint8Array }[] = [
  {
    name: 'frontend: whole, empty, secret, counted, oversized',
    side: 'frontend',
    stream: bytesOf(
      frame('p', 'hunter2'),
      frame('P', '\0select 1\0\0\0'),
      frame('S'),
      frame('Q', `${long}\0`),
      frame('d', 'row\n'),
      frame('d'),
      frame('d', long),
      frame('c'),
      frame('p', ''),
      frame('p', 'token'.repeat(60)),
      frame('X'),
    ),
  },
  {
    name: 'backend: authentication, key, rows, oversized notice',
    side: 'backend',
    stream: bytesOf(
      frame('R', bytesOf(int32(10), 'SCRAM-SHA-256\0\0')),
      frame('R', int32(0)),
      frame('K', bytesOf(int32(77), 'cancel key of 32 bytes, all of it')),
      frame('K', 'ab'),
      frame('R', bytesOf(int32(11), 'data'.repeat(80))),
      frame('T', 'columns'),
      frame('D', 'row one'),
      frame('D', ''),
      frame('D', long),
      frame('d', 'copy'),
      frame('D', 'row'),
      frame('N', long),
      frame('D', 'row'),
      frame('C', 'SELECT 4\0'),
      frame('Z', 'I'),
    ),
  },
];

describe('FrameCutter', () => {
  it.each(streams)('gives the same at every cut of $name', ({ side, stream }) => {
    const expected = expectedEvents(side, stream);
    for (let at = 0; at <= stream.length; at += 1) {
      expect({ at, events: cut(side, pieces(stream, [at])).sink.events }).toEqual({ at, events: expected });
    }
  });

  it.each(streams)('marks each frame of a tag at its body, at every cut of $name', ({ side, stream }) => {
    const marks = new Uint8Array(256);
    for (const tag of side === 'frontend' ? 'PSQpdc' : 'RKDZ') marks[tag.charCodeAt(0)] = 1;
    const run = (chunks: readonly Uint8Array[]): string[] => {
      const marked: string[] = [];
      const mark = (tag: number, chunk: Uint8Array, body: number, bodyBytes: number): void => {
        const first = bodyBytes === 0 || body >= chunk.length ? '' : chunk[body];
        marked.push(`${String.fromCharCode(tag)} ${bodyBytes} ${first}`);
      };
      const { keep, keepHeader, counted, tail } = new EventSink();
      const sink = {
        keep: () => keep,
        keepHeader: () => keepHeader,
        counted: () => counted,
        tail: () => tail,
      };
      const cutter = new FrameCutter(side, inspectBytesMax, { ...sink, mark, marks });
      for (const chunk of chunks) cutter.push(chunk);
      expect(cutter.lastTag).toBe(side === 'frontend' ? 0x58 : 0x5a);
      return marked;
    };
    const expected = run([stream]);
    const withoutFirst = (text: string): string => text.replace(/ \d*$/, '');
    expect(expected.map(withoutFirst).join(', ')).toBe(
      side === 'frontend'
        ? 'p 7, P 12, S 0, Q 26, d 4, d 0, d 25, c 0, p 0, p 300'
        : 'R 19, R 4, K 37, K 2, R 324, D 7, D 0, D 25, D 3, D 3, Z 1',
    );
    for (let at = 0; at <= stream.length; at += 1) {
      const found = run(pieces(stream, [at]));
      // A body that begins with the next chunk is not seen in this one.
      const expectedHere = found.map((text, i) =>
        text.endsWith(' ') ? withoutFirst(expected[i]!) : expected[i],
      );
      expect({ at, found: found.map((text) => text.trimEnd()) }).toEqual({
        at,
        found: expectedHere.map((text) => text?.trimEnd()),
      });
    }
  });

  it.each(streams)('gives the same byte by byte, also with empty chunks, of $name', ({ side, stream }) => {
    const chunks = Array.from(stream, (byte) => [Uint8Array.of(byte), new Uint8Array(0)]).flat();
    expect(cut(side, chunks).sink.events).toEqual(expectedEvents(side, stream));
  });

  it.each(['frontend', 'backend'] as const)('gives the same for any frames and cuts, %s', (side) => {
    fc.assert(
      fc.property(anyStream(side), fc.array(fc.nat(600), { maxLength: 20 }), (stream, cuts) => {
        const { sink, cutter } = cut(side, pieces(stream, cuts));
        expect(sink.events).toEqual(expectedEvents(side, stream));
        expect([cutter.broken, cutter.midFrame]).toEqual([false, false]);
      }),
      { numRuns: 300 },
    );
  });

  it('tells at every place whether it stands inside a frame', () => {
    const stream = bytesOf(frame('Q', 'ab\0'), frame('S'), frame('d', 'x'), frame('Q', long));
    const ends = new Set([0, 8, 13, 19, stream.length]);
    for (let at = 0; at <= stream.length; at += 1) {
      const { cutter } = cut('frontend', [stream.subarray(0, at)]);
      expect({ at, inside: cutter.midFrame }).toEqual({ at, inside: !ends.has(at) });
    }
  });
});

describe('FrameCutter: calls', () => {
  const calls = (side: Side, ...chunks: Uint8Array[]) => cut(side, chunks).sink.calls;

  it('keeps a chunk of whole frames in one call', () => {
    const chunk = bytesOf(frame('P', 'a\0b\0\0\0'), frame('B', 'bind'), frame('E', 'exec'), frame('S'));
    expect(calls('frontend', chunk)).toEqual([`keep 0 ${chunk.length}`]);
  });

  it('keeps the end of a frame and the next ones in one call', () => {
    const stream = bytesOf(frame('Q', 'select\0'), frame('S'), frame('S'));
    const chunks = [stream.subarray(0, 8), stream.subarray(8)];
    expect(calls('frontend', ...chunks)).toEqual(['keep 0 8', `keep 0 ${stream.length - 8}`]);
  });

  it('counts a run of rows in one call', () => {
    const chunk = bytesOf(
      frame('T', 'c'),
      frame('D', 'abc'),
      frame('D', ''),
      frame('D', 'a'),
      frame('C', 'x\0'),
    );
    expect(calls('backend', chunk)).toEqual(['keep 0 6', 'counted D 3 19', 'keep 25 32']);
  });

  it('counts a frame that spans chunks as its bytes pass, and once', () => {
    const row = frame('D', 'abcdefghij');
    expect(calls('backend', row.subarray(0, 7), row.subarray(7, 9), row.subarray(9))).toEqual([
      'counted D 0 7',
      'counted D 0 2',
      'counted D 1 6',
    ]);
  });

  it('counts a split header when it completes, together with the rows after it', () => {
    const rows = bytesOf(frame('D', 'abc'), frame('D', 'abc'));
    expect(calls('backend', rows.subarray(0, 3), rows.subarray(3))).toEqual(['counted D 2 16']);
    expect(calls('backend', rows.subarray(0, 3), rows.subarray(3, 5), rows.subarray(5))).toEqual([
      'counted D 0 5',
      'counted D 2 11',
    ]);
  });

  it('delivers a split header when it completes', () => {
    const sync = frame('S');
    expect(calls('frontend', sync.subarray(0, 2), sync.subarray(2, 4))).toEqual([]);
    expect(calls('frontend', sync.subarray(0, 2), sync.subarray(2, 4), sync.subarray(4))).toEqual([
      'keepHeader',
    ]);
  });

  it('hands over the very chunk it was given', () => {
    const chunk = frame('S');
    let seen: Uint8Array | null = null;
    const sink = new EventSink();
    sink.keep = (bytes) => {
      seen = bytes;
    };
    new FrameCutter('frontend', inspectBytesMax, sink).push(chunk);
    expect(seen).toBe(chunk);
  });

  it('hashes the whole body of an oversized frame', () => {
    const body = Buffer.from('0123456789abcdefghijklmnop');
    const stream = frame('Q', body);
    const { sink } = cut('frontend', pieces(stream, [3, 9, 22]));
    expect(sink.events).toEqual([
      { kind: 'kept', hex: Buffer.from(stream.subarray(0, 5 + inspectBytesMax)).toString('hex') },
      { kind: 'tail', tag: 0x51, bodyBytes: 26, sha256: createHash('sha256').update(body).digest('hex') },
    ]);
  });
});

describe('FrameCutter: secrets (R11)', () => {
  it.each([
    { name: 'password', side: 'frontend' as const, stream: frame('p', 'SECRETSECRET\0') },
    { name: 'SASL data', side: 'backend' as const, stream: frame('R', bytesOf(int32(11), 'SECRETSECRET')) },
    { name: 'MD5 salt', side: 'backend' as const, stream: frame('R', bytesOf(int32(5), 'SECRET')) },
    {
      name: 'cancel key',
      side: 'backend' as const,
      stream: frame('K', bytesOf(int32(9), 'SECRETSECRETSECRETSECRET')),
    },
  ])('leaves out $name at every cut', ({ side, stream }) => {
    const secret = Buffer.from('SECRET');
    for (let at = 0; at <= stream.length; at += 1) {
      const { events } = cut(side, pieces(stream, [at])).sink;
      const kept = events.map((event) => (event.kind === 'kept' ? event.hex : event.kind)).join('');
      expect(kept).toMatch(/^(70 ?00000004|52 ?00000008.{8}|4b ?00000008.{8})$/);
      for (const byte of new Set(secret))
        expect(Buffer.from(kept.slice(10), 'hex').includes(byte)).toBe(false);
    }
  });
});

describe('FrameCutter: illegal lengths', () => {
  const header = (tag: string, length: number) => bytesOf(tag, int32(length));
  const small = [...'CDEHSXcf'].flatMap((tag) => [
    { side: 'frontend' as const, tag, length: 10_000, legal: true },
    { side: 'frontend' as const, tag, length: 10_001, legal: false },
  ]);
  const large = [...'QFBPd'].flatMap((tag) => [
    { side: 'frontend' as const, tag, length: 0x3ffffffe, legal: true },
    { side: 'frontend' as const, tag, length: 0x3fffffff, legal: false },
  ]);
  const others = [
    { side: 'frontend' as const, tag: 'p', length: 65_535, legal: true },
    { side: 'frontend' as const, tag: 'p', length: 65_536, legal: false },
    { side: 'frontend' as const, tag: 'z', length: 0x7fffffff, legal: true },
    ...[...'DdETZ1z'].map((tag) => ({ side: 'backend' as const, tag, length: 0x7fffffff, legal: true })),
    ...(['frontend', 'backend'] as const).flatMap((side) =>
      [0, 3, -1, -0x80000000].flatMap((length) =>
        [...'QSdDRKpz'].map((tag) => ({ side, tag, length, legal: false })),
      ),
    ),
  ];

  it.each([...small, ...large, ...others])('$side $tag of length $length is legal: $legal', (row) => {
    for (const at of [0, 1, 4]) {
      const { cutter } = cut(row.side, pieces(header(row.tag, row.length), [at]));
      expect({ at, broken: cutter.broken }).toEqual({ at, broken: !row.legal });
    }
  });

  it('keeps what stands before, nothing after, and stays broken', () => {
    const { sink, cutter } = cut('backend', [
      bytesOf(frame('T', 'c'), frame('D', 'r'), frame('D', 'r'), header('D', 3), frame('Z', 'I')),
    ]);
    expect(sink.calls).toEqual(['keep 0 6', 'counted D 2 12']);
    expect([cutter.broken, cutter.push(frame('Z', 'I')), sink.calls.length]).toEqual([true, false, 2]);
  });

  it('never throws, whatever the bytes and the cuts (R8)', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Side>('frontend', 'backend'),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        (side, chunks) => {
          const { sink, cutter } = cut(side, chunks);
          const whole = cut(side, [Buffer.concat(chunks)]);
          expect([sink.events, cutter.broken]).toEqual([whole.sink.events, whole.cutter.broken]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([0, 3, -1, 1.5, Number.NaN, 2 ** 31])('refuses an inspection limit of %d', (limit) => {
    expect(() => new FrameCutter('frontend', limit, new EventSink())).toThrow(RangeError);
  });
});
