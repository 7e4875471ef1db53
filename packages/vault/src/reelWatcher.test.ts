import type { SegmentSuccess } from '@pgtape/evidence';
import { sentAtMetadata } from '@pgtape/otlp';
import { Alerts } from './alerts.ts';
import { ReelWatcher, type WatchedCall } from './reelWatcher.ts';

const reel = '0a'.repeat(16);
const recorder = '01'.repeat(8);

function segment(number: number, kind = 'reel_opened'): SegmentSuccess {
  return {
    header: { reel, recorder, segment: number, name: 'db-0' },
    seal: { segment: number, at: '1000000000' },
    sealDigest: 'ab'.repeat(32),
    records: [{ kind, at: '1000000000' }],
  } as unknown as SegmentSuccess;
}

/** A call of a recorder whose clock is ahead. */
const call = (aheadMs: number, more: Partial<WatchedCall> = {}): WatchedCall => ({
  metadata: { [sentAtMetadata]: `${1_000_000 + aheadMs}000000` },
  arrivedMs: 1_000_001,
  roundTripMs: 2,
  ...more,
});

function watching() {
  const told: string[] = [];
  let nowMs = 0;
  let tick = (): void => undefined;
  const alerts = new Alerts(() => 0, {
    raised: ({ reason }) => void told.push(`raised ${reason}`),
    cleared: ({ reason, detail }) => void told.push(`cleared ${reason}: ${detail}`),
  });
  const watcher = new ReelWatcher({
    alerts,
    tell: (entry) =>
      void told.push(
        entry.kind === 'skew'
          ? `skew ${entry.skew_ms} ${entry.bound_ms}`
          : entry.kind === 'orphaned'
            ? JSON.stringify(entry)
            : entry.kind,
      ),
    now: () => nowMs,
    every: (_ms, run) => {
      tick = run;
      return () => {
        tick = () => undefined;
      };
    },
  });
  watcher.start();
  const pass = (ms: number): string[] => {
    nowMs += ms;
    tick();
    return told.splice(0);
  };
  return { watcher, alerts, told: () => told.splice(0), pass };
}

describe('ReelWatcher', () => {
  it('turns what the watch finds into alerts, and takes them back', () => {
    const { watcher, told, pass } = watching();
    watcher.arrived(segment(1), call(0));
    watcher.ahead(segment(3).header, 2);
    expect(told()).toEqual(['skew 0 1']);
    expect(pass(30_000)).toEqual(['raised segment_missing']);
    expect(pass(31_000)).toEqual(['raised reel_silent']);
    expect([watcher.count('silent'), watcher.list()[0]?.missing]).toEqual([1, 2]);
    watcher.arrived(segment(2, 'reel_closed'), call(0));
    expect(told()).toEqual(['cleared reel_silent: it sends again', 'cleared segment_missing: it came']);
    expect(watcher.list()).toEqual([]);
  });

  it('writes down whose pod is gone, where it was silent before, too', () => {
    const { watcher, told, pass } = watching();
    watcher.arrived(segment(1), call(0));
    expect([told(), pass(61_000)]).toEqual([['skew 0 1'], ['raised reel_silent']]);
    const pod = { namespace: 'shop', name: 'orders-0', uid: 'u-0' };
    watcher.orphaned(reel, pod, false);
    watcher.orphaned(reel, pod, false);
    const word = { kind: 'orphaned', of_reel: reel, of_recorder: recorder, reason: 'pod_gone' };
    const last = { segment: 1, seal: 'ab'.repeat(32) };
    expect(told()).toEqual([JSON.stringify({ ...word, pod: 'shop/orders-0', pod_uid: 'u-0', ...last })]);
  });

  it('records clocks, alerts about them, and forgets them with the reel', () => {
    const { watcher, told } = watching();
    watcher.arrived(segment(1), call(5000));
    expect(told()).toEqual(['skew 5000 1', 'raised clock_skew']);
    expect([watcher.largestSkewMs(), watcher.list()[0]?.skew]).toEqual([5000, { skewMs: 5000, boundMs: 1 }]);
    watcher.arrived(segment(2, 'reel_closed'), call(5000));
    expect([told(), watcher.largestSkewMs()]).toEqual([
      ["cleared clock_skew: the recorder's clock is 5000 ms ahead"],
      0,
    ]);
  });

  it.each<{ name: string; more: Partial<WatchedCall> }>([
    { name: 'does not say when it sent', more: { metadata: {} } },
    { name: 'says no time', more: { metadata: { [sentAtMetadata]: '-1' } } },
    { name: 'has a connection nobody measured', more: { roundTripMs: null } },
  ])('says nothing of the clock of who $name', ({ more }) => {
    const { watcher, told } = watching();
    watcher.arrived(segment(1), call(5000, more));
    expect([told(), watcher.list()[0]?.skew]).toEqual([[], null]);
  });

  it('lets a refusal stand for an hour after the last', () => {
    const { watcher, alerts, told, pass } = watching();
    alerts.raise('not_enrolled', 'x');
    watcher.refused();
    pass(3_000_000);
    watcher.refused();
    told();
    expect(pass(3_000_000)).toEqual([]);
    expect(pass(600_000)).toEqual(['cleared not_enrolled: x']);
  });

  it('does nothing any more when it is closed', () => {
    const { watcher, pass, told } = watching();
    watcher.arrived(segment(1), call(0));
    told();
    watcher.close();
    expect(pass(1e6)).toEqual([]);
  });
});
