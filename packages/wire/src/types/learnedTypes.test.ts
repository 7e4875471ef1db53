import { decodeParameter } from '../parameter.ts';
import { type LearnedType, LearnedTypes } from './learnedTypes.ts';

const types = new LearnedTypes();
const base = (oid: number, extension: string, bare: string): LearnedType => ({
  oid,
  name: `public.${bare}`,
  kind: 'base',
  of: 0,
  extension,
  bare,
});
types.learn([
  base(90_000, 'vector', 'vector'),
  base(90_001, 'vector', 'halfvec'),
  base(90_002, 'vector', 'sparsevec'),
  base(90_003, 'postgis', 'geometry'),
  base(90_004, 'postgis', 'geography'),
  base(90_005, 'homemade', 'vector'),
  { oid: 90_006, name: 'public.geometry[]', kind: 'array', of: 90_003, delimiter: ':' },
  { oid: 90_007, name: 'public.round', kind: 'domain', of: 90_008 },
  { oid: 90_008, name: 'public.robin', kind: 'domain', of: 90_007 },
  { oid: 90_009, name: 'public.lost', kind: 'domain', of: 91_000 },
  { oid: 90_010, name: 'public.long', kind: 'domain', of: 25 },
  base(23, 'vector', 'vector'),
]);
const oids: Readonly<Record<string, number>> = { vector: 90_000, halfvec: 90_001, sparsevec: 90_002 };
const decode = (oid: number, hex: string, maxBytes = 4096) =>
  decodeParameter(oid, 1, Buffer.from(hex, 'hex'), maxBytes, types.typeOf);
const text = (v: string) => ({ v, enc: 'text', cut: false });

describe('extensions’ types', () => {
  it.each([
    ['vector', '000300003f8000004000000040400000', '[1,2,3]'],
    ['vector', '000500003dcccccdaedbe6ff7f7fffff4974240000000000', '[0.1,-1e-10,3.4028235e+38,1e+06,0]'],
    ['vector', '00020000800000003727c5ac', '[-0,1e-05]'],
    ['halfvec', '000300003c0040004200', '[1,2,3]'],
    ['halfvec', '000500002e66fbff0001040063d0', '[0.099975586,-65504,5.9604645e-08,6.1035156e-05,1000]'],
    ['halfvec', '0002000035548000', '[0.3330078,-0]'],
    ['sparsevec', '00000005000000020000000000000000000000023fc00000d09502f9', '{1:1.5,3:-2e+10}/5'],
    ['sparsevec', '000f42400000000000000000', '{}/1000000'],
  ])('%s %s: as pgvector 0.8.7 prints it', (type, hex, printed) => {
    expect(decode(oids[type]!, hex)).toEqual(text(printed));
    for (let bytes = 0; bytes < hex.length / 2; bytes += 1) {
      expect(decode(oids[type]!, hex.slice(0, 2 * bytes)).enc).toBe('failed');
    }
    expect(decode(oids[type]!, `${hex}00`).enc).toBe('failed');
    expect(decode(oids[type]!, hex, 4)).toEqual({ v: printed.slice(0, 4), enc: 'text', cut: true });
  });

  // As PostGIS 3.6.2 sends and prints them.
  it.each([
    [90_003, '0101000000000000000000f03f0000000000000040'],
    [90_003, '01010000c0000000000000f03f000000000000004000000000000008400000000000001040'],
    [90_004, '0101000020e6100000000000000000f83f00000000000000c0'],
  ])('geometry %d %s: EWKB in upper case', (oid, hex) => {
    expect(decode(oid, hex)).toEqual(text(hex.toUpperCase()));
    expect(decode(oid, hex, 7)).toEqual({ v: hex.toUpperCase().slice(0, 7), enc: 'text', cut: true });
  });

  it('separates the elements of an array as its type says', () => {
    const point = '0101000000000000000000f03f0000000000000040';
    const element = `00000015${point}`;
    const hex = `000000010000000000015f930000000200000001${element}${element}`;
    expect(decode(90_006, hex)).toEqual(text(`{${point}:${point}}`.toUpperCase()));
  });

  it.each([
    { name: 'a vector of none', oid: 90_000, hex: '00000000' },
    { name: 'an infinite vector', oid: 90_000, hex: '000100007f800000' },
    { name: 'a vector with something where nothing is', oid: 90_000, hex: '000100013f800000' },
    {
      name: 'places that do not rise',
      oid: 90_002,
      hex: '0000000500000002000000000000000200000002' + '3f8000003f800000',
    },
    { name: 'a place too far', oid: 90_002, hex: '000000050000000100000000000000053f800000' },
    { name: 'a zero that is told', oid: 90_002, hex: '0000000500000001000000000000000000000000' },
    { name: 'an EWKB of an unknown byte order', oid: 90_003, hex: '0201000000' },
    { name: 'an EWKB of four bytes', oid: 90_003, hex: '01010000' },
  ])('$name: failed', ({ oid, hex }) => {
    expect(decode(oid, hex)).toEqual({ v: hex, enc: 'failed', cut: false });
  });
});

describe('what is known by name and not decoded', () => {
  it.each([
    { name: 'a type of the same name in another extension', oid: 90_005 },
    { name: 'domains that are each other’s base', oid: 90_007 },
    { name: 'a domain over what is not known', oid: 90_009 },
  ])('$name: hex', ({ oid }) => {
    expect(decode(oid, '3f80')).toEqual({ v: '3f80', enc: 'hex', cut: false });
    expect(types.typeOf(oid)?.name).toMatch(/^public\./);
  });

  it('leaves built-in types as they are, and cuts a domain as its base', () => {
    expect(types.typeOf(23)?.name).toBe('int4');
    expect(decode(90_010, '616263', 2)).toEqual({ v: 'ab', enc: 'text', cut: true });
    expect(types.size).toBe(11);
  });
});
