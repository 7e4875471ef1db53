/**
 * Owns which objects must be there for what was observed: the webhook's configuration, guards, the configuration of each
 * database's recorders. Nothing for a database that is not understood or not managed. Pure.
 */

import { configHash } from '@pgtape/evidence';
import type { KubeObject } from '@pgtape/kube';
import { NOT_SERVED_URL } from './archiveEndpoint.ts';
import { configMapName, managedBy } from './clusterNames.ts';
import { type DatabaseFacts, protectedDatabase } from './databaseFacts.ts';
import { admissionGuard, configGuard, type ExecExemptions, execGuard } from './guardPolicies.ts';
import { annotations } from './injectionPlan.ts';
import { recorderSettings } from './recorderSettings.ts';
import { type WebhookPlan, webhookConfiguration, withOwner } from './webhookConfiguration.ts';

/** What recorders are configured with beside what their database says. */
export interface RecordingSettings {
  readonly vault: {
    /** By the archive's name; null: no vault serves it. */
    readonly endpointOf: (archive: string) => string | null;
    /** PEM of the authority that the vault of an archive is known by; '' without TLS. */
    readonly caOf: (archive: string) => string;
    /** Of the vault of the release. */
    readonly ca: string;
  };
  readonly exempt: ExecExemptions;
}

export interface ObjectPlace {
  readonly namespace: string;
  readonly name: string;
}

export interface ObservedCluster {
  readonly databases: readonly DatabaseFacts[];
  /** Names of a database's pods, by its key. */
  readonly podNames: (key: string) => readonly string[];
  readonly settings: RecordingSettings;
  /** Of capture mode `Service`. */
  readonly services: readonly KubeObject[];
  /** Of the ConfigMap with the authority of the release's vault, for whoever may read no Secret; null: there is none. */
  readonly authority: ObjectPlace | null;
  readonly webhook: WebhookPlan;
  /** Guards need 1.30. */
  readonly minorVersion: number;
  /** As the API server calls the operator; '' where it does not tell. */
  readonly username: string;
}

/** From which minor version on a cluster knows ValidatingAdmissionPolicy v1. */
export const GUARD_MINOR = 30;

/** The configuration of all recorders of a database, JSON; null where nothing is recorded for it. */
export function recorderConfig(database: DatabaseFacts, settings: RecordingSettings): string | null {
  if (database.spec === null) return null;
  const url = settings.vault.endpointOf(database.spec.archiveRef) ?? NOT_SERVED_URL;
  return recorderSettings(database.key, database.spec, { url });
}

function configMap(database: DatabaseFacts, settings: RecordingSettings): KubeObject[] {
  const config = recorderConfig(database, settings);
  if (config === null || database.spec === null) return [];
  const ca = settings.vault.caOf(database.spec.archiveRef);
  const { apiVersion, kind, metadata } = database.object;
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: configMapName(database.name),
        namespace: database.namespace,
        labels: managedBy,
        annotations: { [annotations.configHash]: configHash(config), [annotations.by]: database.key },
        // Deleted with its database even while no operator runs.
        ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' }],
      },
      data: { 'recorder.yaml': config, ...(ca === '' ? {} : { 'ca.crt': ca }) },
    },
  ];
}

function authorityObject({ authority, settings, webhook }: ObservedCluster): KubeObject[] {
  const { ca } = settings.vault;
  if (authority === null || ca === '') return [];
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...authority, labels: managedBy },
    data: { 'ca.crt': ca },
  };
  return [withOwner(object, webhook)];
}

/** Guards last: what they ask for must be possible before they ask. */
export function desiredObjects(observed: ObservedCluster): KubeObject[] {
  const { databases, podNames, settings, services, webhook, minorVersion, username } = observed;
  const acted = databases.flatMap((database) => {
    const one = protectedDatabase(database);
    return one === null ? [] : [{ database, protected: one }];
  });
  const configs = acted.flatMap(({ database }) => configMap(database, settings));
  const guards =
    minorVersion < GUARD_MINOR
      ? []
      : acted.flatMap(({ database, protected: one }) => [
          ...admissionGuard(one),
          ...configGuard(one, username),
          ...execGuard(one, podNames(database.key), settings.exempt),
        ]);
  const configuration = webhookConfiguration(
    acted.map(({ protected: one }) => one),
    webhook,
  );
  const owned = guards.map((object) => withOwner(object, webhook));
  return [...configs, ...services, ...authorityObject(observed), configuration, ...owned];
}
