/**
 * Owns the leader's work: the cluster is made what the RecordedDatabases say, and their status says what came of it.
 * Everything it does can be broken off and done again.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type EventRecorder,
  KubeError,
  type KubeObject,
  type KubeObjects,
  type WorkOutcome,
} from '@pgtape/kube';
import type { Condition } from './apiFields.ts';
import { applyObjects, objectKey, problemText, type Written } from './applyObjects.ts';
import { canaryProblem } from './canary.ts';
import { clusterName, configMapName, FIELD_MANAGER } from './clusterNames.ts';
import { recordedDatabases } from './clusterResources.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import { conditionsOf, type DatabaseFacts, protectedDatabase } from './databaseFacts.ts';
import { databaseVerdicts, statusFields, type WriteProblems } from './databaseStatus.ts';
import { desiredObjects, type RecordingSettings, recorderConfig } from './desiredObjects.ts';
import { configHash } from './injection.ts';
import { conditionNotices, driftNotices } from './notices.ts';
import { type PodCoverage, podCoverage } from './podCoverage.ts';
import { olderSelecting, selectorConflict } from './selectorConflicts.ts';
import { conditionsFrom } from './statusConditions.ts';
import { WEBHOOK_CONFIGURATION, type WebhookPlan } from './webhookConfiguration.ts';

export interface ReconcilerOptions {
  readonly objects: KubeObjects;
  readonly watch: ClusterWatch;
  readonly events: Pick<EventRecorder, 'tell'>;
  readonly settings: RecordingSettings;
  readonly namespace: string;
  /** null: nothing may be written, there are no certificates yet. */
  readonly webhookPlan: () => WebhookPlan | null;
  readonly minorVersion: () => number;
  readonly wrote: (written: Written) => void;
  /** Monotonic milliseconds, and wall clock. */
  readonly now: () => number;
  readonly wall: () => Date;
}

const canaryEveryMs = 30_000;
/** While there are no certificates, or not everything is known. */
const lookAgainMs = 1000;
/** While the API server has not yet taken over what was written. */
const canaryRetryMs = 1000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  /** Text of each object as it was written last, by its key. */
  readonly #texts = new Map<string, string>();
  readonly #statuses = new Map<string, { readonly uid: string; readonly conditions: readonly Condition[] }>();
  #canary: { readonly problem: string; readonly atMs: number } | null = null;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Pods of a database that could be connected to; null: not completely known yet. */
  podsOf({ key, spec }: DatabaseFacts): PodCoverage[] | null {
    const found = this.#options.watch.podsOf(key);
    if (found === null || spec === null) return found === null ? null : [];
    return found.map((pod) => podCoverage(pod, key, spec)).filter((pod) => pod !== null);
  }

  /** Rejects with what could not be written, once everything else is. */
  async reconcile(signal: AbortSignal): Promise<WorkOutcome> {
    const { objects, watch, settings, events, webhookPlan, minorVersion } = this.#options;
    const webhook = webhookPlan();
    if (webhook === null || watch.unknown.length > 0) return { againAfterMs: lookAgainMs };
    const { databases } = watch;
    const podNames = (key: string): string[] =>
      (watch.podsOf(key) ?? []).map(({ metadata }) => metadata.name);
    const wanted = desiredObjects({ databases, podNames, settings, webhook, minorVersion: minorVersion() });
    const written = await applyObjects(objects, {
      wanted,
      live: watch.owned.filter((object) => !isKept(object, databases)),
      wasWritten: (key, text) => this.#texts.get(key) === text,
      remember: (key, text) => void (text === null ? this.#texts.delete(key) : this.#texts.set(key, text)),
      signal,
    });
    for (const one of written) this.#options.wrote(one);
    for (const told of driftNotices(written)) events.tell(told);
    await this.#probe(written, signal);
    const failed = written.flatMap((one) => (one.how === 'failed' ? [one.error] : []));
    for (const database of databases) {
      const error = await this.#status(database, databases, written, signal).catch((cause: unknown) => cause);
      signal.throwIfAborted();
      if (error instanceof Error && !isGone(error)) failed.push(error);
    }
    const keys = new Set(databases.map(({ key }) => key));
    for (const key of this.#statuses.keys()) if (!keys.has(key)) this.#statuses.delete(key);
    if (failed.length > 0) throw new AggregateError(failed, failed.map(problemText).join('; '));
    return { againAfterMs: this.#canary?.problem === '' ? canaryEveryMs : canaryRetryMs };
  }

  async #probe(written: readonly Written[], signal: AbortSignal): Promise<void> {
    const { objects, namespace, now } = this.#options;
    const isNew = written.some(({ object }) => object.kind === 'MutatingWebhookConfiguration');
    const known = this.#canary;
    if (known !== null && known.problem === '' && !isNew && now() - known.atMs < canaryEveryMs) return;
    const problem = await canaryProblem(objects, namespace, signal);
    this.#canary = { problem, atMs: now() };
  }

  async #status(
    database: DatabaseFacts,
    all: readonly DatabaseFacts[],
    written: readonly Written[],
    signal: AbortSignal,
  ): Promise<void> {
    const { objects, watch, settings, events, minorVersion, wall } = this.#options;
    const pods = this.podsOf(database);
    if (pods === null) return;
    const config = recorderConfig(database, settings);
    const observation = {
      database,
      // Of pods that an older database selects too, that one tells.
      pods: pods.filter(({ labels }) => olderSelecting(database, all, labels).length === 0),
      conflict: selectorConflict(database, all, pods),
      isArchiveThere: database.spec !== null && watch.hasArchive(database.spec.archiveRef),
      configHash: config === null ? '' : configHash(config),
      writes: problemsOf(database, written),
      canary: this.#canary?.problem ?? null,
      minorVersion: minorVersion(),
    };
    const before = this.#conditionsOf(database.object);
    const now = wall()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
    const conditions = conditionsFrom(databaseVerdicts(observation), before, database.generation, now);
    const status = { ...statusFields(observation), conditions };
    if (isDeepStrictEqual(database.object.status, status)) return;
    const { apiVersion, kind, metadata } = database.object;
    const { name, namespace = '', uid = '' } = metadata;
    await objects.apply(
      recordedDatabases,
      { apiVersion, kind, metadata: { name, namespace, ...(uid === '' ? {} : { uid }) }, status },
      { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal },
    );
    this.#statuses.set(database.key, { uid, conditions });
    for (const told of conditionNotices(database.object, before, conditions)) events.tell(told);
  }

  /** As written last: the watch may not have told it yet. */
  #conditionsOf(object: KubeObject): readonly Condition[] {
    const known = this.#statuses.get(`${object.metadata.namespace}/${object.metadata.name}`);
    return known !== undefined && known.uid === object.metadata.uid ? known.conditions : conditionsOf(object);
  }
}

/**
 * What recorders that run are configured by stays as it is while their database is not understood, or not to be acted on:
 * the last good one.
 */
function isKept({ kind, metadata }: KubeObject, databases: readonly DatabaseFacts[]): boolean {
  return (
    kind === 'ConfigMap' &&
    databases.some(
      (database) =>
        protectedDatabase(database) === null &&
        metadata.namespace === database.namespace &&
        metadata.name === configMapName(database.name),
    )
  );
}

/** Deleted, or made anew, since the watch told of it: the watch will tell that too. */
function isGone(error: Error): boolean {
  return error instanceof KubeError && (error.code === 'KUBE_NOT_FOUND' || error.code === 'KUBE_CONFLICT');
}

function problemsOf({ namespace, name }: DatabaseFacts, written: readonly Written[]): WriteProblems {
  const of = (isConcerned: (object: KubeObject) => boolean): string =>
    written
      .flatMap((one) => (one.how === 'failed' && isConcerned(one.object) ? [problemText(one.error)] : []))
      .join('; ');
  const title = clusterName(namespace, name);
  const guards = new Set([title, `${title}.exec`]);
  return {
    configMap: of((object) => objectKey(object) === `ConfigMap/${namespace}/${configMapName(name)}`),
    webhook: of(({ metadata }) => metadata.name === WEBHOOK_CONFIGURATION),
    guard: of(
      ({ kind, metadata }) => kind.startsWith('ValidatingAdmissionPolicy') && guards.has(metadata.name),
    ),
  };
}
