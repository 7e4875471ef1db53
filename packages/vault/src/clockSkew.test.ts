import { ClockSkew, type SkewSample } from './clockSkew.ts';

/** A message of a recorder whose clock is `skewMs` ahead, on the way for `delayMs`. */
const sample = (skewMs: number, delayMs = 1, roundTripMs = 2): SkewSample => ({
  sentMs: 1_000_000 + skewMs,
  arrivedMs: 1_000_000 + delayMs,
  roundTripMs,
});

describe('ClockSkew', () => {
  it('is within the round trip of the truth, whatever the message took', () => {
    for (const delayMs of [0, 1, 25, 50]) {
      const { state } = new ClockSkew().add(sample(700, delayMs, 50), 0);
      expect(state.boundMs).toBe(25);
      expect(Math.abs(state.skewMs - 700)).toBeLessThanOrEqual(25);
    }
  });

  it('believes the message that was least held up', () => {
    const skew = new ClockSkew();
    for (const delayMs of [1, 900, 3000]) skew.add(sample(0, delayMs), 0);
    expect(skew.state).toEqual({ skewMs: 0, boundMs: 1 });
  });

  it('follows a clock that is set back within five messages', () => {
    const skew = new ClockSkew();
    skew.add(sample(0), 0);
    const seen = Array.from({ length: 5 }, () => skew.add(sample(-5000), 0).state.skewMs);
    expect(seen).toEqual([0, 0, 0, 0, -5000]);
  });

  it.each<{ name: string; steps: [skewMs: number, nowMs: number, record: boolean][] }>([
    {
      name: 'when it is first known, and every hour',
      steps: [
        [10, 0, true],
        [12, 3_599_999, false],
        [12, 3_600_000, true],
        [12, 3_600_001, false],
      ],
    },
    {
      name: 'when it changed by more than 250 ms since it was recorded',
      steps: [
        [0, 0, true],
        [200, 1, false],
        [250, 2, false],
        [251, 3, true],
        [400, 4, false],
      ],
    },
  ])('is recorded $name', ({ steps }) => {
    const skew = new ClockSkew();
    expect(steps.map(([skewMs, nowMs]) => skew.add(sample(skewMs), nowMs).record)).toEqual(
      steps.map(([, , record]) => record),
    );
  });

  it.each<{ name: string; skews: [skewMs: number, alert: string | null][] }>([
    {
      name: 'over two seconds ahead, until it is less for sure',
      skews: [
        [0, 'clear'],
        [2001, null],
        [2002, 'raise'],
        [2500, null],
      ],
    },
    { name: 'over two seconds behind', skews: [[-2500, 'raise']] },
    {
      name: 'nothing, but tells at once that it is well: a former vault may have raised it',
      skews: [[5, 'clear']],
    },
  ])('alerts about $name', ({ skews }) => {
    const skew = new ClockSkew();
    expect(skews.map(([skewMs]) => skew.add(sample(skewMs), 0).alert)).toEqual(
      skews.map(([, alert]) => alert),
    );
  });

  it('is over when the clock is set right', () => {
    const skew = new ClockSkew();
    const alerts = [5000, 0, 0, 0, 0, 0].map((skewMs) => skew.add(sample(skewMs), 0).alert);
    expect(alerts).toEqual(['raise', null, null, null, null, 'clear']);
  });
});
