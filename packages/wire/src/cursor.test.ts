import fc from 'fast-check';
import { Cursor } from './cursor.ts';
import { bytesOf } from './framing.testing.ts';

describe('Cursor', () => {
  it('reads numbers in network byte order', () => {
    const cursor = new Cursor(Buffer.from('80fffe8000ffffff01ffffff01c02000007ff0000000000000', 'hex'));
    const numbers = [cursor.uint8(), cursor.int16(), cursor.uint16(), cursor.int32(), cursor.uint32()];
    numbers.push(cursor.float32(), cursor.float64());
    expect(numbers).toEqual([0x80, -2, 0x8000, -255, 0xffffff01, -2.5, Number.POSITIVE_INFINITY]);
    expect(cursor.finished).toBe(true);
  });

  const reads: readonly {
    readonly name: string;
    readonly read: (cursor: Cursor) => unknown;
    readonly is: unknown;
  }[] = [
    { name: 'uint8', read: (cursor) => cursor.uint8(), is: 0 },
    { name: 'int16', read: (cursor) => cursor.int16(), is: 0 },
    { name: 'uint16', read: (cursor) => cursor.uint16(), is: 0 },
    { name: 'int32', read: (cursor) => cursor.int32(), is: 0 },
    { name: 'uint32', read: (cursor) => cursor.uint32(), is: 0 },
    { name: 'float32', read: (cursor) => cursor.float32(), is: 0 },
    { name: 'float64', read: (cursor) => cursor.float64(), is: 0 },
    { name: 'cstring', read: (cursor) => cursor.cstring(), is: '' },
    { name: 'view', read: (cursor) => cursor.view(1).length, is: 0 },
    { name: 'view of a negative length', read: (cursor) => cursor.view(-1).length, is: 0 },
    { name: 'inner', read: (cursor) => [cursor.inner(1).failed, cursor.inner(1).rest], is: [true, 0] },
  ];

  it.each(reads)('fails and stays at its end when $name finds nothing left', ({ read, is }) => {
    const cursor = new Cursor(bytesOf('ab\0cd'), 2, 2);
    expect([read(cursor), cursor.failed, cursor.finished, cursor.rest]).toEqual([is, true, false, 0]);
  });

  it.each(reads)('reads nothing with $name once failed', ({ read, is }) => {
    const cursor = new Cursor(bytesOf('ab\0cdefghijk'));
    cursor.fail();
    expect([read(cursor), cursor.position]).toEqual([is, cursor.end]);
  });

  it('does not go back for a negative length', () => {
    const cursor = new Cursor(bytesOf('abcd'));
    cursor.uint16();
    cursor.view(-2);
    expect([cursor.failed, cursor.position]).toEqual([true, 4]);
  });

  it('does not take a string’s end from beyond its own', () => {
    const cursor = new Cursor(bytesOf('ab\0'), 0, 2);
    expect([cursor.cstring(), cursor.failed]).toEqual(['', true]);
  });

  it('gives inner cursors exactly their bytes', () => {
    const cursor = new Cursor(bytesOf('xabcy'));
    cursor.uint8();
    const inner = cursor.inner(3);
    expect([inner.view(3), inner.finished, cursor.rest]).toEqual([bytesOf('abc'), true, 1]);
  });

  it('never leaves its range, whatever is read (R8)', () => {
    const names = ['uint8', 'int16', 'uint32', 'float64', 'cstring'] as const;
    const range = fc.tuple(fc.nat(20), fc.nat(20));
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 20 }),
        range,
        fc.array(fc.constantFrom(...names)),
        (bytes, [a, b], steps) => {
          const start = Math.min(a, bytes.length);
          const cursor = new Cursor(bytes, start, Math.max(start, b));
          for (const step of steps) {
            cursor[step]();
            expect(cursor.position).toBeLessThanOrEqual(cursor.end);
          }
          expect(cursor.end).toBeLessThanOrEqual(bytes.length);
        },
      ),
    );
  });
});
