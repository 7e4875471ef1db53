/**
 * Owns the status of every RecordedDatabase: observed, written where it changed, told of by Events, and only then acted on. It
 * refuses to judge what it sees.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type EventRecorder,
  isNewer,
  isObjectGone,
  type KubeObject,
  type KubeObjects,
  keyOf,
} from '@pgtape/kube';
import type { Condition } from './apiFields.ts';
import type { Written } from './applyObjects.ts';
import { FIELD_MANAGER } from './clusterNames.ts';
import { recordedDatabases } from './clusterResources.ts';
import { conditionsOf, type DatabaseFacts } from './databaseFacts.ts';
import { type ObserverOptions, type Observing, observedDatabase } from './databaseObserver.ts';
import { type DatabaseObservation, databaseVerdicts, statusFields } from './databaseStatus.ts';
import { conditionNotices } from './notices.ts';
import { bypassNotices, podNotices } from './podNotices.ts';
import { isUnheard, type KnownRecording } from './recordedPods.ts';
import { rolloutBefore } from './rolloutState.ts';
import type { RolloutWork } from './rolloutWork.ts';
import { conditionsFrom, wholeSeconds } from './statusConditions.ts';
import { isWorthWriting, type WrittenStatus } from './statusPace.ts';

export interface DatabaseStatusesOptions extends ObserverOptions {
  readonly objects: KubeObjects;
  readonly events: Pick<EventRecorder, 'tell'>;
  readonly rollouts: RolloutWork;
  readonly bypassed: (database: string, count: number) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** A new leader says nothing of recorders that it has not asked yet, for so long. */
const firstHearingMs = 10_000;

export class DatabaseStatuses {
  readonly #options: DatabaseStatusesOptions;
  readonly #statuses = new Map<string, WrittenStatus>();
  readonly #recordings = new Map<string, KnownRecording>();
  /** Monotonic. */
  #hearsFromMs = Number.NEGATIVE_INFINITY;

  constructor(options: DatabaseStatusesOptions) {
    this.#options = options;
  }

  /** What is known of each database's recorders. */
  get recordings(): ReadonlyMap<string, KnownRecording> {
    return this.#recordings;
  }

  /** What was written while this process led before: somebody else may have gone on since. */
  forget(): void {
    this.#hearsFromMs = this.#options.now() + firstHearingMs;
    this.#statuses.clear();
    this.#recordings.clear();
    this.#options.rollouts.forget();
  }

  /** One that cannot be written stops no other. @param canary see DatabaseObservation */
  async updateAll(
    databases: readonly DatabaseFacts[],
    written: readonly Written[],
    canary: string | null,
    signal: AbortSignal,
  ): Promise<{ readonly failed: Error[]; readonly isRolling: boolean }> {
    const failed: Error[] = [];
    let isRolling = false;
    for (const database of databases) {
      const observing = { database, all: databases, written, canary };
      const done = await this.#update(observing, signal).catch((cause: unknown) => cause);
      signal.throwIfAborted();
      if (done instanceof Error && !isObjectGone(done)) failed.push(done);
      isRolling ||= done === 'rolling';
    }
    const keys = new Set(databases.map(({ key }) => key));
    for (const known of [this.#statuses, this.#recordings])
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    return { failed, isRolling };
  }

  /** @returns `rolling` while a pod is restarted or upgraded, or its recorder about to be asked */
  async #update(observing: Omit<Observing, 'before'>, signal: AbortSignal): Promise<'rolling' | 'still'> {
    const { events, rollouts, watch } = this.#options;
    const { database } = observing;
    const before = this.#before(database.object);
    const observation = observedDatabase(this.#options, { ...observing, before: before.status });
    if (observation === null) return 'still';
    const { pods, recording, rollout, wanted } = observation;
    if (this.#options.now() < this.#hearsFromMs && pods.some(isUnheard)) return 'rolling';
    this.#recordings.set(database.key, { recording, pods });
    // From nothing on, or the first bypass would be no increase.
    this.#options.bypassed(database.key, 0);
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
