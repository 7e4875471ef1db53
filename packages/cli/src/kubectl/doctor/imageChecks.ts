/** Whether images of ours could be pulled, as the kubelet tells it of pods that are there. Pure. */
import { type Finding, judge } from './finding.ts';
import type { PodSight, StateReading } from './podReading.ts';

const pullTroubles = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

/** One finding for each image of the pod that is ours; none where the kubelet has said nothing yet. */
export function imageFindings(
  pod: PodSight,
  about: string,
  isOurs: (container: string) => boolean,
): Finding[] {
  const { ok, fail } = judge('image_pull', about);
  const seen = new Map<string, Finding>();
  for (const state of pod.states.filter(({ name }) => isOurs(name))) {
    const trouble = troubleOf(state);
    if (trouble !== null) seen.set(state.image, fail(`${state.image}: ${trouble}`, 'pgtape'));
    else if (state.imageID !== '') seen.set(state.image, ok(`${state.image} was pulled`));
  }
  return [...seen.values()];
}

function troubleOf({ state }: StateReading): string | null {
  const waiting = state?.waiting;
  if (waiting === undefined || !pullTroubles.has(waiting.reason)) return null;
  return waiting.message === '' ? waiting.reason : `${waiting.reason}: ${waiting.message.slice(0, 300)}`;
}
