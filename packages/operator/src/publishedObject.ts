/** Owns the ConfigMap that says which configuration and policy each database's recorders were given, and since when. Pure. */
import {
  configHash,
  nextPublished,
  type PublishedConfig,
  policyDefaults,
  policyDigest,
  publishedConfigOf,
  publishedKey,
} from '@pgtape/evidence';
import type { KubeObject } from '@pgtape/kube';
import { managedBy } from './clusterNames.ts';
import type { DatabaseFacts } from './databaseFacts.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';

/** Of what a recorder is configured with by `recorderSettings`; seals carry it. */
export function policyHash({ upstream, capture }: RecordedDatabaseSpec): string {
  return policyDigest({
    ...policyDefaults,
    trustUpstream: upstream.trust,
    rawLanes: capture.rawPeers ?? policyDefaults.rawLanes,
  });
}

/** Another image may be of another version, with other defaults: what its seals carry cannot be told. */
function isKnownImage({ recorder }: RecordedDatabaseSpec, image: string): boolean {
  return recorder.image === undefined || recorder.image === image;
}

export interface PublishedPlan {
  readonly place: { readonly namespace: string; readonly name: string };
  readonly databases: readonly DatabaseFacts[];
  /** What its recorders are configured with now; null: what was published before still holds. */
  readonly configOf: (database: DatabaseFacts) => string | null;
  /** Of recorders, where their database names no other. */
  readonly image: string;
  /** Of the operator and of recorders of that image. */
  readonly version: string;
  /** Published before, as the API server has it and as this process wrote it: the later one counts. */
  readonly before: readonly (KubeObject | null | undefined)[];
  /** RFC 3339. */
  readonly now: string;
}

/** An object of etcd is at most 1.5 MiB, a ConfigMap 1 MiB: with more databases, what held before is left out. */
const databasesWithHistory = 500;

function entryOf(object: KubeObject | null | undefined, key: string): PublishedConfig | null {
  const data = object?.data as Record<string, unknown> | undefined;
  const text = data?.[key];
  return publishedConfigOf(typeof text === 'string' ? text : undefined);
}

function latest(plan: PublishedPlan, key: string): PublishedConfig | null {
  return plan.before
    .map((object) => entryOf(object, key))
    .reduce((a, b) => (a === null || (b !== null && b.at >= a.at) ? b : a), null);
}

export function publishedObject(plan: PublishedPlan): KubeObject {
  const { place, databases, configOf, version, now } = plan;
  const isShort = databases.length > databasesWithHistory;
  const entries = databases.flatMap((database): [string, string][] => {
    const key = publishedKey(database.key);
    const before = latest(plan, key);
    const config = configOf(database);
    const given =
      config === null || database.spec === null
        ? before
        : nextPublished(before, {
            configHash: configHash(config),
            ...(isKnownImage(database.spec, plan.image) ? { policyHash: policyHash(database.spec) } : {}),
            version,
            at: now,
          });
    return given === null ? [] : [[key, JSON.stringify(isShort ? { ...given, history: [] } : given)]];
  });
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...place, labels: managedBy },
    data: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
