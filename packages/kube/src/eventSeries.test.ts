import { EventSeries, type Happening } from './eventSeries.ts';

const happening = (over: Partial<Happening> = {}): Happening => ({
  regardingUid: 'u',
  type: 'Warning',
  reason: 'BypassDetected',
  action: 'Watch',
  note: 'a session went past',
  ...over,
});

const limits = { quietMs: 60_000, burst: 2, refillMs: 10_000, updateMs: 1000, kept: 3 };

describe('EventSeries', () => {
  it('makes one event, then counts on it, telling the server now and then, and begins anew after quiet', () => {
    const series = new EventSeries(limits);
    const decide = (at: number) => series.decide(happening(), at);
    expect(decide(0)).toEqual({ decision: 'new' });
    series.made(happening(), 'e1', 0);
    expect([decide(10), decide(999), decide(1000), decide(1001), decide(61_000)]).toEqual([
      { decision: 'dropped' },
      { decision: 'dropped' },
      { decision: 'again', name: 'e1', count: 4 },
      { decision: 'dropped' },
      { decision: 'again', name: 'e1', count: 6 },
    ]);
    expect(decide(121_000)).toEqual({ decision: 'new' });
  });

  it.each([
    { regardingUid: 'other' },
    { type: 'Normal' as const },
    { reason: 'Injected' },
    { action: 'Inject' },
    { note: 'another' },
  ])('%j is another series', (over) => {
    const series = new EventSeries({ ...limits, burst: 10 });
    series.made(happening(), 'e1', 0);
    expect(series.decide(happening(over), 5000)).toEqual({ decision: 'new' });
  });

  it('bounds new events about one object, not about another', () => {
    const series = new EventSeries(limits);
    const decide = (note: string, at: number, regardingUid = 'u') =>
      series.decide(happening({ note, regardingUid }), at).decision;
    expect([
      decide('1', 0),
      decide('2', 0),
      decide('3', 0),
      decide('3', 0, 'v'),
      decide('4', 9999),
      decide('5', 10_000),
      decide('6', 10_000),
    ]).toEqual(['new', 'new', 'dropped', 'new', 'dropped', 'new', 'dropped']);
  });

  it('begins anew when the server has forgotten the event, and when it forgot it itself', () => {
    const series = new EventSeries({ ...limits, burst: 10 });
    series.made(happening(), 'e1', 0);
    series.gone(happening());
    expect(series.decide(happening(), 2000)).toEqual({ decision: 'new' });
    for (const note of ['1', '2', '3', '4']) series.made(happening({ note }), note, 2000);
    expect(series.decide(happening({ note: '1' }), 3000)).toEqual({ decision: 'new' });
    expect(series.decide(happening({ note: '4' }), 3000)).toEqual({ decision: 'again', name: '4', count: 2 });
  });
});
