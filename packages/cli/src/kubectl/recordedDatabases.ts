/** Owns reading RecordedDatabases and the pods they select, as a person sees them. A status of a newer operator may say more. */
import { type KubeObject, pods } from '@pgtape/kube';
import { type PodCoverage, podCoverage, RecordedDatabaseSpec, recordedDatabases } from '@pgtape/operator';
import { z } from 'zod';
import { CommandError, exitCode } from '../exitCode.ts';
import { type Cluster, everyObject } from './cluster.ts';
import type { SelectionFlags } from './clusterOptions.ts';

const ConditionView = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
});
export type ConditionView = z.infer<typeof ConditionView>;

const StatusView = z
  .object({
    mode: z.string().optional(),
    coverage: z.string().optional(),
    bypasses: z.int().optional(),
    lagSeconds: z.number().optional(),
    pods: z
      .array(
        z.object({
          name: z.string(),
          mode: z.string().optional(),
          sessionsRecorded: z.int().optional(),
          bypasses: z.int().optional(),
        }),
      )
      .default([]),
    conditions: z.array(ConditionView).default([]),
  })
  .prefault({});
export type StatusView = z.infer<typeof StatusView>;

export interface DatabaseView {
  readonly namespace: string;
  readonly name: string;
  readonly object: KubeObject;
  /** null: not understood; its condition `PolicyAccepted` says why. */
  readonly spec: RecordedDatabaseSpec | null;
  readonly status: StatusView;
}

export function databaseView(object: KubeObject): DatabaseView {
  const { name, namespace = '' } = object.metadata;
  const spec = RecordedDatabaseSpec.safeParse(object.spec);
  const status = StatusView.safeParse(object.status);
  return {
    namespace,
    name,
    object,
    spec: spec.success ? spec.data : null,
    status: status.success ? status.data : StatusView.parse({}),
  };
}

/** Where to look; undefined: in every namespace. */
export function namespaceOf(cluster: Cluster, flags: SelectionFlags): string | undefined {
  return flags.allNamespaces === true ? undefined : (flags.namespace ?? cluster.namespace);
}

/** @throws CommandError `NO_DATABASE`, `ONE_NAMESPACE` */
export async function databasesOf(
  cluster: Cluster,
  flags: SelectionFlags,
  name: string | undefined,
): Promise<DatabaseView[]> {
  const namespace = namespaceOf(cluster, flags);
  if (name !== undefined) return [await databaseNamed(cluster, namespace, name)];
  const found = await everyObject(cluster, recordedDatabases, {
    ...(namespace === undefined ? {} : { namespace }),
    ...(flags.selector === undefined ? {} : { labelSelector: flags.selector }),
  });
  return found.map(databaseView);
}

export async function databaseNamed(
  cluster: Cluster,
  namespace: string | undefined,
  name: string,
): Promise<DatabaseView> {
  if (namespace === undefined)
    throw new CommandError('ONE_NAMESPACE', `'${name}' is in one namespace: -n, not -A`, {
      exit: exitCode.usage,
    });
  const found = await cluster.objects.find(recordedDatabases, { namespace, name }, cluster.stop);
  if (found !== null) return databaseView(found);
  throw new CommandError('NO_DATABASE', `there is no RecordedDatabase '${name}' in namespace ${namespace}`, {
    exit: exitCode.environment,
    advice: 'kubectl pgtape status -A lists what there is.',
  });
}

export interface SelectedPod extends PodCoverage {
  readonly object: KubeObject;
}

/** Pods that it selects and that clients could reach. */
export async function podsOf(cluster: Cluster, database: DatabaseView): Promise<SelectedPod[]> {
  const { spec, namespace, name } = database;
  if (spec === null) return [];
  const labelSelector = Object.entries(spec.selector.matchLabels)
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
  const found = await everyObject(cluster, pods, { namespace, labelSelector });
  return found.flatMap((object) => {
    const coverage = podCoverage(object, `${namespace}/${name}`, spec);
    return coverage === null ? [] : [{ ...coverage, object }];
  });
}
