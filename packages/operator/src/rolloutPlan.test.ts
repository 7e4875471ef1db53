import type { ObservedPod } from './observedPod.ts';
import { observedOf, saidOf, seenOf, wantedRecorder } from './recordedCluster.testing.ts';
import { COMEBACK_MS, type RolloutView, rolloutStep } from './rolloutPlan.ts';
import { type ActiveRollout, RolloutState } from './rolloutState.ts';

const nowMs = Date.parse('2026-11-27T05:00:00Z');
const time = (ms: number): string => new Date(ms).toISOString().replace('.000', '');
const oneAtATime = { restarts: 'OneAtATime', recorder: { upgrade: 'OnPodRestart' } } as const;
const inPlace = { restarts: 'Never', recorder: { upgrade: 'InPlace' } } as const;

const well = (name: string, over = {}): ObservedPod => observedOf({ name, uid: `uid-${name}`, ...over });
const bare = (name: string, over = {}): ObservedPod =>
  observedOf({ name, uid: `uid-${name}`, injected: false, ...over }, null);
const old = (name: string, over = {}): ObservedPod => well(name, { recorderImage: 'older', ...over });

function step(over: Partial<RolloutView>) {
  const view: RolloutView = {
    spec: oneAtATime,
    wanted: wantedRecorder,
    pods: [],
    leaving: new Set(),
    before: null,
    isInjectorWell: true,
    refusal: '',
    nowMs,
    ...over,
  };
  const { state, action, says } = rolloutStep(view);
  if (state !== null) RolloutState.parse(state);
  return { state, does: action === null ? '' : `${action.what} ${action.pod.name}`, says: says.reason };
}

const { target } = step({ pods: [well('a')] }).state as RolloutState;
const evicting = (over: Partial<ActiveRollout> = {}, failures = 0): RolloutState => ({
  target,
  failures,
  active: { pod: 'o-0', uid: 'uid-gone', action: 'Evict', since: time(nowMs - 10_000), pods: 2, ...over },
});
const upgrading = (over: Partial<ActiveRollout> = {}): RolloutState =>
  evicting({ uid: 'uid-o-0', action: 'Upgrade', container: 'containerd://1', ...over });

describe('rolloutStep', () => {
  it.each<{ name: string; view: Partial<RolloutView>; does?: string; says: string; failures?: number }>([
    { name: 'nothing to do', view: { pods: [well('o-0')] }, says: 'Current' },
    { name: 'no pods', view: {}, says: 'NoPods' },
    {
      name: 'never unasked',
      view: { spec: { ...oneAtATime, restarts: 'Never' }, pods: [bare('o-0')] },
      says: 'RestartRequired',
    },
    {
      name: 'a newer image waits for the next restart',
      view: { spec: { ...oneAtATime, restarts: 'Never' }, pods: [old('o-0')] },
      says: 'UpgradePending',
    },
    {
      name: 'a newer image is only told',
      view: { spec: { ...oneAtATime, recorder: { upgrade: 'Notify' } }, pods: [old('o-0')] },
      says: 'UpgradeAvailable',
    },
    {
      name: 'the highest ordinal first',
      view: { pods: [bare('o-2'), bare('o-10'), bare('o-9')] },
      does: 'Evict o-10',
      says: 'Evicting',
    },
    {
      name: 'replicas before the primary',
      view: { pods: [bare('o-9', { role: 'primary' }), bare('o-0', { role: 'replica' })] },
      does: 'Evict o-0',
      says: 'Evicting',
    },
    {
      name: 'a recorder that runs with an older configuration',
      view: { pods: [observedOf({}, seenOf({ status: saidOf({ configHash: 'older' }) }))] },
      does: 'Evict orders-0',
      says: 'Evicting',
    },
    {
      name: 'not while another is not ready',
      view: { pods: [bare('o-0'), well('o-1', { isReady: false })] },
      says: 'WaitingForPods',
    },
    {
      name: 'the one that is not ready itself',
      view: { pods: [bare('o-0', { isReady: false }), well('o-1')] },
      does: 'Evict o-0',
      says: 'Evicting',
    },
    {
      name: 'not while another is being deleted',
      view: { pods: [bare('o-0')], leaving: new Set(['uid-other']) },
      says: 'WaitingForPods',
    },
    { name: 'not without an owner', view: { pods: [bare('o-0', { hasOwner: false })] }, says: 'NoOwner' },
    {
      name: 'not one that would come back bare',
      view: { pods: [{ ...bare('o-1'), skipped: 'mode_not_possible' }, bare('o-0')] },
      does: 'Evict o-0',
      says: 'Evicting',
    },
    {
      name: 'none but one that would come back bare',
      view: { pods: [{ ...bare('o-1'), skipped: 'mode_not_possible' }] },
      says: 'NotInjectable',
    },
    {
      name: 'not while nothing is injected',
      view: { pods: [bare('o-0')], isInjectorWell: false },
      says: 'InjectorUnavailable',
    },
    {
      name: 'refused: goes on trying the same',
      view: { pods: [bare('o-0'), bare('o-1')], before: evicting({ uid: 'uid-o-0' }), refusal: 'a budget' },
      does: 'Evict o-0',
      says: 'EvictionRefused',
    },
    {
      name: 'going',
      view: { pods: [well('o-1')], before: evicting(), leaving: new Set(['uid-gone']) },
      says: 'WaitingForPod',
    },
    { name: 'gone', view: { pods: [well('o-1')], before: evicting() }, says: 'WaitingForPod' },
    {
      name: 'back, not ready',
      view: { pods: [well('o-0', { isReady: false }), bare('o-1')], before: evicting() },
      says: 'WaitingForPod',
    },
    {
      name: 'back and ready: the next',
      view: { pods: [well('o-0'), bare('o-1')], before: evicting() },
      does: 'Evict o-1',
      says: 'Evicting',
      failures: 0,
    },
    {
      name: 'back under another name',
      view: { pods: [well('n-7', { createdAt: '2026-11-27T04:59:55Z' }), bare('o-1')], before: evicting() },
      does: 'Evict o-1',
      says: 'Evicting',
    },
    {
      name: 'back without a recorder: a failure, and the next',
      view: { pods: [bare('o-0'), bare('o-1')], before: evicting() },
      does: 'Evict o-1',
      says: 'Evicting',
      failures: 1,
    },
    {
      name: 'the second failure: it stops',
      view: { pods: [bare('o-0'), bare('o-1')], before: evicting({}, 1) },
      says: 'StoppedAfterFailures',
      failures: 2,
    },
    {
      name: 'not back in time',
      view: {
        pods: [well('o-1')],
        before: evicting({ since: time(nowMs - COMEBACK_MS - 1000) }, 1),
      },
      says: 'Current',
      failures: 2,
    },
    {
      name: 'not ready in time',
      view: {
        pods: [well('o-0', { isReady: false }), bare('o-1')],
        before: evicting({ since: time(nowMs - COMEBACK_MS - 1000) }, 1),
      },
      says: 'StoppedAfterFailures',
      failures: 2,
    },
    {
      name: 'failures of another target do not count',
      view: { pods: [bare('o-0')], before: { target: 'other', failures: 2 } },
      does: 'Evict o-0',
      says: 'Evicting',
      failures: 0,
    },
    {
      name: 'an image in place',
      view: { spec: inPlace, pods: [old('o-0')] },
      does: 'Upgrade o-0',
      says: 'Upgrading',
    },
    {
      name: 'in place changes nothing but images',
      view: { spec: inPlace, pods: [bare('o-0')] },
      says: 'RestartRequired',
    },
    {
      name: 'patched, and the old container still there',
      view: { spec: inPlace, pods: [well('o-0'), old('o-1')], before: upgrading() },
      says: 'Upgrading',
    },
    {
      name: 'the new container is ready: the next',
      view: {
        spec: inPlace,
        pods: [well('o-0', { recorder: { id: 'containerd://2', isReady: true } }), old('o-1')],
        before: upgrading(),
      },
      does: 'Upgrade o-1',
      says: 'Upgrading',
    },
    {
      name: 'the new container does not become ready: a failure, and nothing more while it is not',
      view: {
        spec: inPlace,
        pods: [well('o-0', { isReady: false, recorder: { id: '', isReady: false } }), old('o-1')],
        before: upgrading({ since: time(nowMs - COMEBACK_MS - 1000) }),
      },
      says: 'WaitingForPods',
      failures: 1,
    },
  ])('$name', ({ view, does = '', says, failures }) => {
    const done = step(view);
    expect({ does: done.does, says: done.says }).toEqual({ does, says });
    if (failures !== undefined) expect(done.state?.failures).toBe(failures);
  });

  it('says what it does before it does it, and drops it where nobody asks any more', () => {
    const { state } = step({ pods: [bare('o-0'), well('o-1')] });
    expect(state?.active).toEqual({
      pod: 'o-0',
      uid: 'uid-o-0',
      action: 'Evict',
      since: time(nowMs),
      pods: 2,
    });
    expect(
      step({ pods: [bare('o-0')], before: state, spec: { ...oneAtATime, restarts: 'Never' } }).state,
    ).toBeNull();
  });

  it('begins its time to come back with the last try', () => {
    const before = evicting({ uid: 'uid-o-0', since: time(nowMs - COMEBACK_MS) });
    expect(step({ pods: [bare('o-0')], before }).state?.active?.since).toBe(time(nowMs));
  });
});
