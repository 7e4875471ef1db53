import fc from 'fast-check';
import { serialize } from 'pg-protocol';
import { bytesOf, int16, int32 } from './framing.testing.ts';
import {
  parameterFormat,
  readBind,
  readClose,
  readCopyFail,
  readDescribe,
  readExecute,
  readFunctionCall,
  readParse,
  readQuery,
} from './frontendMessages.ts';

type Reader = (body: Uint8Array) => unknown;

const value = (bytes: string) => bytesOf(int32(Buffer.byteLength(bytes)), bytes);
const ascii = (text: string) => Uint8Array.from(Buffer.from(text));

const messages: readonly {
  readonly name: string;
  readonly read: Reader;
  readonly body: Uint8Array;
  readonly is: unknown;
}[] = [
  { name: 'Query', read: readQuery, body: bytesOf('select é\0'), is: 'select é' },
  { name: 'an empty Query', read: readQuery, body: bytesOf('\0'), is: '' },
  { name: 'Query in another encoding', read: readQuery, body: bytesOf('a', [0xe9], '\0'), is: 'a\ufffd' },
  {
    name: 'Parse',
    read: readParse,
    body: bytesOf('s1\0select $1\0', int16(2), int32(23), int32(-1)),
    is: { name: 's1', sql: 'select $1', oids: [23, 4_294_967_295] },
  },
  {
    name: 'Bind',
    read: readBind,
    body: bytesOf(
      'p\0s\0',
      int16(2),
      int16(0),
      int16(1),
      int16(3),
      value('a'),
      int32(-1),
      value(''),
      int16(1),
      int16(1),
    ),
    is: {
      portal: 'p',
      statement: 's',
      formats: [0, 1],
      values: [ascii('a'), null, ascii('')],
      resultFormats: [1],
    },
  },
  {
    name: 'Bind without parameters',
    read: readBind,
    body: bytesOf('\0\0', int16(0), int16(0), int16(0)),
    is: { portal: '', statement: '', formats: [], values: [], resultFormats: [] },
  },
  {
    name: 'Describe of a statement',
    read: readDescribe,
    body: bytesOf('Ss1\0'),
    is: { what: 'S', name: 's1' },
  },
  { name: 'Describe of a portal', read: readDescribe, body: bytesOf('P\0'), is: { what: 'P', name: '' } },
  { name: 'Close', read: readClose, body: bytesOf('Ss1\0'), is: { what: 'S', name: 's1' } },
  { name: 'Execute', read: readExecute, body: bytesOf('p\0', int32(-1)), is: { portal: 'p', maxRows: -1 } },
  {
    name: 'FunctionCall',
    read: readFunctionCall,
    body: bytesOf(int32(1598), int16(1), int16(1), int16(2), value('abcd'), int32(-1), int16(1)),
    is: { oid: 1598, formats: [1], values: [ascii('abcd'), null], resultFormat: 1 },
  },
  { name: 'CopyFail', read: readCopyFail, body: bytesOf('why\0'), is: 'why' },
];

/** Views compare with arrays of the same bytes. */
function plain(message: unknown): unknown {
  if (message instanceof Uint8Array) return Uint8Array.from(message);
  if (Array.isArray(message)) return message.map(plain);
  if (typeof message !== 'object' || message === null) return message;
  return Object.fromEntries(Object.entries(message).map(([key, part]) => [key, plain(part)]));
}

describe('frontend messages', () => {
  it.each(messages)('reads $name', ({ read, body, is }) => {
    expect(plain(read(body))).toEqual(is);
  });

  it.each(messages)(
    'refuses every beginning of $name, and bytes after it, as the server does',
    ({ read, body }) => {
      for (let end = 0; end < body.length; end += 1)
        expect({ end, is: read(body.subarray(0, end)) }).toEqual({ end, is: null });
      expect(read(bytesOf(body, 'x'))).toBeNull();
      expect(read(bytesOf(body, '\0'))).toBeNull();
    },
  );

  it.each([
    { name: 'text after the end of Query', read: readQuery, body: bytesOf('select 1\0 drop\0') },
    {
      name: 'a value longer than the body',
      read: readBind,
      body: bytesOf('\0\0', int16(0), int16(1), int32(9), 'abc', int16(0)),
    },
    {
      name: 'a length of -2',
      read: readBind,
      body: bytesOf('\0\0', int16(0), int16(1), int32(-2), int16(0)),
    },
    {
      name: '65,535 values in a short body',
      read: readBind,
      body: bytesOf('\0\0', int16(0), int16(-1), int32(-1)),
    },
    { name: '65,535 types in a short body', read: readParse, body: bytesOf('\0\0', int16(-1), int32(1)) },
    { name: 'Describe of neither', read: readDescribe, body: bytesOf('Xs1\0') },
  ])('refuses $name', ({ read, body }) => {
    expect((read as Reader)(body)).toBeNull();
  });

  it('gives values as views of the body', () => {
    const body = bytesOf('\0\0', int16(0), int16(1), value('abc'), int16(0));
    expect(readBind(body)?.values[0]?.buffer).toBe(body.buffer);
  });

  it('reads 65,535 NULLs', () => {
    const nulls = Buffer.alloc(4 * 65_535, 0xff);
    expect(readBind(bytesOf('\0\0', int16(0), int16(-1), nulls, int16(0)))?.values.length).toBe(65_535);
  });

  it('never throws and never reads past the body (R8)', () => {
    const readers = messages.map(({ read }) => read);
    fc.assert(
      fc.property(fc.constantFrom(...readers), fc.uint8Array({ maxLength: 40 }), (read, body) => {
        const inside = bytesOf('before', body, 'after\0after');
        const view = inside.subarray(6, 6 + body.length);
        expect(plain(read(view))).toEqual(plain(read(body)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('frontend messages: what pg-protocol writes', () => {
  const text = fc.string({ maxLength: 12, unit: 'grapheme' }).map((each) => each.replaceAll('\0', ''));
  const body = (frame: Uint8Array) => frame.subarray(5);

  it('reads Query, Parse, Bind, Describe, Close, Execute, CopyFail', () => {
    const oids = fc.array(fc.nat(0x7fffffff), { maxLength: 4 });
    const anyValue = fc.oneof(
      text,
      fc.constant(null),
      fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(
        text,
        text,
        oids,
        fc.array(anyValue, { maxLength: 5 }),
        fc.nat(),
        (name, sql, types, values, rows) => {
          expect(readQuery(body(serialize.query(sql)))).toBe(sql);
          expect(readParse(body(serialize.parse({ name, text: sql, types })))).toEqual({
            name,
            sql,
            oids: types,
          });
          const bind = readBind(body(serialize.bind({ portal: name, statement: sql, values, binary: true })));
          expect(plain(bind)).toEqual({
            portal: name,
            statement: sql,
            formats: values.map((each) => (Buffer.isBuffer(each) ? 1 : 0)),
            values: values.map((each) =>
              each === null ? null : Uint8Array.from(Buffer.from(each as string)),
            ),
            resultFormats: [1],
          });
          expect(readDescribe(body(serialize.describe({ type: 'S', name })))).toEqual({ what: 'S', name });
          expect(readClose(body(serialize.close({ type: 'P', name })))).toEqual({ what: 'P', name });
          expect(readExecute(body(serialize.execute({ portal: name, rows })))).toEqual({
            portal: name,
            maxRows: rows,
          });
          expect(readCopyFail(body(serialize.copyFail(sql)))).toBe(sql);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('parameterFormat', () => {
  it.each([
    { name: 'no codes: text', formats: [], values: 3, index: 2, is: 0 },
    { name: 'one code for all', formats: [1], values: 3, index: 2, is: 1 },
    { name: 'one each', formats: [0, 1], values: 2, index: 1, is: 1 },
    { name: 'too few', formats: [0, 1], values: 3, index: 2, is: null },
    { name: 'too many', formats: [0, 1], values: 1, index: 0, is: null },
    { name: 'an unknown code', formats: [2], values: 1, index: 0, is: null },
  ])('$name', ({ formats, values, index, is }) => {
    expect(parameterFormat(formats, values, index)).toBe(is);
  });
});
