import { encode, firstSeq, lineOf } from './encodedDrafts.testing.ts';
import * as example from './exampleDrafts.testing.ts';
import { textOperation } from './operation.ts';
import { readRequest } from './otlpOracle.testing.ts';
import { SegmentRequest } from './segmentRequest.ts';

const { headerLine, sealed, sealLine } = example;

describe('a span of a statement', () => {
  it('cuts long text at whole characters in the attribute only, and grows', () => {
    const sql = `SELECT '${'ä€😀'.repeat(20_000)}'`;
    const spans = encode(Array.from({ length: 20 }, () => ({ ...example.statement, sql })));
    const text = spans[9]?.attributes['db.query.text'] as string;
    expect(Buffer.byteLength(text)).toBeGreaterThan(16_384 - 4);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(16_384);
    expect(sql.startsWith(text)).toBe(true);
    expect(spans[9]?.attributes['pgtape.record']).toBe(lineOf({ ...example.statement, sql }, firstSeq + 8));
  });

  it.each([
    { name: 'a lone surrogate', sql: 'SELECT \ud800', text: 'SELECT \ufffd' },
    { name: 'a short text of wide characters', sql: '€€', text: '€€' },
    { name: 'NUL', sql: 'a\u0000b', text: 'a\u0000b' },
  ])('writes $name as valid UTF-8', ({ sql, text }) => {
    expect(encode([{ ...example.statement, sql }])[1]?.attributes['db.query.text']).toBe(text);
  });

  it.each([0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 2 ** 53 - 1])(
    'writes the counts of a statement exactly: %d',
    (n) => {
      const request = new SegmentRequest({});
      request.begin(headerLine);
      request.record({ ...example.statement, n: n + 1, returned_rows: n, rows: n, tag: 'X' }, sealed(n + 1));
      const span = readRequest(request.end(sealLine)).spans[1];
      expect(
        ['pgtape.seq', 'pgtape.n', 'db.response.returned_rows', 'pgtape.affected_rows'].map(
          (name) => span?.attributes[name],
        ),
      ).toEqual([n + 1, n + 1, n, n]);
    },
  );

  it('keeps what one tag says apart from what its statements say', () => {
    const { rows: _, ...rest } = example.statement;
    const drafts = [
      example.statement,
      rest,
      { ...rest, outcome: 'lost' as const },
      { ...rest, tx_before: 'E' as const },
    ];
    const told = encode(drafts).map(({ attributes }) => [
      attributes['pgtape.affected_rows'],
      attributes['pgtape.outcome'],
      attributes['pgtape.tx.before'],
      attributes['error.type'],
    ]);
    expect(told.slice(1, -1)).toEqual([
      [1, 'completed', 'I', undefined],
      [undefined, 'completed', 'I', undefined],
      [undefined, 'lost', 'I', 'lost'],
      [undefined, 'completed', 'E', undefined],
    ]);
  });

  it.each([
    { name: 'SELECT', tag: 'SELECT 5', rows: 5, operation: 'SELECT', affected: undefined },
    { name: 'INSERT', tag: 'INSERT 0 2', rows: 2, operation: 'INSERT', affected: 2 },
    { name: 'UPDATE of many rows', tag: 'UPDATE 70000', rows: 70000, operation: 'UPDATE', affected: 70000 },
    { name: 'COPY', tag: 'COPY 9', rows: 9, operation: 'COPY', affected: 9 },
    {
      name: 'CREATE TABLE',
      tag: 'CREATE TABLE',
      rows: undefined,
      operation: 'CREATE TABLE',
      affected: undefined,
    },
    { name: 'nothing known', tag: undefined, rows: undefined, operation: undefined, affected: undefined },
  ])('names a span by $name', ({ tag, rows, operation, affected }) => {
    const { tag: _, rows: __, ...rest } = example.statement;
    const draft = {
      ...rest,
      sql: tag === undefined ? null : 'x',
      ...(tag === undefined ? {} : { tag }),
      ...(rows === undefined ? {} : { rows }),
    };
    const span = encode([draft])[1];
    expect([
      span?.name,
      span?.attributes['db.operation.name'],
      span?.attributes['pgtape.affected_rows'],
    ]).toEqual([operation ?? 'postgresql', operation, affected]);
  });

  it.each([
    { name: 'lower case', sql: ' \n select 1', operation: 'SELECT' },
    { name: 'comments before', sql: '-- a\n/* b * c */ /**/insert into t', operation: 'INSERT' },
    { name: 'a bracket after', sql: 'with(x)', operation: 'WITH' },
    { name: 'no command', sql: 'selectx 1', operation: undefined },
    { name: 'an open comment', sql: '/* select 1', operation: undefined },
    { name: 'nothing', sql: '', operation: undefined },
    { name: 'many open comments', sql: '/*/'.repeat(5000), operation: undefined },
    { name: 'many blanks', sql: ' '.repeat(5000), operation: undefined },
  ])('takes the operation from a text with $name where no tag came', ({ sql, operation }) => {
    expect(textOperation(sql)).toBe(operation);
  });
});
