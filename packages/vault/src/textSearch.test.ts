import { textSearch } from './textSearch.ts';

const texts = [['select 1', 'a'], [], ['DROP table "Ünï"', 'b'], ['drop view v\nwhere']];

describe('textSearch', () => {
  it.each([
    { name: 'text', pattern: 'table', found: [false, false, true, false] },
    { name: 'text is case sensitive', pattern: 'drop', found: [false, false, false, true] },
    {
      name: 'what looks like an expression but is none',
      pattern: '/drop',
      found: [false, false, false, false],
    },
    { name: 'a regular expression', pattern: '/^drop\\s/i', found: [false, false, true, true] },
    { name: 'over lines', pattern: '/view.*where/s', found: [false, false, false, true] },
    { name: 'the empty expression of nothing', pattern: '/(?:)/', found: [true, false, true, true] },
  ])('$name', ({ pattern, found }) => {
    expect(textSearch(pattern).anyOf(texts)).toEqual(found);
  });

  it('throws for what is no regular expression', () => {
    expect(() => textSearch('/(/')).toThrow(SyntaxError);
  });

  it('ends an expression that takes for ever, counts what it does not know as found, and gives up in the end', () => {
    const search = textSearch('/^(a+)+$/', { ms: 20, times: 2 });
    const slow = `${'a'.repeat(40)}!`;
    expect(search.anyOf([['aa'], ['b'], [slow], ['b']])).toEqual([true, false, true, true]);
    expect(search.timeouts).toBe(1);
    expect(search.anyOf([['b'], ['aa']])).toEqual([false, true]);
    expect(search.anyOf([[slow]])).toEqual([true]);
    expect(search.anyOf([['b']])).toEqual([true]);
    expect(search.timeouts).toBe(2);
  });
});
