import { isWorthWriting } from './statusPace.ts';

const status = (sessionsRecorded: number, bypasses = 0) => ({
  coverage: '100%',
  sessionsRecorded,
  pods: [{ name: 'a', sessionsRecorded, bypasses }],
});

describe('isWorthWriting', () => {
  it.each([
    { name: 'the same', live: status(1), wanted: status(1), sinceMs: 60_000, is: false },
    { name: 'numbers that grew', live: status(1), wanted: status(2), sinceMs: 5000, is: false },
    { name: 'and some time passed', live: status(1), wanted: status(2), sinceMs: 30_000, is: true },
    { name: 'a bypass', live: status(1), wanted: status(2, 1), sinceMs: 0, is: true },
    { name: 'none before', live: undefined, wanted: status(1), sinceMs: 0, is: true },
  ])('$name: $is', ({ live, wanted, sinceMs, is }) => {
    expect(isWorthWriting(live, wanted, sinceMs)).toBe(is);
  });
});
