/**
 * Owns what a pod has of a recorder, or would come out with if it were made anew: the operator's own injection, run on the
 * pod as it is. Pure.
 */

import type { KubeObject } from '@pgtape/kube';
import {
  annotations,
  inject,
  namedPortOf,
  type PodFacts,
  platformFor,
  podSecurityOf,
  RECORDER_CONTAINER,
  type RecordedDatabaseSpec,
  type Refused,
  type SkipReason,
} from '@pgtape/operator';
import { ContainerReading } from './podReading.ts';

export interface OutlookFacts {
  /** `namespace/name`. */
  readonly database: string;
  readonly spec: RecordedDatabaseSpec;
  readonly namespace: KubeObject | undefined;
  readonly networkServices: readonly KubeObject[];
  readonly minorVersion: number;
}

export interface InjectionOutlook {
  /** Whether it runs with a recorder now. */
  readonly isInjected: boolean;
  /** null: it comes out without a recorder, see `skipped`. */
  readonly mode: string | null;
  readonly skipped: SkipReason | null;
  /** Modes that were not possible. */
  readonly refused: readonly Refused[];
  /** The recorder's container; null where there is none. */
  readonly recorder: ContainerReading | null;
}

/** @param pod the same pod as `object`, parsed */
export function injectionOutlook(object: KubeObject, pod: PodFacts, facts: OutlookFacts): InjectionOutlook {
  const { spec, database } = facts;
  const running = (pod.spec.initContainers ?? []).find(({ name }) => name === RECORDER_CONTAINER);
  if (running !== undefined && pod.metadata.annotations?.[annotations.by] === database)
    return {
      isInjected: true,
      mode: pod.metadata.annotations[annotations.mode] ?? '',
      skipped: null,
      refused: [],
      recorder: ContainerReading.parse(running),
    };
  const labels = pod.metadata.labels ?? {};
  const injection = inject(object, {
    database,
    spec: { ...spec, managementState: 'Managed' },
    image: 'pgtape',
    config: '{}',
    platform: platformFor(pod, spec),
    podSecurity: podSecurityOf(facts.namespace),
    namedPort: namedPortOf(facts.networkServices, object.metadata.namespace ?? '', labels, spec.capture.port),
    minorVersion: facts.minorVersion,
  });
  const none = { isInjected: false, refused: injection.refused };
  if (injection.outcome === 'skip') return { ...none, mode: null, skipped: injection.reason, recorder: null };
  const added = injection.patch.flatMap((operation) =>
    operation.op !== 'add' ? [] : Array.isArray(operation.value) ? operation.value : [operation.value],
  );
  const recorder = added
    .map((value) => ContainerReading.safeParse(value))
    .find((parsed) => parsed.success && parsed.data.name === RECORDER_CONTAINER)?.data;
  return { ...none, mode: injection.mode, skipped: null, recorder: recorder ?? null };
}
