/** Owns putting together what is known of one RecordedDatabase: from watches, recorders, and what was written for it. */

import { configHash } from '@pgtape/evidence';
import type { KubeError, KubeObject } from '@pgtape/kube';
import type { ApiServerFacts } from './apiServer.ts';
import { objectKey, problemText, type Written } from './applyObjects.ts';
import { clusterName, configMapName } from './clusterNames.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import type { DatabaseFacts } from './databaseFacts.ts';
import type { DatabaseObservation, WriteProblems } from './databaseStatus.ts';
import { type RecordingSettings, recorderConfig } from './desiredObjects.ts';
import { type ObservedPod, observedPod, type WantedRecorder } from './observedPod.ts';
import type { PodCoverage } from './podCoverage.ts';
import type { PodReadings } from './podReadings.ts';
import { policyHash } from './publishedObject.ts';
import type { RecorderWatch } from './recorderWatch.ts';
import { recordingBefore, recordingFold } from './recordingFold.ts';
import { rolloutStep } from './rolloutPlan.ts';
import { rolloutBefore } from './rolloutState.ts';
import type { RolloutWork } from './rolloutWork.ts';
import { olderSelecting, selectorConflict } from './selectorConflicts.ts';
import { WEBHOOK_CONFIGURATION } from './webhookConfiguration.ts';

export interface ObserverOptions {
  readonly watch: Pick<ClusterWatch, 'podsOf' | 'archive' | 'refused'>;
  readonly settings: () => RecordingSettings;
  /** null: not known yet. */
  readonly server: () => Pick<ApiServerFacts, 'minorVersion' | 'username'> | null;
  readonly readings: PodReadings;
  readonly recorders: Pick<RecorderWatch, 'seen'>;
  readonly rollouts: Pick<RolloutWork, 'refusal'>;
  /** Of recorders, where their database names no other. */
  readonly image: string;
  /** Of the operator. */
  readonly version: string;
  /** Why this pod, made anew, would get no recorder; '' where it would. */
  readonly skipped: (database: DatabaseFacts, pod: KubeObject) => string;
  readonly wall: () => Date;
}

export interface Observing {
  readonly database: DatabaseFacts;
  readonly all: readonly DatabaseFacts[];
  readonly written: readonly Written[];
  /** Its status as it was written last. */
  readonly before: unknown;
  /** See DatabaseObservation. */
  readonly canary: string | null;
}

/** Pods of a database that could be connected to; null: not completely known yet. */
export function reachablePods(
  { watch, readings }: { readonly watch: Pick<ClusterWatch, 'podsOf'>; readonly readings: PodReadings },
  database: DatabaseFacts,
): PodCoverage[] | null {
  const found = watch.podsOf(database.key);
  return found?.map((pod) => readings.of(pod, database)).filter((pod) => pod !== null) ?? null;
}

/** null: its pods are not completely known. */
export function observedDatabase(options: ObserverOptions, observing: Observing): DatabaseObservation | null {
  const { watch, server, wall, image, version, rollouts } = options;
  const settings = options.settings();
  const { database, all, written, before, canary } = observing;
  const found = reachablePods(options, database);
  if (found === null) return null;
  const { key, spec } = database;
  const config = recorderConfig(database, settings);
  const wanted: WantedRecorder = {
    configHash: configHash(config),
    image: spec?.recorder.image ?? image,
    policyHash: spec === null ? '' : policyHash(spec),
    version,
  };
  const raw = new Map((watch.podsOf(key) ?? []).map((pod) => [pod.metadata.uid ?? '', pod]));
  // Of pods that an older database selects too, that one tells.
  const own = found.filter(({ labels }) => olderSelecting(database, all, labels).length === 0);
  const pods = own.map((pod) => observedOf(options, database, pod, raw.get(pod.uid), wanted));
  const leaving = [...raw].filter(([, { metadata }]) => metadata.deletionTimestamp !== undefined);
  const nowMs = wall().getTime();
  return {
    database,
    pods,
    conflict: selectorConflict(database, all, found),
    isArchiveThere: spec !== null && watch.archive(spec.archiveRef) !== undefined,
    archiveRefusal: refusalText(watch.refused.get('recordingarchives')),
    isArchiveServed: spec !== null && settings.vault.endpointOf(spec.archiveRef) !== null,
    wanted,
    recording: recordingFold(pods, recordingBefore(before), nowMs),
    rollout: rolloutStep({
      spec: spec?.managementState === 'Managed' ? spec : unasked,
      wanted,
      pods,
      leaving: new Set(leaving.map(([uid]) => uid)),
      before: rolloutBefore(before),
      isInjectorWell: canary === '',
      refusal: rollouts.refusal(key),
      nowMs,
    }),
    nowMs,
    writes: provenWrites(problemsOf(database, written), {
      refused: new Set(watch.refused.keys()),
      canary,
      username: server()?.username ?? '',
    }),
    canary,
    minorVersion: server()?.minorVersion ?? 0,
  };
}

const refusalText = (error: KubeError | undefined): string => (error === undefined ? '' : problemText(error));

/** Without its own name the operator would shut itself out. */
const nameless =
  "the API server does not tell the operator its own name: nothing guards the recorders' configuration; whoever administers " +
  "the cluster must allow 'create' on 'selfsubjectreviews' of authentication.k8s.io";

/**
 * Beside what was tried: somebody else has written the webhook's configuration, where a pod comes out recorded and we may
 * not look at it; and what cannot be made at all.
 */
export function provenWrites(
  writes: WriteProblems,
  { refused, canary, username }: { refused: ReadonlySet<string>; canary: string | null; username: string },
): WriteProblems {
  const isOthers = canary === '' && refused.has('mutatingwebhookconfigurations');
  return {
    ...writes,
    ...(isOthers ? { webhook: '' } : {}),
    ...(writes.guard === '' && username === '' ? { guard: nameless } : {}),
  };
}

/** What is asked for where nothing is to be done. */
const unasked = { restarts: 'Never', recorder: { upgrade: 'OnPodRestart' } } as const;

function observedOf(
  { recorders, skipped }: ObserverOptions,
  database: DatabaseFacts,
  pod: PodCoverage,
  raw: KubeObject | undefined,
  wanted: WantedRecorder,
): ObservedPod {
  const why = pod.injected || raw === undefined ? '' : skipped(database, raw);
  return observedPod(pod, recorders.seen(pod.uid), wanted, why);
}

export function problemsOf({ namespace, name }: DatabaseFacts, written: readonly Written[]): WriteProblems {
  const of = (isConcerned: (object: KubeObject) => boolean): string =>
    written
      .flatMap((one) => (one.how === 'failed' && isConcerned(one.object) ? [problemText(one.error)] : []))
      .join('; ');
  const title = clusterName(namespace, name);
  const guards = new Set([title, `${title}.config`, `${title}.exec`]);
  return {
    configMap: of((object) => objectKey(object) === `ConfigMap/${namespace}/${configMapName(name)}`),
    webhook: of(({ metadata }) => metadata.name === WEBHOOK_CONFIGURATION),
    guard: of(
      ({ kind, metadata }) => kind.startsWith('ValidatingAdmissionPolicy') && guards.has(metadata.name),
    ),
  };
}
