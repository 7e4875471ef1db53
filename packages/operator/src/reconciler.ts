/**
 * Owns the leader's work: the cluster is made what the RecordedDatabases say, and their status says what came of it.
 * Everything it does can be broken off and done again.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type EventRecorder,
  isNewer,
  KubeError,
  type KubeObject,
  type KubeObjects,
  keyOf,
  type WorkOutcome,
} from '@pgtape/kube';
import type { Condition } from './apiFields.ts';
import { applyObjects, objectKey, problemText, type Written } from './applyObjects.ts';
import { canaryProblem } from './canary.ts';
import { configMapName, FIELD_MANAGER } from './clusterNames.ts';
import { recordedDatabases, resourceOf, webhookConfigurations } from './clusterResources.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import { conditionsOf, type DatabaseFacts, protectedDatabase } from './databaseFacts.ts';
import { type ObserverOptions, observedDatabase, reachablePods } from './databaseObserver.ts';
import { type DatabaseObservation, databaseVerdicts, statusFields } from './databaseStatus.ts';
import { desiredObjects } from './desiredObjects.ts';
import { conditionNotices, driftNotices } from './notices.ts';
import type { PodCoverage } from './podCoverage.ts';
import { bypassNotices, podNotices } from './podNotices.ts';
import { PublishedWork } from './publishedWork.ts';
import type { KnownRecording } from './recordedPods.ts';
import { recordedService, recordedServiceName } from './recordedService.ts';
import { rolloutBefore } from './rolloutState.ts';
import type { RolloutWork } from './rolloutWork.ts';
import { conditionsFrom, wholeSeconds } from './statusConditions.ts';
import { isWorthWriting, type WrittenStatus } from './statusPace.ts';
import { WEBHOOK_CONFIGURATION, type WebhookPlan } from './webhookConfiguration.ts';

export interface ReconcilerOptions extends ObserverOptions {
  readonly objects: KubeObjects;
  readonly watch: ClusterWatch;
  readonly events: Pick<EventRecorder, 'tell'>;
  readonly namespace: string;
  /** Name of the ConfigMap in it that says what recorders were given. */
  readonly published: string;
  /** null: nothing may be written, there are no certificates yet. */
  readonly webhookPlan: () => WebhookPlan | null;
  /** What `webhookPlan` lacks then, for people. */
  readonly certificateProblem: string;
  readonly wrote: (written: Written) => void;
  readonly rollouts: RolloutWork;
  readonly bypassed: (database: string, count: number) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const canaryEveryMs = 30_000;
/** While there are no certificates, or not everything is known. */
const lookAgainMs = 1000;
/** The leader makes them within a second or two, where it may. */
const bareMs = 10_000;
/** While the API server has not yet taken over what was written. */
const canaryRetryMs = 1000;
/** While a pod is restarted or upgraded. */
const rolloutLookMs = 2000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  /** Text of each object as it was written last, by its key. */
  readonly #texts = new Map<string, string>();
  readonly #statuses = new Map<string, WrittenStatus>();
  readonly #recordings = new Map<string, KnownRecording>();
  readonly #published: PublishedWork;
  /** Since when there are no certificates, monotonic. */
  #bareSinceMs: number | null = null;
  #canary: { readonly problem: string; readonly atMs: number } | null = null;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    const { watch, namespace, published, wall } = options;
    this.#published = new PublishedWork({
      watch,
      place: { namespace, name: published },
      apply: (wanted, live, signal) => this.#apply(wanted, live, signal),
      wall,
    });
  }

  /** Pods of a database that could be connected to; null: not completely known yet. */
  podsOf(database: DatabaseFacts): PodCoverage[] | null {
    return reachablePods(this.#options.watch, database);
  }

  /** What is known of each database's recorders; of none, while this process does not lead. */
  get recordings(): ReadonlyMap<string, KnownRecording> {
    return this.#recordings;
  }

  /** What was written while this process led before: somebody else may have gone on since. */
  forget(): void {
    this.#statuses.clear();
    this.#recordings.clear();
    this.#options.rollouts.forget();
  }

  /** Rejects with what could not be written, once everything else is. */
  async reconcile(signal: AbortSignal): Promise<WorkOutcome> {
    const { watch, events, webhookPlan } = this.#options;
    const webhook = webhookPlan();
    const server = this.#options.server();
    if (server === null || watch.unknown.length > 0) return { againAfterMs: lookAgainMs };
    if (webhook === null) return await this.#withoutCertificate(signal);
    this.#bareSinceMs = null;
    const settings = this.#options.settings();
    const { databases } = watch;
    const podNames = (key: string): string[] =>
      (watch.podsOf(key) ?? []).map(({ metadata }) => metadata.name);
    const services = databases.flatMap((database) => this.#service(database) ?? []);
    const wanted = desiredObjects({ databases, podNames, settings, services, webhook, ...server });
    const live = watch.owned.filter((object) => !isKept(object, databases) && !this.#published.isIt(object));
    const refused = watch.refused;
    const mayWrite = ({ kind }: KubeObject): boolean => !refused.has(resourceOf({ kind }).plural);
    const made = await this.#apply(wanted.filter(mayWrite), live, signal);
    const written = [...made, ...(await this.#published.publish(made, settings, signal))];
    for (const one of written) this.#options.wrote(one);
    for (const told of driftNotices(written)) events.tell(told);
    await this.#probe(written, signal);
    const failed = written.flatMap((one) => (one.how === 'failed' ? [one.error] : []));
    const all = [...written, ...wanted.flatMap((object) => unwritten(object, refused))];
    const said = await this.#allStatuses(databases, all, signal);
    failed.push(...said.failed);
    if (failed.length > 0) throw new AggregateError(failed, failed.map(problemText).join('; '));
    if (this.#canary?.problem !== '') return { againAfterMs: canaryRetryMs };
    return { againAfterMs: said.isRolling ? rolloutLookMs : canaryEveryMs };
  }

  /** Everything stays as it is: what the webhook is configured with must be what it serves. Status says so before long. */
  async #withoutCertificate(signal: AbortSignal): Promise<WorkOutcome> {
    const { watch, now, certificateProblem } = this.#options;
    this.#bareSinceMs ??= now();
    if (now() - this.#bareSinceMs >= bareMs) {
      const error = new Error(certificateProblem);
      await this.#allStatuses(watch.databases, [notConfigured(error)], signal);
    }
    return { againAfterMs: lookAgainMs };
  }

  async #allStatuses(
    databases: readonly DatabaseFacts[],
    written: readonly Written[],
    signal: AbortSignal,
  ): Promise<{ readonly failed: Error[]; readonly isRolling: boolean }> {
    const failed: Error[] = [];
    let isRolling = false;
    for (const database of databases) {
      const done = await this.#status(database, databases, written, signal).catch((cause: unknown) => cause);
      signal.throwIfAborted();
      if (done instanceof Error && !isGone(done)) failed.push(done);
      isRolling ||= done === 'rolling';
    }
    const keys = new Set(databases.map(({ key }) => key));
    for (const known of [this.#statuses, this.#recordings])
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    return { failed, isRolling };
  }

  async #apply(
    wanted: readonly KubeObject[],
    live: readonly KubeObject[],
    signal: AbortSignal,
  ): Promise<Written[]> {
    return await applyObjects(this.#options.objects, {
      wanted,
      live,
      wasWritten: (key, text) => this.#texts.get(key) === text,
      remember: (key, text) => void (text === null ? this.#texts.delete(key) : this.#texts.set(key, text)),
      signal,
    });
  }

  /** As it is while pods are not completely known: clients use it. */
  #service(database: DatabaseFacts): KubeObject | null {
    const { watch } = this.#options;
    const key = `${database.namespace}/${recordedServiceName(database.name)}`;
    return recordedService(database, this.podsOf(database) ?? [], watch.networkService(key));
  }

  async #probe(written: readonly Written[], signal: AbortSignal): Promise<void> {
    const { objects, namespace, now } = this.#options;
    const isNew = written.some(({ object }) => object.kind === 'MutatingWebhookConfiguration');
    const known = this.#canary;
    if (known !== null && known.problem === '' && !isNew && now() - known.atMs < canaryEveryMs) return;
    const problem = await canaryProblem(objects, namespace, signal);
    this.#canary = { problem, atMs: now() };
  }

  /** @returns `rolling` while a pod is restarted or upgraded */
  async #status(
    database: DatabaseFacts,
    all: readonly DatabaseFacts[],
    written: readonly Written[],
    signal: AbortSignal,
  ): Promise<'rolling' | 'still'> {
    const { events, rollouts, watch } = this.#options;
    const before = this.#before(database.object);
    const observation = observedDatabase(this.#options, {
      database,
      all,
      written,
      before: before.status,
      canary: this.#canary?.problem ?? null,
    });
    if (observation === null) return 'still';
    const { pods, recording, rollout, wanted } = observation;
    this.#recordings.set(database.key, { recording, pods });
    const status = await this.#write(observation, before, signal);
    if (status !== null) {
      for (const { count } of recording.news) this.#options.bypassed(database.key, count);
      const known = conditionsOf({ ...database.object, status: before.status });
      for (const told of [
        ...conditionNotices(database.object, known, status.conditions),
        ...podNotices(database.namespace, before.status, pods),
        ...bypassNotices(database.object, database.namespace, recording.news),
      ])
        events.tell(told);
    }
    const live = (watch.podsOf(database.key) ?? []).find(
      ({ metadata }) => metadata.uid === rollout.action?.pod.uid,
    );
    await rollouts.act(database, rollout.action, live, wanted.image, signal);
    return rollout.state?.active === undefined ? 'still' : 'rolling';
  }

  /** null: nothing was to be written. */
  async #write(
    observation: DatabaseObservation,
    before: WrittenStatus,
    signal: AbortSignal,
  ): Promise<{ readonly conditions: readonly Condition[] } | null> {
    const { objects, now } = this.#options;
    const { database, nowMs } = observation;
    const time = wholeSeconds(new Date(nowMs));
    const known = conditionsOf({ ...database.object, status: before.status });
    const conditions = conditionsFrom(databaseVerdicts(observation), known, database.generation, time);
    const status = { ...statusFields(observation), conditions };
    if (!isWorthWriting(database.object.status, status, now() - before.atMs)) return null;
    const { apiVersion, kind, metadata } = database.object;
    const { name, namespace = '', uid = '' } = metadata;
    // A pod is restarted only by who knows how far the one before him came.
    const isSame = isDeepStrictEqual(rolloutBefore(before.status), observation.rollout.state);
    const guarded = isSame ? {} : { resourceVersion: before.resourceVersion };
    const stored = await objects.apply(
      recordedDatabases,
      { apiVersion, kind, metadata: { name, namespace, ...(uid === '' ? {} : { uid }), ...guarded }, status },
      { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal },
    );
    const { resourceVersion = '' } = stored.metadata;
    this.#statuses.set(database.key, { uid, status, resourceVersion, atMs: now() });
    return status;
  }

  /** As written last: the watch may not have told it yet. */
  #before(object: KubeObject): WrittenStatus {
    const { uid = '', resourceVersion = '' } = object.metadata;
    const known = this.#statuses.get(keyOf(object));
    const isOurs = known !== undefined && known.uid === uid;
    if (isOurs && !isNewer(resourceVersion, known.resourceVersion)) return known;
    return {
      uid,
      status: object.status,
      resourceVersion,
      atMs: isOurs ? known.atMs : Number.NEGATIVE_INFINITY,
    };
  }
}

function notConfigured(error: Error): Written {
  const { kind } = webhookConfigurations;
  const metadata = { name: WEBHOOK_CONFIGURATION };
  const object = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata };
  return { how: 'failed', key: objectKey(object), object, error };
}

/** What may not even be looked at is not tried: what lacks is told all the same. */
function unwritten(object: KubeObject, refused: ReadonlyMap<string, KubeError>): Written[] {
  const error = refused.get(resourceOf(object).plural);
  return error === undefined ? [] : [{ how: 'failed', key: objectKey(object), object, error }];
}

/**
 * What recorders that run are configured by, and reached by, stays as it is while their database is not understood, or not to be acted on:
 * the last good one.
 */
function isKept({ kind, metadata }: KubeObject, databases: readonly DatabaseFacts[]): boolean {
  return (
    (kind === 'ConfigMap' || kind === 'Service') &&
    databases.some(
      (database) =>
        protectedDatabase(database) === null &&
        metadata.namespace === database.namespace &&
        [configMapName(database.name), recordedServiceName(database.name)].includes(metadata.name),
    )
  );
}

/** Deleted, or made anew, since the watch told of it: the watch will tell that too. */
function isGone(error: Error): boolean {
  return error instanceof KubeError && (error.code === 'KUBE_NOT_FOUND' || error.code === 'KUBE_CONFLICT');
}
