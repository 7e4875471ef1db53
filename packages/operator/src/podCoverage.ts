/** Owns what a running pod says about its recorder, and how its owner has it made anew. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { z } from 'zod';
import { annotations, RECORDER_CONTAINER } from './injectionPlan.ts';
import { PodFacts, platformFor } from './podFacts.ts';
import { leavesPortAlone } from './podPlaces.ts';
import { type PodRole, podRole } from './podRole.ts';
import { CaptureMode, type RecordedDatabaseSpec } from './recordedDatabase.ts';
import { shellWord } from './shellWord.ts';
import { portProbes, socketProbes } from './socketProbes.ts';

export interface PodCoverage {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly injected: boolean;
  /** '' without a recorder. */
  readonly configHash: string;
  readonly recorderImage: string;
  /** Capture mode that it was injected for; '' without a recorder. */
  readonly plannedMode: string;
  /** Of the pod, none before it has a network. */
  readonly addresses: readonly string[];
  readonly role: PodRole;
  /** Whether somebody makes it anew when it is gone. */
  readonly hasOwner: boolean;
  /** As its owner and its Services see it. */
  readonly isReady: boolean;
  /** RFC 3339, as the API server wrote it. */
  readonly createdAt: string;
  readonly recorder: RecorderContainer;
  /** Containers whose probes are sessions past the recorder, where PostgreSQL trusts them. */
  readonly probesPast: readonly string[];
  /** What its owner does to have the pod made anew; for a shell. */
  readonly restart: string;
}

/** The recorder's container as the kubelet last told. */
export interface RecorderContainer {
  /** Of the running container; '' where none runs. */
  readonly id: string;
  readonly isReady: boolean;
}

const containerStatus = z.looseObject({
  name: z.string(),
  ready: z.boolean().optional(),
  containerID: z.string().optional(),
});
const Status = z.looseObject({
  podIP: z.string().optional(),
  podIPs: z.array(z.looseObject({ ip: z.string() })).optional(),
  conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).optional(),
  initContainerStatuses: z.array(containerStatus).optional(),
});

const hashCharsMax = 64;

/** null: not a pod that anybody could still connect to, or none that is understood. */
export function podCoverage(
  object: KubeObject,
  database: string,
  spec: RecordedDatabaseSpec,
): PodCoverage | null {
  const { phase } = (object.status ?? {}) as { phase?: unknown };
  if (phase === 'Succeeded' || phase === 'Failed' || object.metadata.deletionTimestamp !== undefined)
    return null;
  const parsed = PodFacts.safeParse(object);
  if (!parsed.success) return null;
  const pod = parsed.data;
  const recorder = (pod.spec.initContainers ?? []).find(({ name }) => name === RECORDER_CONTAINER);
  const given = pod.metadata.annotations ?? {};
  const injected = recorder?.restartPolicy === 'Always' && given[annotations.by] === database;
  const { creationTimestamp } = object.metadata;
  const labels = pod.metadata.labels ?? {};
  // Whoever makes a pod may write what he likes into it: no more of it than status has room for.
  const mode = CaptureMode.safeParse(given[annotations.mode]).data ?? '';
  return {
    ...running(object.status),
    name: object.metadata.name,
    uid: object.metadata.uid ?? '',
    labels,
    role: podRole(labels),
    hasOwner: (pod.metadata.ownerReferences ?? []).some(({ controller }) => controller === true),
    createdAt: typeof creationTimestamp === 'string' ? creationTimestamp : '',
    injected,
    plannedMode: injected ? mode : '',
    configHash: injected ? (given[annotations.configHash] ?? '').slice(0, hashCharsMax) : '',
    recorderImage: injected ? (recorder.image ?? '') : '',
    probesPast: injected && leavesPortAlone(mode) ? portProbes(pod) : socketProbes(pod),
    restart: restartCommand(pod, object.metadata.namespace ?? '', spec),
  };
}

function running(raw: unknown): Pick<PodCoverage, 'addresses' | 'isReady' | 'recorder'> {
  const parsed = Status.safeParse(raw ?? {});
  const { podIP, podIPs, conditions = [], initContainerStatuses = [] } = parsed.data ?? {};
  const own = initContainerStatuses.find(({ name }) => name === RECORDER_CONTAINER);
  return {
    addresses: podIPs?.map(({ ip }) => ip) ?? (podIP === undefined ? [] : [podIP]),
    isReady: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    recorder: { id: own?.containerID ?? '', isReady: own?.ready === true },
  };
}

/** Never ours to run: each owner has its own way, which knows about replicas and primaries. */
export function restartCommand(pod: PodFacts, namespace: string, spec: RecordedDatabaseSpec): string {
  const labels = pod.metadata.labels ?? {};
  const name = pod.metadata.name ?? '';
  switch (platformFor(pod, spec)) {
    case 'CloudNativePG':
      return `kubectl cnpg restart -n ${namespace} ${labels['cnpg.io/cluster'] ?? 'CLUSTER'}`;
    case 'Zalando':
      return `kubectl annotate pod -n ${namespace} ${name} zalando-postgres-operator-rolling-update-required=true`;
    case 'Crunchy': {
      const cluster = labels['postgres-operator.crunchydata.com/cluster'] ?? 'CLUSTER';
      const patch = `'{"spec":{"metadata":{"annotations":{"restarted":"'"$(date)"'"}}}}'`;
      return `kubectl patch postgrescluster -n ${namespace} ${cluster} --type merge -p ${patch}`;
    }
    default:
      return byOwner(pod, namespace, name);
  }
}

function byOwner(pod: PodFacts, namespace: string, name: string): string {
  const [owner] = pod.metadata.ownerReferences ?? [];
  const rollout = (what: string): string => `kubectl rollout restart -n ${namespace} ${what}`;
  if (owner?.kind === 'StatefulSet' || owner?.kind === 'DaemonSet')
    return rollout(shellWord(`${owner.kind.toLowerCase()}/${owner.name}`));
  // A Deployment's ReplicaSet has the Deployment's name and a hash.
  if (owner?.kind === 'ReplicaSet')
    return rollout(shellWord(`deployment/${owner.name.replace(/-[a-z0-9]+$/, '')}`));
  return owner === undefined
    ? `kubectl replace --force -n ${namespace} -f FILE_OF_POD_${name}`
    : `kubectl delete pod -n ${namespace} ${name}`;
}
