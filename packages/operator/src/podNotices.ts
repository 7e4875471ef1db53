/** Owns what people are told about single pods by Events, on the pod and on its RecordedDatabase. Pure. */
import type { SeenBypass } from '@pgtape/evidence';
import type { KubeObject, Told } from '@pgtape/kube';
import { z } from 'zod';
import type { ObservedPod, PodNeed } from './observedPod.ts';
import type { NewBypasses } from './recordingFold.ts';

const PodBefore = z.looseObject({
  uid: z.string().optional(),
  injected: z.boolean().optional(),
  need: z.string().optional(),
});
const Before = z.looseObject({ pods: z.array(PodBefore).optional() });

/** What an Event regards. */
export function podObject({ name, uid }: Pick<ObservedPod, 'name' | 'uid'>, namespace: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid } };
}

/** @param before status as it was written before: what it said already is not told again */
export function podNotices(namespace: string, before: unknown, pods: readonly ObservedPod[]): Told[] {
  const { pods: known = [] } = Before.safeParse(before ?? {}).data ?? {};
  return pods.flatMap((pod): Told[] => {
    const was = known.find(({ uid }) => uid === pod.uid);
    const regarding = podObject(pod, namespace);
    const told: Told[] = [];
    if (pod.injected && was?.injected !== true)
      told.push({
        regarding,
        type: 'Normal',
        reason: 'Injected',
        action: 'Inject',
        note: `a recorder is in it, for ${pod.plannedMode}`,
      });
    if (pod.need !== null && was?.need !== pod.need) told.push({ regarding, ...needed(pod, pod.need) });
    return told;
  });
}

function needed(pod: ObservedPod, need: PodNeed): Omit<Told, 'regarding'> {
  switch (need) {
    case 'Injection':
      if (pod.skipped !== '')
        return {
          type: 'Warning',
          reason: 'InjectionSkipped',
          action: 'Inject',
          note: `not recorded: ${pod.skipped}`,
        };
      return {
        type: 'Warning',
        reason: 'RestartRequired',
        action: 'Inject',
        note: `not recorded: it was made before, or past the webhook; ${pod.restart}`,
      };
    case 'Configuration':
      return {
        type: 'Normal',
        reason: 'RestartRequired',
        action: 'Configure',
        note: `its recorder runs with an older configuration; ${pod.restart}`,
      };
    case 'Upgrade':
      return {
        type: 'Normal',
        reason: 'RecorderOutdated',
        action: 'Upgrade',
        note: `its recorder is of ${pod.recorderImage}; ${pod.restart}`,
      };
  }
}

/** On the pod, and on its database, which outlives it. */
export function bypassNotices(database: KubeObject, namespace: string, news: readonly NewBypasses[]): Told[] {
  return news.flatMap(({ pod, count, recent }) => {
    const who = recent.slice(0, Math.min(count, 4)).map(bypassText);
    const detail = who.length === 0 ? 'shorter than a look at them' : who.join('; ');
    const note = `${count} session${count === 1 ? '' : 's'} past the recorder: ${detail}`;
    const event = { type: 'Warning', reason: 'BypassDetected', action: 'Measure' } as const;
    return [
      { regarding: podObject(pod, namespace), ...event, note },
      { regarding: database, ...event, note: `${pod.name}: ${note}` },
    ];
  });
}

/** Names of users and applications are theirs to choose: no control characters of theirs. */
function bypassText({ pid, user, database, address, application, at }: SeenBypass): string {
  // The server has counted it, and it was gone before it was looked at.
  if (pid === 0) return `one in ${JSON.stringify(database)} that was gone before ${at}`;
  const from = address === '' ? 'a unix socket' : address;
  return `backend ${pid} ${JSON.stringify(user)} in ${JSON.stringify(database)} from ${from} (${JSON.stringify(application)}) at ${at}`;
}
