import fc from 'fast-check';
import { ProtoReader } from './protoReader.ts';
import { ProtoWriter, putTimes } from './protoWriter.ts';

describe('putTimes', () => {
  it('is exact for every addend to any nanosecond until 2255', () => {
    const nanoseconds = fc.bigInt({ min: 0n, max: 2n ** 53n * 1000n - 1n });
    fc.assert(
      fc.property(nanoseconds, fc.nat({ max: 2 ** 31 - 1 }), fc.nat({ max: 2 ** 20 }), (base, low, high) => {
        const plus = high * 2 ** 31 + low;
        const out = Buffer.alloc(16);
        putTimes(out, 0, 8, String(base), plus);
        expect([out.readBigUInt64LE(0), out.readBigUInt64LE(8)]).toEqual([base, base + BigInt(plus)]);
      }),
    );
  });
});

describe('ProtoWriter', () => {
  it.each([0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1])('writes the varint %d', (value) => {
    const out = new ProtoWriter(16);
    out.byte(0x08);
    out.varint(value);
    const reader = new ProtoReader(out.copy());
    expect([reader.next(), reader.field, reader.type, reader.value, reader.next(), reader.failed]).toEqual([
      true,
      1,
      0,
      value,
      false,
      false,
    ]);
  });

  it('writes any string, cut at whole characters, with its length', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.integer({ min: 4, max: 400 }),
        (text, max) => {
          const out = new ProtoWriter(16);
          out.reserve(1024);
          out.string(0x0a, text, max);
          const reader = new ProtoReader(out.copy());
          expect(reader.next() && reader.is(1) && !reader.next() && !reader.failed).toBe(true);
          const written = Buffer.from(reader.bytes.subarray(reader.from, reader.to));
          const whole = Buffer.from(text);
          expect(whole.subarray(0, written.length)).toEqual(written);
          expect(Buffer.from(written.toString('utf8'))).toEqual(written);
          expect(written.length === whole.length || (written.length > max - 4 && written.length <= max)).toBe(
            true,
          );
        },
      ),
    );
  });
});
