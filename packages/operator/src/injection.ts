/**
 * Owns what a pod gets: the patch (RFC 6902) that puts a recorder into it, at its creation. Only adds, but for what
 * AddressSwap and NamedPort change in the one container that is nobody else's. Computed on the raw object, guarded by
 * tests of what it saw; injecting twice is injecting once. Pure.
 */
import { configHash } from '@pgtape/evidence';
import { splitKey } from '@pgtape/kube';
import { bytesOf } from './apiFields.ts';
import { captureChanges } from './captureChanges.ts';
import { capturePlan, type Refused } from './capturePlan.ts';
import { configMapName } from './clusterNames.ts';
import { annotations, type InjectionPlan, RECORDER_CONTAINER } from './injectionPlan.ts';
import { type JsonPatchOperation, pointer } from './jsonPatch.ts';
import { hasLabels } from './labels.ts';
import { PodFacts, qosOf } from './podFacts.ts';
import {
  outboxContainer,
  recorderContainer,
  recorderVolumes,
  redirectContainer,
} from './recorderContainer.ts';

/**
 * - `not_selected`: the labels are others;
 * - `injected`: a recorder of this database is there already, with this configuration;
 * - `mode_not_possible`: see `refused`;
 * - `name_taken`: a container or volume of ours by name is not ours.
 */
export type SkipReason = 'not_selected' | 'injected' | 'mode_not_possible' | 'name_taken' | 'unmanaged';

export type Injection =
  | {
      readonly outcome: 'patch';
      readonly mode: string;
      readonly patch: readonly JsonPatchOperation[];
      readonly refused: readonly Refused[];
    }
  | { readonly outcome: 'skip'; readonly reason: SkipReason; readonly refused: readonly Refused[] };

const skip = (reason: SkipReason, refused: readonly Refused[] = []): Injection => ({
  outcome: 'skip',
  reason,
  refused,
});

/**
 * @param raw the Pod of the admission request
 * @throws z.ZodError for what is no Pod
 */
export function inject(raw: unknown, plan: InjectionPlan): Injection {
  const pod = PodFacts.parse(raw);
  const { spec } = plan;
  if (spec.managementState === 'Unmanaged') return skip('unmanaged');
  if (!hasLabels(pod.metadata.labels ?? {}, spec.selector.matchLabels)) return skip('not_selected');
  const taken = takenBy(pod, plan);
  if (taken !== null) return skip(taken);
  const capture = capturePlan(pod, spec.capture, plan);
  if (capture.mode === null) return skip('mode_not_possible', capture.instead);
  const qos = qosOf(pod);
  const journalBytes = bytesOf(spec.spool.journalSize);
  const container = { plan, mode: capture.mode, qos, journalBytes };
  const ours = [
    ...(capture.mode === 'Redirect' ? [redirectContainer(container)] : []),
    ...(needsOutbox(pod, plan) ? [outboxContainer(container)] : []),
    recorderContainer(container),
  ];
  const volumes = recorderVolumes(spec, configMapName(splitKey(plan.database).name));
  const patch = [
    ...annotationsAdded(pod, plan, capture.mode),
    ...listAdded('/spec/initContainers', pod.spec.initContainers, ours, positionOf(pod)),
    ...listAdded('/spec/volumes', pod.spec.volumes, volumes, pod.spec.volumes?.length ?? 0),
    ...captureChanges(pod, spec.capture.container, capture.mode, plan),
  ];
  return { outcome: 'patch', mode: capture.mode, patch, refused: capture.instead };
}

/** The recorder could not write to its outbox, and somebody may give it to him. */
function needsOutbox({ spec }: PodFacts, plan: InjectionPlan): boolean {
  if (plan.spec.spool.outboxVolume === 'EmptyDir' || plan.podSecurity === 'restricted') return false;
  return spec.securityContext?.fsGroup === undefined;
}

function takenBy(pod: PodFacts, plan: InjectionPlan): SkipReason | null {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const isThere = containers.some(({ name }) => name === RECORDER_CONTAINER);
  const volumeTaken = (pod.spec.volumes ?? []).some(({ name }) => name.startsWith('pgtape-'));
  const given = pod.metadata.annotations ?? {};
  const isOurs =
    given[annotations.by] === plan.database && given[annotations.configHash] === configHash(plan.config);
  if (isThere && isOurs) return 'injected';
  return isThere || volumeTaken ? 'name_taken' : null;
}

/** First, so that it is up before whatever else; behind a mesh's proxy, whose network it needs. */
function positionOf(pod: PodFacts): number {
  const mesh = new Set(['istio-proxy', 'istio-init', 'istio-validation', 'linkerd-proxy', 'linkerd-init']);
  const all = pod.spec.initContainers ?? [];
  return all.findLastIndex(({ name }) => mesh.has(name)) + 1;
}

function annotationsAdded(pod: PodFacts, plan: InjectionPlan, mode: string): JsonPatchOperation[] {
  const added = {
    [annotations.by]: plan.database,
    [annotations.mode]: mode,
    [annotations.config]: plan.config,
    [annotations.configHash]: configHash(plan.config),
  };
  if (pod.metadata.annotations === undefined)
    return [{ op: 'add', path: '/metadata/annotations', value: added }];
  return Object.entries(added).map(([name, value]) => ({
    op: 'add',
    path: `/metadata/annotations/${pointer(name)}`,
    value,
  }));
}

/** Each item on its own, at its place, so that what stands there keeps its own; the first test guards the place. */
function listAdded(
  path: string,
  there: readonly { readonly name: string }[] | undefined,
  items: readonly object[],
  at: number,
): JsonPatchOperation[] {
  if (there === undefined) return [{ op: 'add', path, value: items }];
  const before = there[at];
  const guard: JsonPatchOperation[] =
    before === undefined ? [] : [{ op: 'test', path: `${path}/${at}/name`, value: before.name }];
  return [
    ...guard,
    ...items.map((value, index): JsonPatchOperation => ({ op: 'add', path: `${path}/${at + index}`, value })),
  ];
}
