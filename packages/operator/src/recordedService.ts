/**
 * Owns the Service of capture mode `Service`: clients that are moved to it are led through the recorder, as no other way to
 * the pods is. Pure.
 */
import type { KubeObject } from '@pgtape/kube';
import { managedBy } from './clusterNames.ts';
import { type DatabaseFacts, protectedDatabase } from './databaseFacts.ts';
import type { Labels } from './labels.ts';
import type { PodCoverage } from './podCoverage.ts';
import { RECORDER_PORT } from './podPlaces.ts';
import { roleLabels } from './podRole.ts';

const suffix = '-recorded';
/** DNS label. */
const nameCharsMax = 63;

/** In the namespace of its database. */
export function recordedServiceName(database: string): string {
  return `${database.slice(0, nameCharsMax - suffix.length)}${suffix}`;
}

function isOurs({ metadata }: KubeObject): boolean {
  return Object.entries(managedBy).every(([name, value]) => metadata.labels?.[name] === value);
}

/**
 * null: no pod is recorded by that mode, or somebody else has a Service of that name. Once made it stays as long as the
 * database allows the mode: clients know its address, and pods come and go.
 */
export function recordedService(
  database: DatabaseFacts,
  pods: readonly PodCoverage[],
  existing: KubeObject | undefined,
): KubeObject | null {
  const { spec, object } = database;
  if (spec === null || protectedDatabase(database) === null) return null;
  if (existing !== undefined && !isOurs(existing)) return null;
  const { mode, port } = spec.capture;
  const isUsed = pods.some(({ plannedMode }) => plannedMode === 'Service') || existing !== undefined;
  if (mode !== 'Service' && !(mode === 'Auto' && isUsed)) return null;
  const { apiVersion, kind, metadata } = object;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: recordedServiceName(database.name),
      namespace: database.namespace,
      labels: managedBy,
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' }],
    },
    spec: {
      selector: { ...spec.selector.matchLabels, ...primaryLabel(pods) },
      ports: [{ name: 'postgresql', port, protocol: 'TCP', targetPort: RECORDER_PORT }],
    },
  };
}

/** Where the platform says who the primary is, the Service leads to it alone: as the one that clients had. */
function primaryLabel(pods: readonly PodCoverage[]): Labels {
  for (const { label, primary } of roleLabels) {
    const roles = pods.flatMap(({ labels }) => labels[label] ?? []);
    const word = roles.find((role) => primary.includes(role)) ?? primary[0];
    if (roles.length > 0 && word !== undefined) return { [label]: word };
  }
  return {};
}
