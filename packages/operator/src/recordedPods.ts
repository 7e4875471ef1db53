/** Owns which recorders are asked, and what metrics say of what came back. Pure. */
import type { DatabaseFacts } from './databaseFacts.ts';
import { achievedMode, type ObservedPod, statusOf } from './observedPod.ts';
import type { RecordedNumbers } from './operatorMetrics.ts';
import type { PodCoverage } from './podCoverage.ts';
import type { WatchedPod } from './recorderWatch.ts';
import type { Recording } from './recordingFold.ts';

/** What was last known of a database's recorders. */
export interface KnownRecording {
  readonly recording: Recording;
  readonly pods: readonly ObservedPod[];
}

/** It could be asked, and was not yet. */
export function isUnheard({ injected, addresses, seen }: ObservedPod): boolean {
  return injected && addresses.length > 0 && seen === null;
}

export function watchedPods(
  databases: readonly DatabaseFacts[],
  podsOf: (database: DatabaseFacts) => readonly PodCoverage[],
): WatchedPod[] {
  return databases.flatMap((database) => {
    const { key, spec } = database;
    if (spec === null || spec.managementState !== 'Managed') return [];
    return podsOf(database)
      .filter(({ injected }) => injected)
      .map((pod) => ({ pod, database: key, port: spec.capture.port }));
  });
}

export function* recordedNumbers(
  recordings: ReadonlyMap<string, KnownRecording>,
): Generator<[string, RecordedNumbers]> {
  for (const [key, { recording, pods }] of recordings) {
    const isHeard = pods.some((pod) => statusOf(pod) !== null);
    yield [
      key,
      {
        coverage: recording.ratio,
        lagSeconds: isHeard ? recording.lagSeconds : null,
        capturedPods: pods.filter((pod) => achievedMode(pod) !== null).length,
      },
    ];
  }
}
