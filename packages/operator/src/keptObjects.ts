/**
 * Owns what stays as it is while a database is not understood, or not to be acted on: what recorders that run are configured by,
 * and reached by. Only the vault's authority is renewed in it: without it they would lose the vault. Pure.
 */
import type { KubeObject } from '@pgtape/kube';
import { configMapName, managedBy } from './clusterNames.ts';
import { archiveRefOf, type DatabaseFacts, protectedDatabase } from './databaseFacts.ts';
import type { RecordingSettings } from './desiredObjects.ts';
import { annotations } from './injectionPlan.ts';
import { recordedServiceName } from './recordedService.ts';

/** The database for whose recorders an object is kept, the last good one; undefined: it is not kept. */
export function keptFor(
  { kind, metadata }: KubeObject,
  databases: readonly DatabaseFacts[],
): DatabaseFacts | undefined {
  if (kind !== 'ConfigMap' && kind !== 'Service') return undefined;
  return databases.find(
    (database) =>
      protectedDatabase(database) === null &&
      metadata.namespace === database.namespace &&
      [configMapName(database.name), recordedServiceName(database.name)].includes(metadata.name),
  );
}

/** The ConfigMap as it is, with the authority as it should be; null: there is none to give, or it is another object. */
export function withAuthority(
  object: KubeObject,
  database: DatabaseFacts,
  settings: RecordingSettings,
): KubeObject | null {
  const { kind, metadata, data } = object;
  const ref = archiveRefOf(database);
  const ca = ref === null ? '' : settings.vault.caOf(ref);
  if (kind !== 'ConfigMap' || metadata.name !== configMapName(database.name) || ca === '') return null;
  const hash = metadata.annotations?.[annotations.configHash];
  return {
    apiVersion: 'v1',
    kind,
    metadata: {
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels: managedBy,
      annotations: {
        ...(hash === undefined ? {} : { [annotations.configHash]: hash }),
        [annotations.by]: database.key,
      },
      ...(metadata.ownerReferences === undefined ? {} : { ownerReferences: metadata.ownerReferences }),
    },
    data: { ...(data as Record<string, unknown> | undefined), 'ca.crt': ca },
  };
}
