/** Owns what a running pod says about its recorder, and how its owner has it made anew. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { annotations, RECORDER_CONTAINER } from './injectionPlan.ts';
import { PodFacts, platformFor } from './podFacts.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';

export interface PodCoverage {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly injected: boolean;
  /** '' without a recorder. */
  readonly configHash: string;
  readonly recorderImage: string;
  /** What its owner does to have the pod made anew; for a shell. */
  readonly restart: string;
}

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
  return {
    name: object.metadata.name,
    uid: object.metadata.uid ?? '',
    labels: pod.metadata.labels ?? {},
    injected,
    configHash: injected ? (given[annotations.configHash] ?? '') : '',
    recorderImage: injected ? (recorder.image ?? '') : '',
    restart: restartCommand(pod, object.metadata.namespace ?? '', spec),
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
    return rollout(`${owner.kind.toLowerCase()}/${owner.name}`);
  // A Deployment's ReplicaSet has the Deployment's name and a hash.
  if (owner?.kind === 'ReplicaSet') return rollout(`deployment/${owner.name.replace(/-[a-z0-9]+$/, '')}`);
  return owner === undefined
    ? `kubectl replace --force -n ${namespace} -f FILE_OF_POD_${name}`
    : `kubectl delete pod -n ${namespace} ${name}`;
}
