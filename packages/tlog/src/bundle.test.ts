import fc from 'fast-check';
import { bundleBytes, ENTRY_BYTES_MAX, parseBundle } from './index.ts';
import { bytesOf, hex } from './testLog.testing.ts';

describe('bundleBytes', () => {
  it('puts each entry behind its length, two bytes, the high one first', () => {
    expect(hex(bundleBytes([bytesOf('ab'), bytesOf(''), Buffer.alloc(258, 1)]))).toBe(
      `00026162${'0000'}0102${'01'.repeat(258)}`,
    );
  });

  it.each([
    { name: 'no entries', entries: [] },
    { name: '257 entries', entries: Array.from({ length: 257 }, () => bytesOf('x')) },
    { name: 'an entry of 65,536 bytes', entries: [new Uint8Array(ENTRY_BYTES_MAX + 1)] },
  ])('refuses $name', ({ entries }) => {
    expect(() => bundleBytes(entries)).toThrow(RangeError);
  });
});

describe('parseBundle', () => {
  it('reads back any entries, and the first of them for a partial bundle', () => {
    const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 });
    fc.assert(
      fc.property(entries, fc.nat(), (all, any) => {
        const width = 1 + (any % all.length);
        const reading = parseBundle(bundleBytes(all), width);
        expect(reading.ok && reading.value.map(hex)).toEqual(all.slice(0, width).map(hex));
      }),
    );
  });

  it.each([
    { name: 'a cut length', bytes: '0001610', width: 1, detail: 'entry 1 is cut' },
    { name: 'a cut entry', bytes: '00016100026', width: 1, detail: 'entry 1 is cut' },
    { name: 'too few entries', bytes: '000161', width: 2, detail: '1 entries instead of 2' },
    { name: 'none', bytes: '', width: 1, detail: '0 entries instead of 1' },
    { name: 'too many', bytes: '0000'.repeat(257), width: 256, detail: 'more than 256 entries' },
  ])('refuses $name', ({ bytes, width, detail }) => {
    const padded = bytes.length % 2 === 0 ? bytes : `${bytes}0`;
    expect(parseBundle(Buffer.from(padded, 'hex'), width)).toEqual({ ok: false, detail });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.integer({ min: 1, max: 256 }), (bytes, width) => {
        expect(typeof parseBundle(bytes, width).ok).toBe('boolean');
      }),
    );
  });
});
