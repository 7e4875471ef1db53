/**
 * Owns which pod is made anew next, or gets another recorder in place, and when to stop: one at a time, replicas first,
 * never while another pod is not ready, and never unasked. Pure.
 */
import { createHash } from 'node:crypto';
import type { ObservedPod, WantedRecorder } from './observedPod.ts';
import { restartOrder } from './podRole.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { podNames } from './recordingVerdicts.ts';
import type { ActiveRollout, RolloutState } from './rolloutState.ts';
import { type Verdict, verdict, wholeSeconds } from './statusConditions.ts';

export interface RolloutView {
  readonly spec: Pick<RecordedDatabaseSpec, 'restarts' | 'recorder'>;
  readonly wanted: WantedRecorder;
  readonly pods: readonly ObservedPod[];
  /** Uids of pods that are being deleted. */
  readonly leaving: ReadonlySet<string>;
  readonly before: RolloutState | null;
  /** Whether a pod made now would get a recorder. */
  readonly isInjectorWell: boolean;
  /** What the API server said to the last eviction of the active pod; '' where it was not refused. */
  readonly refusal: string;
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number;
}

export interface RolloutStep {
  /** To be written before `action` is done; null: nothing is asked for. */
  readonly state: RolloutState | null;
  /** Done again until the pod has gone, or has the image. */
  readonly action: { readonly what: ActiveRollout['action']; readonly pod: ObservedPod } | null;
  /** Condition `UpToDate`. */
  readonly says: Verdict;
}

/** From being evicted, or given another image, until it is ready. */
export const COMEBACK_MS = 10 * 60_000;
const failuresMax = 2;
/** `since` is written anew no more often than this. */
const sinceStepMs = 60_000;

function wants(
  pod: ObservedPod,
  { restarts, recorder }: RolloutView['spec'],
): ActiveRollout['action'] | null {
  if (pod.need === null) return null;
  if (pod.need === 'Upgrade' && recorder.upgrade === 'InPlace') return 'Upgrade';
  if (pod.need === 'Upgrade' && recorder.upgrade === 'Notify') return null;
  return restarts === 'OneAtATime' ? 'Evict' : null;
}

export function rolloutStep(view: RolloutView): RolloutStep {
  const { spec, before } = view;
  const isAsked = spec.restarts === 'OneAtATime' || spec.recorder.upgrade === 'InPlace';
  if (!isAsked) return { state: null, action: null, says: unasked(view) };
  const target = targetOf(view.wanted);
  const failures = before?.target === target ? before.failures : 0;
  const lastFailure = before?.target === target ? before.lastFailure : undefined;
  const state = stateOf(target, failures, lastFailure);
  const { active } = before ?? {};
  if (active === undefined) return nextStep(view, state);
  const went = active.action === 'Evict' ? evicted(active, view) : upgraded(active, view);
  if (went.how === 'done') return nextStep(view, state);
  if (went.how === 'failed') return nextStep(view, stateOf(target, failures + 1, went.why));
  if (went.how === 'waiting') return { state: { ...state, active }, action: null, says: went.says };
  return {
    state: { ...state, active: begunAgain(active, view.nowMs) },
    action: went.action,
    says: went.says,
  };
}

function stateOf(target: string, failures: number, lastFailure: string | undefined): RolloutState {
  return {
    target,
    failures,
    ...(lastFailure === undefined ? {} : { lastFailure: lastFailure.slice(0, 512) }),
  };
}

function targetOf({ configHash, image }: WantedRecorder): string {
  return createHash('sha256').update(`${configHash}\n${image}`).digest('hex').slice(0, 16);
}

const timeText = (ms: number): string => wholeSeconds(new Date(ms));

/** A refused eviction goes on being tried: its time to come back begins with the last try. */
function begunAgain(active: ActiveRollout, nowMs: number): ActiveRollout {
  return nowMs - Date.parse(active.since) < sinceStepMs ? active : { ...active, since: timeText(nowMs) };
}

type Went =
  | { readonly how: 'done' }
  | { readonly how: 'failed'; readonly why: string }
  | { readonly how: 'waiting'; readonly says: Verdict }
  | { readonly how: 'again'; readonly says: Verdict; readonly action: RolloutStep['action'] };

function evicted(active: ActiveRollout, view: RolloutView): Went {
  const { pods, leaving, spec, refusal } = view;
  const there = pods.find(({ uid }) => uid === active.uid);
  if (there !== undefined) {
    if (wants(there, spec) !== 'Evict') return { how: 'done' };
    const says =
      refusal === ''
        ? verdict('False', 'Evicting', `${active.pod} is evicted: ${reasonOf(there)}`)
        : verdict('False', 'EvictionRefused', `${active.pod}: ${refusal}`);
    return { how: 'again', says, action: { what: 'Evict', pod: there } };
  }
  const waiting: Went = {
    how: 'waiting',
    says: verdict('False', 'WaitingForPod', `${active.pod} was evicted and is not back and ready yet`),
  };
  if (leaving.has(active.uid)) return waiting;
  const isLate = view.nowMs - Date.parse(active.since) > COMEBACK_MS;
  const successor = successorOf(active, pods);
  if (successor === null)
    return isLate ? { how: 'failed', why: `${active.pod} was evicted and did not come back` } : waiting;
  if (successor.need !== null)
    return { how: 'failed', why: `${successor.name} came back, and still: ${reasonOf(successor)}` };
  if (successor.isReady) return { how: 'done' };
  return isLate ? { how: 'failed', why: `${successor.name} came back and did not become ready` } : waiting;
}

/** By its name; where names are new each time, the newest, once there are as many as before. */
function successorOf({ pod, pods: before }: ActiveRollout, pods: readonly ObservedPod[]): ObservedPod | null {
  const named = pods.find(({ name }) => name === pod);
  if (named !== undefined || pods.length < before) return named ?? null;
  return [...pods].sort((a, b) => (a.createdAt > b.createdAt ? -1 : 1))[0] ?? null;
}

function upgraded(active: ActiveRollout, view: RolloutView): Went {
  const there = view.pods.find(({ uid }) => uid === active.uid);
  // Made anew: then it has what a new pod gets.
  if (there === undefined) return { how: 'done' };
  if (wants(there, view.spec) === 'Upgrade') {
    const says = verdict('False', 'Upgrading', `${active.pod}: ${reasonOf(there)}`);
    return { how: 'again', says, action: { what: 'Upgrade', pod: there } };
  }
  const isNew = there.recorder.id !== '' && there.recorder.id !== (active.container ?? '');
  if (isNew && there.recorder.isReady && there.isReady) return { how: 'done' };
  if (view.nowMs - Date.parse(active.since) > COMEBACK_MS)
    return { how: 'failed', why: `the recorder of ${active.pod} did not become ready with its new image` };
  return {
    how: 'waiting',
    says: verdict('False', 'Upgrading', `${active.pod} is not ready with its new image yet`),
  };
}

function nextStep(view: RolloutView, state: RolloutState): RolloutStep {
  const rest = (says: Verdict): RolloutStep => ({ state, action: null, says });
  const { spec, pods, leaving } = view;
  const todo = pods.filter((pod) => wants(pod, spec) !== null).sort(restartOrder);
  if (todo.length === 0) return rest(unasked(view));
  if (state.failures >= failuresMax)
    return rest(
      verdict(
        'False',
        'StoppedAfterFailures',
        `${state.lastFailure ?? ''}; set spec.restarts to Never and back to go on with ${podNames(todo)}`,
      ),
    );
  const fit = todo.filter((pod) => unfit(pod, view) === null);
  const [pod] = fit;
  if (pod === undefined) return rest(unfit(todo[0] as ObservedPod, view) as Verdict);
  const unready = pods.filter((other) => other.uid !== pod.uid && !other.isReady);
  if (unready.length > 0 || leaving.size > 0) {
    const which = unready.length > 0 ? podNames(unready) : 'pods that are being deleted';
    return rest(verdict('False', 'WaitingForPods', `${pod.name} waits until these are ready: ${which}`));
  }
  return begun(pod, view, state);
}

function begun(pod: ObservedPod, { spec, pods, nowMs }: RolloutView, state: RolloutState): RolloutStep {
  const what = wants(pod, spec) as ActiveRollout['action'];
  const active: ActiveRollout = {
    pod: pod.name,
    uid: pod.uid,
    action: what,
    since: timeText(nowMs),
    pods: pods.length,
    ...(what === 'Upgrade' ? { container: pod.recorder.id } : {}),
  };
  const reason = what === 'Evict' ? 'Evicting' : 'Upgrading';
  const says = verdict('False', reason, `${pod.name}: ${reasonOf(pod)}`);
  return { state: { ...state, active }, action: { what, pod }, says };
}

/** Why it must not be evicted; null where it may be. */
function unfit(pod: ObservedPod, { spec, isInjectorWell }: RolloutView): Verdict | null {
  if (wants(pod, spec) === 'Upgrade') return null;
  if (pod.skipped !== '')
    return verdict(
      'False',
      'NotInjectable',
      `${pod.name} would come back without a recorder: ${pod.skipped}`,
    );
  if (!pod.hasOwner) return verdict('False', 'NoOwner', `nobody would make ${pod.name} anew: ${pod.restart}`);
  if (!isInjectorWell)
    return verdict('False', 'InjectorUnavailable', `${pod.name} waits: a pod made now would get no recorder`);
  return null;
}

const reasonOf = ({ need }: ObservedPod): string =>
  need === 'Injection'
    ? 'it has no recorder'
    : need === 'Configuration'
      ? 'its recorder runs with an older configuration'
      : 'its recorder is of another image';

/** What is to be done where nobody asked the operator to. */
function unasked({ spec, pods }: RolloutView): Verdict {
  if (pods.length === 0) return verdict('Unknown', 'NoPods', 'no pod has these labels');
  const restart = pods.filter(({ need }) => need === 'Injection' || need === 'Configuration');
  if (restart.length > 0) {
    const commands = [...new Set(restart.map((pod) => pod.restart))];
    return verdict('False', 'RestartRequired', `${podNames(restart)}: ${commands.join('; ')}`);
  }
  const old = pods.filter(({ need }) => need === 'Upgrade');
  if (old.length === 0) return verdict('True', 'Current', '');
  const commands = [...new Set(old.map((pod) => pod.restart))].join('; ');
  return spec.recorder.upgrade === 'Notify'
    ? verdict(
        'False',
        'UpgradeAvailable',
        `the recorder of ${podNames(old)} is of another image: ${commands}`,
      )
    : verdict(
        'False',
        'UpgradePending',
        `${podNames(old)} get the new recorder when they are made anew: ${commands}`,
      );
}
