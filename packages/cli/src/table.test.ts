import { FakeIo, FakeOutput } from './fakeIo.testing.ts';
import { paintFor } from './paint.ts';
import { fit, tableText, widthOf } from './table.ts';

const plainPaint = paintFor(new FakeIo(), new FakeOutput(), true);
const columns = [
  { title: 'NAME', cell: (row: { name: string; count: number; sql: string }) => row.name },
  { title: 'COUNT', right: true, cell: (row: { count: number }) => String(row.count) },
  { title: 'SQL', cell: (row: { sql: string }) => row.sql },
];
const rows = [
  { name: 'a', count: 7, sql: 'select 1' },
  { name: 'long name', count: 1234, sql: `select ${'x'.repeat(60)}` },
];

describe('tableText', () => {
  it('cuts nothing where nobody looks', () => {
    expect(tableText(rows, columns, new FakeOutput(), plainPaint)).toBe(
      `NAME       COUNT  SQL\na              7  select 1\nlong name   1234  select ${'x'.repeat(60)}\n`,
    );
  });

  it('fits the last column to a terminal', () => {
    const text = tableText(rows, columns, new FakeOutput(40), plainPaint);
    expect(text.split('\n').map(widthOf)).toEqual([21, 26, 40, 0]);
    expect(text).toContain('…');
  });
});

describe('fit', () => {
  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdefg', 6, 'abcde…'],
    ['渋谷駅', 5, '渋谷…'],
    ['渋谷駅', 6, '渋谷駅'],
  ])('fit(%s, %d) is %s', (text, width, fitted) => {
    expect(fit(text, width)).toBe(fitted);
    expect(widthOf(fitted)).toBeLessThanOrEqual(width);
  });
});
