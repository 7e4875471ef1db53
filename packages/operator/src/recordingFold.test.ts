import { observedOf, saidOf, seenOf } from './recordedCluster.testing.ts';
import { coverageText, type Recording, recordingBefore, recordingFold } from './recordingFold.ts';

const nowMs = Date.parse('2026-11-27T05:00:00Z');
const nobody = recordingBefore(undefined);
const { coverage } = saidOf();

const pod = (name: string, over: Partial<typeof coverage> = {}) =>
  observedOf(
    { name, uid: `uid-${name}` },
    seenOf({ status: saidOf({ coverage: { ...coverage, ...over } }) }),
  );

const summary = (recording: Recording) => ({
  state: recording.state,
  text: coverageText(recording),
  seen: recording.sessionsSeen,
  bypasses: recording.bypasses,
});

describe('recordingFold', () => {
  it.each([
    {
      name: 'sums what the pods say',
      pods: [pod('a', { seen: 500, recorded: 499, bypasses: 1 }), pod('b', { seen: 500, recorded: 500 })],
      wanted: { state: 'measured', text: '99.9%', seen: 1000, bypasses: 1 },
    },
    {
      name: 'is 100% only where it is whole',
      pods: [pod('a', { seen: 100_000, recorded: 99_999, bypasses: 1 })],
      wanted: { state: 'measured', text: '99.9%', seen: 100_000, bypasses: 1 },
    },
    {
      name: 'counts a bypass that the number of sessions does not show yet',
      pods: [pod('a', { seen: 10, recorded: 10, bypasses: 10 })],
      wanted: { state: 'measured', text: '50.0%', seen: 10, bypasses: 10 },
    },
    {
      name: 'claims nothing where no session was seen',
      pods: [pod('a', { seen: 0, recorded: 0 })],
      wanted: { state: 'measured', text: 'NoSessions', seen: 0, bypasses: 0 },
    },
    {
      name: 'knows nothing without credentials',
      pods: [pod('a'), pod('b', { state: 'no_credentials', seen: 0, recorded: 0 })],
      wanted: { state: 'no_credentials', text: 'Unknown', seen: 10, bypasses: 0 },
    },
    {
      name: 'knows nothing while a recorder is silent',
      pods: [pod('a'), observedOf({ name: 'b' }, seenOf({ status: null, problem: 'timeout' }))],
      wanted: { state: 'unreachable', text: 'Unknown', seen: 10, bypasses: 0 },
    },
    {
      name: 'knows nothing of pods without a recorder',
      pods: [pod('a'), observedOf({ name: 'b', injected: false }, null)],
      wanted: { state: 'not_injected', text: 'Unknown', seen: 10, bypasses: 0 },
    },
    { name: 'no pods', pods: [], wanted: { state: 'no_pods', text: 'Unknown', seen: 0, bypasses: 0 } },
  ])('$name', ({ pods, wanted }) => {
    expect(summary(recordingFold(pods, nobody, nowMs))).toEqual(wanted);
  });

  it.each([
    { name: 'a first one', before: undefined, now: 1, count: 1 },
    { name: 'one more', before: 2, now: 3, count: 1 },
    { name: 'none more', before: 3, now: 3, count: 0 },
    { name: 'of a recorder that started anew', before: 3, now: 2, count: 2 },
    { name: 'none, of a recorder that started anew', before: 3, now: 0, count: 0 },
  ])('tells bypasses that are new: $name', ({ before, now, count }) => {
    const status = { pods: [{ uid: 'uid-a', ...(before === undefined ? {} : { bypasses: before }) }] };
    const { news, lastBypassMs } = recordingFold(
      [pod('a', { bypasses: now })],
      recordingBefore(status),
      nowMs,
    );
    expect(news.map((one) => one.count)).toEqual(count === 0 ? [] : [count]);
    expect(lastBypassMs).toBe(count === 0 ? null : nowMs);
  });

  it('keeps what a silent recorder said, and when a bypass was last seen', () => {
    const silent = observedOf({ name: 'a', uid: 'uid-a' }, seenOf({ status: null, problem: 'timeout' }));
    const before = { lastBypassTime: '2026-11-27T04:30:00Z', pods: [{ uid: 'uid-a', bypasses: 3 }] };
    const { counted, lastBypassMs, news } = recordingFold([silent], recordingBefore(before), nowMs);
    expect([[...counted], lastBypassMs, news]).toEqual([
      [['uid-a', 3]],
      Date.parse('2026-11-27T04:30:00Z'),
      [],
    ]);
  });
});
