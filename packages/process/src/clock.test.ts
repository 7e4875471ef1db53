import { systemClock } from './clock.ts';

describe('systemClock', () => {
  it('joins microseconds of the monotonic clock to the wall clock and follows it when it is set', () => {
    let wall = 1_000_000;
    let mono = 50;
    const clock = systemClock({ now: () => wall, mono: () => mono });
    const read = (wallMs: number, monoMs: number) => {
      wall = wallMs;
      mono = monoMs;
      return [clock.wallUs(), clock.monoMs()];
    };
    expect([
      read(1_000_000, 50),
      read(1_000_000, 50.25),
      read(1_000_001, 51.001),
      read(2_000_000, 52),
      read(2_000_000, 52.5),
      read(1_500_000, 53),
    ]).toEqual([
      [1_000_000_000, 50],
      [1_000_000_250, 50.25],
      [1_000_001_001, 51.001],
      [2_000_000_000, 52],
      [2_000_000_500, 52.5],
      [1_500_000_000, 53],
    ]);
  });

  it('tells the time', () => {
    const clock = systemClock();
    const before = Date.now();
    const wall = clock.wallUs();
    expect(Number.isInteger(wall)).toBe(true);
    expect(Math.abs(wall / 1000 - before)).toBeLessThan(1_000);
    expect(clock.monoMs()).toBeLessThanOrEqual(clock.monoMs());
  });
});
