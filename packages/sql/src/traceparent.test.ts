import fc from 'fast-check';
import { traceparent } from './traceparent.ts';

const id = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const other = '00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00';

describe('traceparent', () => {
  it.each([
    { name: 'alone', sql: `SELECT 1 /*traceparent='${id}'*/`, want: id },
    {
      name: 'among others',
      sql: `SELECT 1 /*action='%2Fx',traceparent='${id}',tracestate='a%3D1'*/`,
      want: id,
    },
    { name: 'in front, with blanks', sql: `/* traceparent='${id}' */ SELECT 1`, want: id },
    { name: 'percent-encoded', sql: `SELECT 1 /*traceparent='${id.replaceAll('-', '%2D')}'*/`, want: id },
    { name: 'the last one', sql: `/*traceparent='${id}'*/ SELECT 1 /*traceparent='${other}'*/`, want: other },
    { name: 'the last valid one', sql: `/*traceparent='${id}'*/ SELECT 1 /*traceparent='x'*/`, want: id },
    {
      name: 'a later version may be longer',
      sql: `SELECT 1 /*traceparent='01${id.slice(2)}-x'*/`,
      want: `01${id.slice(2)}-x`,
    },
    { name: 'none', sql: 'SELECT 1', want: undefined },
    { name: 'in a literal', sql: `SELECT '/*traceparent=''${id}''*/'`, want: undefined },
    { name: 'in a line comment', sql: `SELECT 1 -- traceparent='${id}'`, want: undefined },
    { name: 'another key', sql: `SELECT 1 /*xtraceparent='${id}'*/`, want: undefined },
    { name: 'version ff', sql: `SELECT 1 /*traceparent='ff${id.slice(2)}'*/`, want: undefined },
    { name: 'version 00 too long', sql: `SELECT 1 /*traceparent='${id}-x'*/`, want: undefined },
    { name: 'capitals', sql: `SELECT 1 /*traceparent='${id.toUpperCase()}'*/`, want: undefined },
    {
      name: 'zero trace',
      sql: `SELECT 1 /*traceparent='00-${'0'.repeat(32)}-b7ad6b7169203331-01'*/`,
      want: undefined,
    },
    {
      name: 'zero parent',
      sql: `SELECT 1 /*traceparent='00-${'1'.repeat(32)}-${'0'.repeat(16)}-01'*/`,
      want: undefined,
    },
    { name: 'broken percent', sql: "SELECT 1 /*traceparent='%zz'*/", want: undefined },
  ])('$name', ({ sql, want }) => {
    expect(traceparent(sql)).toBe(want);
  });

  it('takes any comment', () => {
    fc.assert(fc.property(fc.string(), (text) => void traceparent(`/*traceparent='${text}`)));
  });
});
