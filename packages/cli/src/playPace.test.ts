import { PlayPace } from './playPace.ts';

describe('the pace of a tape', () => {
  it.each([
    {
      name: 'its own time',
      speed: 1,
      idleMs: 3000,
      times: [100, 100, 1100, 1350],
      pauses: [0, 0, 1000, 250],
    },
    { name: 'four times as fast', speed: 4, idleMs: 3000, times: [0, 1000, 1400], pauses: [0, 250, 100] },
    { name: 'half as fast', speed: 0.5, idleMs: 3000, times: [0, 1000], pauses: [0, 2000] },
    {
      name: 'no pause at all',
      speed: Number.POSITIVE_INFINITY,
      idleMs: 3000,
      times: [0, 1e9],
      pauses: [0, 0],
    },
    {
      name: 'long pauses cut, then made faster',
      speed: 2,
      idleMs: 3000,
      times: [0, 60_000, 60_100],
      pauses: [0, 1500, 50],
    },
    { name: 'no idling', speed: 1, idleMs: 0, times: [0, 5000], pauses: [0, 0] },
    {
      name: 'times that go back cost nothing',
      speed: 1,
      idleMs: 3000,
      times: [1000, 400, 900, 1500],
      pauses: [0, 0, 0, 500],
    },
  ])('$name', ({ speed, idleMs, times, pauses }) => {
    const pace = new PlayPace(speed, idleMs);
    expect(times.map((at) => pace.pauseMs(at))).toEqual(pauses);
  });
});
