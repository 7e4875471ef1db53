import type { ParsedRecord, SegmentSuccess } from '@pgtape/evidence';
import { ReelWatch, type WatchChange } from './reelWatch.ts';

const recorder = '01'.repeat(8);
const a = '0a'.repeat(16);
const b = '0b'.repeat(16);
const session = (number: number) => `${a.slice(0, 16)}-${number}`;

interface Made {
  readonly reel?: string;
  readonly from?: string;
  /** Wall ms of its first record and its seal. */
  readonly at?: readonly [number, number];
}

function segment(number: number, records: readonly object[] = [], made: Made = {}): SegmentSuccess {
  const { reel = a, from = recorder, at = [1000, 1000] } = made;
  return {
    header: { reel, recorder: from, segment: number, name: 'db-0' },
    seal: { segment: number, at: `${at[1]}000000` },
    sealDigest: `seal ${number}`,
    records: records.map((record) => ({ at: `${at[0]}000000`, ...record }) as unknown as ParsedRecord),
  } as unknown as SegmentSuccess;
}

const opened = { kind: 'reel_opened' };
const closed = { kind: 'reel_closed' };
const statement = (number: number, n: number) => ({ kind: 'statement', session: session(number), n });
const heartbeat = (
  monoMs: number,
  statements: number,
  open: readonly (readonly [number, number])[] = [],
) => ({
  kind: 'heartbeat',
  mono: String(monoMs * 1e6),
  statements,
  open: open.map(([number, n]) => ({ session: session(number), n })),
});
const said = (changes: readonly WatchChange[]) =>
  changes.map(({ kind, reason, reel }) => `${kind} ${reason} ${reel === a ? 'a' : 'b'}`);
/** Of an earlier vault, which said nothing. */
const unsaid = { superseded: false, standing: new Set<never>(), orphaned: false };
const states = (watch: ReelWatch) =>
  watch.list().map(({ reel, state, segment: last }) => `${reel === a ? 'a' : 'b'} ${state} ${last}`);

describe('ReelWatch: a reel that falls silent', () => {
  it('is silent after two heartbeats, once, until something comes', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened]), 0);
    expect(said(watch.tick(60_000))).toEqual([]);
    expect(watch.tick(60_001)).toEqual([
      { kind: 'raise', reason: 'reel_silent', reel: a, detail: 'nothing came for 60 s' },
    ]);
    expect([said(watch.tick(90_000)), states(watch)]).toEqual([[], ['a silent 1']]);
    expect(said(watch.arrived(segment(2, [heartbeat(30_000, 0)]), 95_000))).toEqual(['clear reel_silent a']);
    expect([said(watch.tick(100_000)), states(watch)]).toEqual([[], ['a open 2']]);
  });

  it('has the heartbeat that the reel shows, and the time its segments take', () => {
    const watch = new ReelWatch();
    const beats = [1, 2, 3].map((second) => heartbeat(second * 1000, 0));
    watch.arrived(segment(1, [opened, beats[0]!]), 0);
    expect(said(watch.tick(2000))).toEqual([]);
    expect(said(watch.tick(2001))).toEqual(['raise reel_silent a']);
    // Heartbeats of one second in segments that are sealed after fifteen.
    const slow = new ReelWatch();
    slow.arrived(segment(1, [opened, ...beats], { at: [0, 15_000] }), 0);
    expect(said(slow.tick(31_000))).toEqual([]);
    expect(said(slow.tick(31_001))).toEqual(['raise reel_silent a']);
  });

  it('takes several lines of one heartbeat for one', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened, heartbeat(30_000, 0), heartbeat(30_000, 0)]), 0);
    expect(watch.list()[0]?.heartbeatMs).toBe(30_000);
  });

  it('is not waited for once it has ended', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened, closed]), 0);
    watch.arrived(segment(1, [opened], { reel: b }), 0);
    watch.arrived(segment(2, [{ kind: 'gap', reason: 'recorder_crashed' }], { reel: b }), 0);
    expect([said(watch.tick(1e9)), states(watch)]).toEqual([[], []]);
  });

  it('is crashed when its recorder went on in another reel and an hour has passed', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened]), 0);
    watch.arrived(segment(1, [opened], { reel: b }), 60_000);
    expect(said(watch.tick(61_000))).toEqual(['raise reel_silent a']);
    watch.arrived(segment(2, [heartbeat(30_000, 0)], { reel: b }), 3_599_000);
    expect(watch.tick(3_600_001)).toEqual([
      {
        kind: 'clear',
        reason: 'reel_silent',
        reel: a,
        detail: 'given up: its recorder went on in another reel',
      },
    ]);
    expect([watch.count('crashed'), states(watch)]).toEqual([1, ['a crashed 1', 'b open 2']]);
    // The recorder found its journal after all.
    watch.arrived(segment(2, [{ kind: 'gap', reason: 'recorder_crashed' }]), 3_700_000);
    expect(states(watch)).toEqual(['b open 2']);
  });

  it('stays silent while no other reel of its recorder comes', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened]), 0);
    watch.arrived(segment(1, [opened], { reel: b, from: '02'.repeat(8) }), 60_000);
    watch.tick(61_000);
    watch.tick(1e8);
    expect(states(watch)).toContain('a silent 1');
  });
});

describe('ReelWatch: a reel whose pod is gone', () => {
  const pod = 'shop/orders-0';

  it('is crashed at once, told for an hour, and open again when something comes', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened]), 0);
    expect(watch.orphaned(a, pod, false)).toEqual({
      recorder,
      segment: 1,
      seal: 'seal 1',
      changes: [
        {
          kind: 'raise',
          reason: 'reel_silent',
          reel: a,
          detail: `its pod ${pod} is gone, and its end did not come`,
        },
      ],
    });
    expect([watch.orphaned(a, pod, false), states(watch)]).toEqual([null, ['a crashed 1']]);
    expect(said(watch.tick(3_600_000))).toEqual([]);
    expect(watch.tick(3_600_001)).toEqual([
      { kind: 'clear', reason: 'reel_silent', reel: a, detail: 'given up: its pod is gone' },
    ]);
    expect([said(watch.tick(1e8)), states(watch)]).toEqual([[], ['a crashed 1']]);
    expect([said(watch.arrived(segment(2), 1e8)), states(watch)]).toEqual([[], ['a open 2']]);
  });

  it('is told once where it was silent before, and not where an earlier vault told it', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened]), 0);
    watch.tick(60_001);
    expect([watch.orphaned(a, pod, false), states(watch)]).toEqual([
      { recorder, segment: 1, seal: 'seal 1', changes: [] },
      ['a crashed 1'],
    ]);
    expect(said(watch.arrived(segment(2, [closed]), 61_000))).toEqual(['clear reel_silent a']);
    watch.restored(segment(3, [], { reel: b }), unsaid, 70_000);
    expect([watch.orphaned(b, pod, true), states(watch)]).toEqual([
      { recorder, segment: 3, seal: 'seal 3', changes: [] },
      ['b crashed 3'],
    ]);
  });

  it('is written down again when more came and it fell silent again', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened]), 0);
    watch.orphaned(a, pod, false);
    expect(said(watch.arrived(segment(2), 1000))).toEqual(['clear reel_silent a']);
    expect(watch.list()[0]).toMatchObject({ state: 'open', isOrphaned: false });
    expect(watch.orphaned(a, pod, false)).toMatchObject({ segment: 2, seal: 'seal 2' });
  });

  it('is written down also where its recorder went on in another reel long ago', () => {
    const watch = new ReelWatch();
    watch.restored(segment(7), { ...unsaid, superseded: true }, 0);
    expect(watch.orphaned(a, pod, false)).toEqual({ recorder, segment: 7, seal: 'seal 7', changes: [] });
  });

  it('is not written down again by the next vault, whose alert of it ends in its time', () => {
    const watch = new ReelWatch();
    watch.restored(segment(7), { ...unsaid, orphaned: true, standing: new Set(['reel_silent']) }, 0);
    expect([watch.orphaned(a, pod, false), states(watch)]).toEqual([null, ['a crashed 7']]);
    expect(said(watch.tick(3_600_001))).toEqual(['clear reel_silent a']);
  });

  it('is not known where nothing of it was taken', () => {
    const watch = new ReelWatch();
    watch.ahead(segment(3).header, 2, 0);
    expect([watch.orphaned(a, pod, false), watch.orphaned(b, pod, false)]).toEqual([null, null]);
  });
});

describe('ReelWatch: a segment that never comes', () => {
  it('is told one heartbeat after a later one was refused, and over when it came', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened]), 0);
    const later = segment(3).header;
    watch.ahead(later, 2, 1000);
    expect(said(watch.tick(30_999))).toEqual([]);
    watch.ahead(later, 2, 30_999);
    expect(watch.tick(31_000)).toEqual([
      {
        kind: 'raise',
        reason: 'segment_missing',
        reel: a,
        detail: 'segment 2 never came, later ones did: its recorder lost it, or it is held back',
      },
    ]);
    expect([said(watch.tick(40_000)), watch.list()[0]?.missing]).toEqual([[], 2]);
    expect(said(watch.arrived(segment(2, [statement(1, 2)]), 50_000))).toEqual(['clear segment_missing a']);
    expect(watch.list()[0]?.missing).toBeNull();
  });

  it('is not told when it comes in time', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(1, [opened]), 0);
    watch.ahead(segment(3).header, 2, 1000);
    watch.arrived(segment(2), 2000);
    expect(said(watch.tick(50_000))).toEqual([]);
  });

  it('may be the first; who sent only refused ones is forgotten in time', () => {
    const watch = new ReelWatch();
    watch.ahead(segment(2).header, 1, 0);
    expect(said(watch.tick(30_000))).toEqual(['raise segment_missing a']);
    expect(said(watch.tick(4_000_000))).toEqual(['clear segment_missing a']);
    expect(states(watch)).toEqual([]);
  });
});

describe('ReelWatch: what a heartbeat counts', () => {
  it('is what came before it', () => {
    const watch = new ReelWatch();
    const lines = [
      opened,
      statement(1, 2),
      statement(2, 5),
      heartbeat(30_000, 2, [
        [1, 2],
        [2, 5],
        [3, 0],
      ]),
    ];
    expect(said(watch.arrived(segment(1, lines), 0))).toEqual([]);
    const more = [
      statement(1, 3),
      { kind: 'closed', session: session(2), n: 6 },
      heartbeat(60_000, 3, [[1, 3]]),
    ];
    expect(said(watch.arrived(segment(2, more), 0))).toEqual([]);
  });

  it.each<{ name: string; lines: object[]; detail: string }>([
    {
      name: 'lines of an open session are missing',
      lines: [statement(1, 2), heartbeat(30_000, 1, [[1, 4]])],
      detail: `a heartbeat counts what never came: session ${session(1)}: 2 lines`,
    },
    {
      name: 'a whole session is missing',
      lines: [heartbeat(30_000, 0, [[1, 1]])],
      detail: `a heartbeat counts what never came: session ${session(1)}: 1 lines`,
    },
    {
      name: 'statements are missing',
      lines: [statement(1, 2), heartbeat(30_000, 3, [[1, 2]])],
      detail: 'a heartbeat counts what never came: 2 statements',
    },
    {
      name: 'many are missing',
      lines: [
        heartbeat(30_000, 9, [
          [1, 1],
          [2, 1],
          [3, 1],
        ]),
      ],
      detail: `a heartbeat counts what never came: 9 statements, session ${session(1)}: 1 lines, session ${session(2)}: 1 lines, ...`,
    },
  ])('finds that $name, and says it once', ({ lines, detail }) => {
    const watch = new ReelWatch();
    expect(watch.arrived(segment(1, [opened, ...lines]), 0)).toEqual([
      { kind: 'raise', reason: 'lines_missing', reel: a, detail },
    ]);
    expect(said(watch.arrived(segment(2, [heartbeat(60_000, 99)]), 0))).toEqual([]);
    expect(said(watch.arrived(segment(3, [closed]), 0))).toEqual(['clear lines_missing a']);
  });
});

describe('ReelWatch after a restart of the vault', () => {
  it('goes on with the open reels, and learns from the next heartbeat what there was', () => {
    const watch = new ReelWatch();
    watch.restored(segment(7, [statement(1, 40)]), unsaid, 0);
    watch.restored(segment(2, [closed], { reel: b }), unsaid, 0);
    expect(states(watch)).toEqual(['a open 7']);
    expect(said(watch.arrived(segment(8, [statement(1, 41), heartbeat(30_000, 500, [[1, 41]])]), 0))).toEqual(
      [],
    );
    const lines = [statement(1, 42), heartbeat(60_000, 503, [[1, 42]])];
    expect(said(watch.arrived(segment(9, lines), 0))).toEqual(['raise lines_missing a']);
  });

  it('goes on with the alerts that stood', () => {
    const watch = new ReelWatch();
    const standing = new Set(['reel_silent', 'segment_missing', 'lines_missing'] as const);
    watch.restored(segment(7), { ...unsaid, standing }, 0);
    expect([said(watch.tick(1e6)), states(watch)]).toEqual([[], ['a silent 7']]);
    expect(said(watch.arrived(segment(8, [closed]), 1e6))).toEqual([
      'clear reel_silent a',
      'clear segment_missing a',
      'clear lines_missing a',
    ]);
  });

  it('raises nothing about a reel whose recorder went on in another one', () => {
    const watch = new ReelWatch();
    watch.restored(segment(7), { ...unsaid, superseded: true }, 0);
    expect([said(watch.tick(1e9)), states(watch)]).toEqual([[], ['a crashed 7']]);
  });

  it('keeps what came while the archive was read', () => {
    const watch = new ReelWatch();
    watch.arrived(segment(8, [statement(1, 2)]), 0);
    watch.restored(segment(7), unsaid, 0);
    expect(states(watch)).toEqual(['a open 8']);
  });
});
