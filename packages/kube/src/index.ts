export { asError } from './asError.ts';
export type { BackoffLimits } from './backoff.ts';
export {
  type ConnectionLimits,
  type KubeAccess,
  type KubeAnswer,
  KubeConnection,
  type KubeCredentials,
  type KubeRequest,
  type KubeTransport,
  ordinaryLimits,
} from './connection.ts';
export { EventRecorder, type EventRecorderOptions, type Told } from './eventRecorder.ts';
export { type EvictedPod, type Eviction, evict } from './eviction.ts';
export { type AccessSource, accessOf, type ConfiguredAccess, kubeConfigAccess } from './kubeConfigAccess.ts';
export { isObjectGone, type KubeCause, KubeError, type KubeErrorCode } from './kubeError.ts';
export { isNewer, type KubeObject, keyOf, type ObjectMeta, splitKey } from './kubeObject.ts';
export { type ElectionEvents, type ElectionOptions, LeaderElection } from './leaderElection.ts';
export type { LeaseTiming } from './leasePlan.ts';
export type { Change } from './objectStore.ts';
export { type ApplyOptions, KubeObjects, type ListOptions, type WriteOptions } from './objects.ts';
export { recordingArchives } from './ownKinds.ts';
export type { Pacing } from './pacing.ts';
export { podAnnotations, RECORDER_AUDIENCE, RECORDER_CONTAINER } from './podMarks.ts';
export { Reflector, type ReflectorEvents, type ReflectorLimits, type ReflectorOptions } from './reflector.ts';
export {
  configMaps,
  type KubeResource,
  namespaces,
  pods,
  type ResourcePlace,
} from './resource.ts';
export { reviewToken, type TokenReview } from './tokenReview.ts';
export { type WorkOutcome, WorkQueue, type WorkQueueOptions } from './workQueue.ts';
