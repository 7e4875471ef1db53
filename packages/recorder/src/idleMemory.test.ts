import { IdleMemory } from './idleMemory.ts';

/** One entry per second: sessions open, sessions so far. @returns the seconds at which memory is given back */
function times(seconds: readonly (readonly [number, number])[]): number[] {
  const idle = new IdleMemory();
  return seconds.flatMap(([open, total], second) => (idle.isDue(open, total) ? [second] : []));
}

const during = (seconds: number, open: number, total: number): [number, number][] =>
  Array.from({ length: seconds }, () => [open, total]);

describe('memory is given back', () => {
  it.each([
    ['three seconds after a start that nobody came to', during(200, 0, 0), [2]],
    ['three seconds after the first ones have gone', [...during(50, 2, 2), ...during(100, 0, 2)], [52]],
    ['never while somebody is connected', during(500, 1, 1000), []],
    ['not again for a few sessions', [...during(5, 0, 0), ...during(5, 1, 99), ...during(200, 0, 99)], [2]],
    [
      'again a minute after a load',
      [...during(5, 0, 0), ...during(5, 9, 500), ...during(200, 0, 500)],
      [2, 69],
    ],
  ])('%s', (_name, seconds, expected) => {
    expect(times(seconds)).toEqual(expected);
  });
});
