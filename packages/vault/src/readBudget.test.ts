import { ReadBudget, UNREAD_BYTES } from './readBudget.ts';

describe('ReadBudget', () => {
  it('gives each reader half of it, and all together no more than it', () => {
    const budget = new ReadBudget(8 * UNREAD_BYTES);
    const taken = ['a', 'a', 'a', 'a', 'a', 'b', 'b', 'b', 'c', 'b', 'c'].map(
      (reader) => budget.take(reader) !== null,
    );
    expect(taken).toEqual([true, true, true, true, false, true, true, true, true, false, false]);
    expect(budget.bytes).toBe(8 * UNREAD_BYTES);
  });

  it('counts what an object turned out to be, until it is taken', () => {
    const budget = new ReadBudget(4 * UNREAD_BYTES);
    const large = budget.take('a');
    large?.is(3 * UNREAD_BYTES);
    expect([budget.bytes, budget.take('a'), budget.take('b') === null]).toEqual([
      3 * UNREAD_BYTES,
      null,
      false,
    ]);
    large?.end();
    large?.end();
    large?.is(7);
    expect(budget.bytes).toBe(UNREAD_BYTES);
    expect(budget.take('a')).not.toBeNull();
  });

  it('always has room for one, however large it is', () => {
    const budget = new ReadBudget(1);
    const only = budget.take('a');
    only?.is(1000 * UNREAD_BYTES);
    expect([only === null, budget.take('b')]).toEqual([false, null]);
    only?.end();
    expect([budget.bytes, budget.take('b') === null]).toEqual([0, false]);
  });
});
