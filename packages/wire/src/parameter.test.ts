import fc from 'fast-check';
import { bytesOf, int16, int32, type Part } from './framing.testing.ts';
import { decodeParameter } from './parameter.ts';
import { builtInType, knownOids } from './types/catalog.ts';
import { printedValues } from './types/printedValues.testing.ts';

const oidByName = new Map(knownOids().map((oid) => [builtInType(oid)!.name, oid]));

function oidOf(type: string): number {
  const oid = oidByName.get(type);
  if (oid === undefined) throw new Error(`no such type: ${type}`);
  return oid;
}

const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const binary = (type: string, bytes: Uint8Array, maxBytes = 4096) =>
  decodeParameter(oidOf(type), 1, bytes, maxBytes);
const text = (v: string) => ({ v, enc: 'text', cut: false });
const sized = (...bytes: readonly Part[]) => {
  const value = bytesOf(...bytes);
  return bytesOf(int32(value.length), value);
};
const array = (type: string, lower: number, ...elements: Uint8Array[]) =>
  bytesOf(int32(1), int32(0), int32(oidOf(type)), int32(elements.length), int32(lower), ...elements);

describe('decodeParameter: binary, as PostgreSQL 18.4 prints it', () => {
  it.each(printedValues)('%s %s', (type, hex, printed) => {
    expect(binary(type, fromHex(hex))).toEqual(text(printed));
  });

  it.each([
    {
      name: 'more digits than numeric shows',
      type: 'numeric',
      bytes: bytesOf(int16(2), int16(0), int16(0), int16(1), int16(1), int16(9999)),
      v: '1.9',
    },
    {
      name: 'numeric’s leading zeros',
      type: 'numeric',
      bytes: bytesOf(int16(2), int16(1), int16(0), int16(0), int16(0), int16(7)),
      v: '7',
    },
    {
      name: '10 to the power 1000',
      type: 'numeric',
      bytes: bytesOf(int16(1), int16(250), int16(0), int16(0), int16(1)),
      v: `1${'0'.repeat(1000)}`,
    },
    {
      name: 'numeric smaller than it shows',
      type: 'numeric',
      bytes: bytesOf(int16(1), int16(-9), int16(0x4000), int16(2), int16(5)),
      v: '0.00',
    },
    { name: 'any true byte', type: 'bool', bytes: bytesOf([7]), v: 't' },
    {
      name: 'box corners the other way round',
      type: 'box',
      bytes: fromHex(`${'0000000000000000'.repeat(2)}${'3ff0000000000000'.repeat(2)}`),
      v: '(1,1),(0,0)',
    },
    {
      name: 'an EUI-48 as macaddr8',
      type: 'macaddr8',
      bytes: fromHex('08002b010203'),
      v: '08:00:2b:ff:fe:01:02:03',
    },
    {
      name: 'a range with an inclusive infinity',
      type: 'int4range',
      bytes: bytesOf([0x0a], sized(int32(5))),
      v: '(,5)',
    },
    {
      name: 'an inclusive range as sent, not canonical',
      type: 'int4range',
      bytes: bytesOf([6], sized(int32(1)), sized(int32(5))),
      v: '[1,5]',
    },
    {
      name: 'an array whose element type is of another server',
      type: 'int4[]',
      bytes: bytesOf(int32(1), int32(1), int32(99_999), int32(1), int32(1), sized(int32(7))),
      v: '{7}',
    },
    { name: 'regclass as its OID', type: 'regclass', bytes: int32(1259), v: '1259' },
    {
      name: 'record of records',
      type: 'record',
      bytes: bytesOf(int32(1), int32(2249), sized(int32(1), int32(25), sized('a b'))),
      v: '("(""a b"")")',
    },
    { name: 'void', type: 'void', bytes: new Uint8Array(0), v: '' },
  ])('prints $name', ({ type, bytes, v }) => {
    expect(binary(type, bytes)).toEqual(text(v));
  });
});

describe('decodeParameter: what is no value', () => {
  it.each([
    { name: 'a short int4', type: 'int4', bytes: fromHex('000001') },
    { name: 'a long int4', type: 'int4', bytes: fromHex('0000000100') },
    { name: 'an empty bool', type: 'bool', bytes: fromHex('') },
    { name: 'text with a zero byte', type: 'text', bytes: bytesOf('a\0b') },
    { name: 'text that is no UTF-8', type: 'text', bytes: fromHex('61ff') },
    { name: 'jsonb of version 2', type: 'jsonb', bytes: bytesOf([2], '{}') },
    {
      name: 'a numeric digit of 10000',
      type: 'numeric',
      bytes: bytesOf(int16(1), int16(0), int16(0), int16(0), int16(10_000)),
    },
    { name: 'a numeric sign', type: 'numeric', bytes: bytesOf(int16(0), int16(0), int16(0x1000), int16(0)) },
    { name: 'a date before the first', type: 'date', bytes: int32(-2_451_546) },
    { name: 'a date after the last', type: 'date', bytes: int32(2_145_031_949) },
    { name: 'a time after midnight', type: 'time', bytes: fromHex('000000141dd76001') },
    { name: 'a time zone of 16 hours', type: 'timetz', bytes: bytesOf(int32(0), int32(0), int32(57_600)) },
    { name: 'a timestamp after the last', type: 'timestamp', bytes: fromHex('7fffffffffffff00') },
    { name: 'a timestamp before the first', type: 'timestamptz', bytes: fromHex('8000000000000001') },
    { name: 'a uuid of 15 bytes', type: 'uuid', bytes: new Uint8Array(15) },
    { name: 'an inet of an unknown family', type: 'inet', bytes: fromHex('0420000401020304') },
    { name: 'an inet mask of 33', type: 'inet', bytes: fromHex('0221000401020304') },
    { name: 'a cidr with host bits', type: 'cidr', bytes: fromHex('0218010401020304') },
    { name: 'a negative number of bits', type: 'varbit', bytes: int32(-1) },
    { name: 'fewer bits than said', type: 'bit', bytes: bytesOf(int32(9), [0xff]) },
    { name: 'a line without direction', type: 'line', bytes: new Uint8Array(24) },
    {
      name: 'a circle of negative radius',
      type: 'circle',
      bytes: fromHex(`${'00'.repeat(16)}bff0000000000000`),
    },
    { name: 'a path of no points', type: 'path', bytes: bytesOf([1], int32(0)) },
    {
      name: 'seven dimensions',
      type: 'int4[]',
      bytes: bytesOf(int32(7), int32(0), int32(23), new Uint8Array(56)),
    },
    {
      name: 'an array of another built-in type',
      type: 'int4[]',
      bytes: array('int8', 1, sized(int32(0), int32(1))),
    },
    {
      name: 'a negative dimension',
      type: 'int4[]',
      bytes: bytesOf(int32(1), int32(0), int32(23), int32(-1), int32(1)),
    },
    {
      name: 'more elements than bytes',
      type: 'int4[]',
      bytes: bytesOf(int32(2), int32(0), int32(23), int32(65_536), int32(1), int32(65_536), int32(1)),
    },
    {
      name: 'an upper bound beyond int32',
      type: 'int4[]',
      bytes: array('int4', 0x7fffffff, sized(int32(1))),
    },
    { name: 'an element with bytes left over', type: 'int2[]', bytes: array('int2', 1, sized(int32(1))) },
    { name: 'an element of length -2', type: 'int2[]', bytes: array('int2', 1, int32(-2)) },
    { name: 'a vector from 1', type: 'int2vector', bytes: array('int2', 1, sized(int16(1))) },
    { name: 'a vector with NULL', type: 'oidvector', bytes: array('oid', 0, int32(-1)) },
    { name: 'a record of more columns than bytes', type: 'record', bytes: int32(1_000_000) },
    {
      name: 'lexeme positions out of order',
      type: 'tsvector',
      bytes: bytesOf(int32(1), 'a\0', int16(2), int16(2), int16(1)),
    },
    { name: 'a lexeme that is no UTF-8', type: 'tsvector', bytes: bytesOf(int32(1), [0xff, 0], int16(0)) },
  ])('$name: the bytes in hex, failed', ({ type, bytes }) => {
    expect(binary(type, bytes)).toEqual({ v: Buffer.from(bytes).toString('hex'), enc: 'failed', cut: false });
  });

  it.each([
    { name: 'no type', oid: 0, bytes: 'abcd' },
    { name: 'an extension’s type', oid: 16_999, bytes: 'abcd' },
    { name: 'money', oid: 790, bytes: '0000000000000064' },
    { name: 'an ACL item', oid: 1033, bytes: '00000000' },
    { name: 'a record with an unknown column', oid: 2249, bytes: '000000010000ffff0000000161' },
    {
      name: 'an array of money',
      oid: 791,
      bytes: '0000000100000000000003160000000100000001000000080000000000000064',
    },
  ])('$name: the bytes in hex', ({ oid, bytes }) => {
    expect(decodeParameter(oid, 1, fromHex(bytes), 4096)).toEqual({ v: bytes, enc: 'hex', cut: false });
  });

  it('refuses an array of more elements than bytes also where its beginning would do', () => {
    const bytes = bytesOf(
      int32(1),
      int32(0),
      int32(23),
      int32(9),
      int32(1),
      sized(int32(1000)),
      sized(int32(1000)),
    );
    expect(binary('int4[]', bytes, 4).enc).toBe('failed');
  });

  it('gives up on records nested too deep or grown too long, and says hex', () => {
    let deep = bytesOf(int32(1), int32(25), sized('x"y'));
    for (let i = 0; i < 6; i += 1) deep = bytesOf(int32(1), int32(2249), sized(deep));
    expect(binary('record', deep, 1 << 20).enc).toBe('hex');
    const huge = bytesOf(int16(1), int16(0x7fff), int16(0), int16(0), int16(1));
    const row = bytesOf(int32(20), ...Array.from({ length: 20 }, () => bytesOf(int32(1700), sized(huge))));
    expect(binary('record', bytesOf(int32(1), int32(2249), sized(row)), 1 << 20).enc).toBe('hex');
  });
});

describe('decodeParameter: text format', () => {
  it.each([
    { name: 'any type as it is', oid: 23, bytes: bytesOf('not a number'), is: text('not a number') },
    { name: 'no type', oid: 0, bytes: bytesOf('é'), is: text('é') },
    { name: 'empty', oid: 25, bytes: new Uint8Array(0), is: text('') },
    { name: 'no UTF-8', oid: 25, bytes: fromHex('e9'), is: { v: 'e9', enc: 'failed', cut: false } },
    { name: 'a zero byte', oid: 25, bytes: fromHex('6100'), is: { v: '6100', enc: 'failed', cut: false } },
  ])('$name', ({ oid, bytes, is }) => {
    expect(decodeParameter(oid, 0, bytes, 4096)).toEqual(is);
  });
});

describe('decodeParameter: bounds', () => {
  const ints = array('int4', 1, ...Array.from({ length: 500 }, (_, i) => sized(int32(i))));
  const whole = `{${Array.from({ length: 500 }, (_, i) => i).join(',')}}`;

  it.each([
    {
      name: 'text between characters',
      type: 'text',
      bytes: bytesOf('aé€x'),
      maxBytes: 5,
      is: { v: 'aé', enc: 'text', cut: true },
    },
    {
      name: 'text that just fits',
      type: 'text',
      bytes: bytesOf('aé€'),
      maxBytes: 6,
      is: { v: 'aé€', enc: 'text', cut: false },
    },
    {
      name: 'text to nothing',
      type: 'text',
      bytes: bytesOf('€'),
      maxBytes: 0,
      is: { v: '', enc: 'text', cut: true },
    },
    {
      name: 'hex between bytes',
      type: 'money',
      bytes: fromHex('0011223344556677'),
      maxBytes: 5,
      is: { v: '0011', enc: 'hex', cut: true },
    },
    {
      name: 'failed hex',
      type: 'int2',
      bytes: fromHex('001122'),
      maxBytes: 4,
      is: { v: '0011', enc: 'failed', cut: true },
    },
    {
      name: 'bytea',
      type: 'bytea',
      bytes: fromHex('001122'),
      maxBytes: 7,
      is: { v: '\\x0011', enc: 'text', cut: true },
    },
    {
      name: 'bytea that just fits',
      type: 'bytea',
      bytes: fromHex('001122'),
      maxBytes: 8,
      is: { v: '\\x001122', enc: 'text', cut: false },
    },
    {
      name: 'bits',
      type: 'varbit',
      bytes: bytesOf(int32(16), [0xf0, 0xf0]),
      maxBytes: 5,
      is: { v: '11110', enc: 'text', cut: true },
    },
    {
      name: 'an array',
      type: 'int4[]',
      bytes: ints,
      maxBytes: 20,
      is: { v: whole.slice(0, 20), enc: 'text', cut: true },
    },
    {
      name: 'an array that just fits',
      type: 'int4[]',
      bytes: ints,
      maxBytes: whole.length,
      is: { v: whole, enc: 'text', cut: false },
    },
    {
      name: 'an array by its last brace',
      type: 'int4[]',
      bytes: ints,
      maxBytes: whole.length - 1,
      is: { v: whole.slice(0, -1), enc: 'text', cut: true },
    },
  ])('cuts $name', ({ type, bytes, maxBytes, is }) => {
    expect(binary(type, bytes, maxBytes)).toEqual(is);
  });

  it.each(printedValues)('cuts %s %s to a prefix at every bound', (type, hex, printed) => {
    const wanted = Buffer.from(printed);
    for (let maxBytes = 0; maxBytes <= wanted.length + 1; maxBytes += 1) {
      const { v, enc, cut } = binary(type, fromHex(hex), maxBytes);
      expect({ maxBytes, enc, cut }).toEqual({ maxBytes, enc: 'text', cut: maxBytes < wanted.length });
      expect(printed.startsWith(v) && Buffer.byteLength(v) <= maxBytes).toBe(true);
      // Only a character of several bytes, or half a byte of bytea, may stay out although it begins before the bound.
      expect(Buffer.byteLength(v)).toBeGreaterThan(Math.min(maxBytes, wanted.length) - 4);
    }
  });
});

describe('decodeParameter: any bytes (R8)', () => {
  const oids = [...knownOids(), 0, 12_345];
  const vectors = printedValues.map(([type, hex]) => ({ oid: oidOf(type), bytes: Buffer.from(hex, 'hex') }));
  const damaged = fc
    .tuple(fc.constantFrom(...vectors), fc.nat(), fc.nat(255), fc.nat(300))
    .map(([{ oid, bytes }, at, byte, length]) => {
      const copy = Uint8Array.from(bytes.subarray(0, length));
      if (copy.length > 0) copy[at % copy.length] = byte;
      return { oid, bytes: copy };
    });
  const arbitrary = fc.record({ oid: fc.constantFrom(...oids), bytes: fc.uint8Array({ maxLength: 64 }) });

  // Types that a shorter value may be of as well.
  const anyLength =
    /^(bytea|char|name|text|varchar|bpchar|json|jsonb|xml|jsonpath|refcursor|macaddr8|unknown|cstring)$/;

  it.each(printedValues)(
    '%s %s: cut short anywhere it is no value, and what follows is not looked at',
    (type, hex) => {
      const whole = fromHex(hex);
      for (let length = 0; length < whole.length; length += 1) {
        const short = whole.subarray(0, length);
        const decoded = binary(type, short);
        expect(decoded).toEqual(binary(type, Uint8Array.from(short)));
        if (!anyLength.test(type))
          expect(decoded).toEqual({ v: Buffer.from(short).toString('hex'), enc: 'failed', cut: false });
        const long = Uint8Array.from([...whole, ...whole]).subarray(0, whole.length + length + 1);
        if (!anyLength.test(type)) expect(binary(type, long).enc).toBe('failed');
      }
    },
  );

  it('never throws, never reads past the value, keeps to the bound', () => {
    fc.assert(
      fc.property(
        fc.oneof(damaged, arbitrary),
        fc.constantFrom<0 | 1>(0, 1, 1),
        fc.nat(200),
        (value, format, maxBytes) => {
          const decoded = decodeParameter(value.oid, format, value.bytes, maxBytes);
          expect(Buffer.byteLength(decoded.v)).toBeLessThanOrEqual(maxBytes);
          const inside = bytesOf('before', value.bytes, 'after\0after');
          const view = inside.subarray(6, 6 + value.bytes.length);
          expect(decodeParameter(value.oid, format, view, maxBytes)).toEqual(decoded);
        },
      ),
      { numRuns: 4000 },
    );
  });
});

describe('builtInType', () => {
  it.each([
    [16, 'bool'],
    [1184, 'timestamptz'],
    [1007, 'int4[]'],
    [1020, 'box[]'],
    [6157, 'int8multirange[]'],
    [0, undefined],
    [705, 'unknown'],
    [99_999, undefined],
  ])('%d is %s', (oid, name) => {
    expect(builtInType(oid)?.name).toBe(name);
  });
});
