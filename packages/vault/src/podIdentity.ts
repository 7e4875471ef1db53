/** Owns what a pod's token proves about a reel: which pod, and whether that pod records the reel's database. Pure. */
import { type KubeObject, podAnnotations, RECORDER_CONTAINER } from '@pgtape/kube';
import { z } from 'zod';
import { type PodName, refusal, type TokenRefusal } from './tokenClaims.ts';

/** A pod that a token vouched for. */
export interface PodIdentity {
  readonly method: 'kubernetes' | 'jwks';
  readonly pod: PodName;
  /** `namespace/name` of what it records; null: nobody looked at the pod. */
  readonly database: string | null;
}

export type TokenVerdict = PodIdentity | TokenRefusal;

/** As it stands in records. */
export function podText({ namespace, name }: PodName): string {
  return `${namespace}/${name}`;
}

const Pod = z.object({
  metadata: z.object({ uid: z.string(), annotations: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({
    initContainers: z.array(z.object({ name: z.string() })).default([]),
    containers: z.array(z.object({ name: z.string() })).default([]),
  }),
});

/** `found`: the object under the pod's name; null: there is none. */
export function injectedPod(pod: PodName, found: KubeObject | null): TokenVerdict {
  const read = Pod.safeParse(found);
  if (!read.success || read.data.metadata.uid !== pod.uid)
    return refusal('pod_not_found', `pod ${podText(pod)} with uid ${pod.uid} is gone`);
  const { metadata, spec } = read.data;
  const database = metadata.annotations[podAnnotations.by];
  if (database === undefined)
    return refusal('pod_not_injected', `pod ${podText(pod)} has no annotation ${podAnnotations.by}`);
  const names = [...spec.initContainers, ...spec.containers].map(({ name }) => name);
  if (!names.includes(RECORDER_CONTAINER))
    return refusal('pod_not_injected', `pod ${podText(pod)} has no container ${RECORDER_CONTAINER}`);
  if (!database.startsWith(`${pod.namespace}/`))
    return refusal(
      'pod_not_injected',
      `pod ${podText(pod)} says it records ${database}, of another namespace`,
    );
  return { method: 'kubernetes', pod, database };
}

/** `name`: what the reel's header calls the recorder. null: the pod may send it. */
export function misnamed({ pod, database }: PodIdentity, name: string): TokenRefusal | null {
  const isIts = database === null ? name.startsWith(`${pod.namespace}/`) : name === database;
  if (isIts) return null;
  const records = database ?? `databases of namespace ${pod.namespace}`;
  return refusal('pod_of_other_database', `pod ${podText(pod)} records ${records}, the reel is of '${name}'`);
}
