/**
 * Owns the leader's work: the cluster is made what the RecordedDatabases say, and their status says what came of it.
 * Everything it does can be broken off and done again.
 */
import type { KubeError, KubeObject, WorkOutcome } from '@pgtape/kube';
import { applyObjects, objectKey, problemText, type Written } from './applyObjects.ts';
import { canaryProblem } from './canary.ts';
import { resourceOf, webhookConfigurations } from './clusterResources.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import type { DatabaseFacts } from './databaseFacts.ts';
import { reachablePods } from './databaseObserver.ts';
import { DatabaseStatuses, type DatabaseStatusesOptions } from './databaseStatuses.ts';
import { desiredObjects, type ObjectPlace } from './desiredObjects.ts';
import { keptFor, withAuthority } from './keptObjects.ts';
import { driftNotices } from './notices.ts';
import type { PodCoverage } from './podCoverage.ts';
import { PublishedWork } from './publishedWork.ts';
import type { KnownRecording } from './recordedPods.ts';
import { recordedService, recordedServiceName } from './recordedService.ts';
import { WEBHOOK_CONFIGURATION, type WebhookPlan } from './webhookConfiguration.ts';

export interface ReconcilerOptions extends DatabaseStatusesOptions {
  readonly watch: ClusterWatch;
  readonly namespace: string;
  /** Name of the ConfigMap in it that says what recorders were given. */
  readonly published: string;
  /** See ObservedCluster. */
  readonly authority: ObjectPlace | null;
  /** null: nothing may be written, there are no certificates yet. */
  readonly webhookPlan: () => WebhookPlan | null;
  /** What `webhookPlan` lacks then, for people. */
  readonly certificateProblem: string;
  readonly wrote: (written: Written) => void;
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
  readonly #statuses: DatabaseStatuses;
  readonly #published: PublishedWork;
  /** Since when there are no certificates, monotonic. */
  #bareSinceMs: number | null = null;
  #canary: { readonly problem: string; readonly atMs: number } | null = null;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#statuses = new DatabaseStatuses(options);
    const { watch, namespace, published, image, version, wall } = options;
    this.#published = new PublishedWork({
      watch,
      place: { namespace, name: published },
      image,
      version,
      apply: (wanted, live, signal) => this.#apply(wanted, live, signal),
      wall,
    });
  }

  /** Pods of a database that could be connected to; null: not completely known yet. */
  podsOf(database: DatabaseFacts): PodCoverage[] | null {
    return reachablePods(this.#options, database);
  }

  /** What is known of each database's recorders; of none, while this process does not lead. */
  get recordings(): ReadonlyMap<string, KnownRecording> {
    return this.#statuses.recordings;
  }

  /** What was done while this process led before: somebody else may have gone on since. */
  forget(): void {
    this.#statuses.forget();
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
    const { authority } = this.#options;
    const renewed = watch.owned.flatMap((object) => {
      const database = keptFor(object, databases);
      return database === undefined ? [] : (withAuthority(object, database, settings) ?? []);
    });
    const observed = { databases, podNames, settings, services, authority, webhook, ...server };
    const wanted = [...renewed, ...desiredObjects(observed)];
    const touched = new Set(renewed.map(objectKey));
    const live = watch.owned.filter(
      (object) =>
        touched.has(objectKey(object)) ||
        (keptFor(object, databases) === undefined && !this.#published.isIt(object)),
    );
    const refused = watch.refused;
    const mayWrite = ({ kind }: KubeObject): boolean => !refused.has(resourceOf({ kind }).plural);
    const made = await this.#apply(wanted.filter(mayWrite), live, signal);
    const written = [...made, ...(await this.#published.publish(made, settings, signal))];
    for (const one of written) this.#options.wrote(one);
    for (const told of driftNotices(written)) events.tell(told);
    await this.#probe(written, signal);
    const failed = written.flatMap((one) => (one.how === 'failed' ? [one.error] : []));
    const all = [...written, ...wanted.flatMap((object) => unwritten(object, refused))];
    const said = await this.#statuses.updateAll(databases, all, this.#canaryProblem, signal);
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
      await this.#statuses.updateAll(watch.databases, [notConfigured(error)], this.#canaryProblem, signal);
    }
    return { againAfterMs: lookAgainMs };
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

  get #canaryProblem(): string | null {
    return this.#canary?.problem ?? null;
  }

  async #probe(written: readonly Written[], signal: AbortSignal): Promise<void> {
    const { objects, namespace, now } = this.#options;
    const isNew = written.some(({ object }) => object.kind === 'MutatingWebhookConfiguration');
    const known = this.#canary;
    if (known !== null && known.problem === '' && !isNew && now() - known.atMs < canaryEveryMs) return;
    const problem = await canaryProblem(objects, namespace, signal);
    this.#canary = { problem, atMs: now() };
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
