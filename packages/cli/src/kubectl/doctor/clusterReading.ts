/** Reads what the checks of a whole cluster look at. What may not be read is not known, and no failure. */
import { KubeError, type KubeObject, pods } from '@pgtape/kube';
import { canaryPod, RECORDER_CONTAINER } from '@pgtape/operator';
import { z } from 'zod';
import { CommandError } from '../../exitCode.ts';
import { type Cluster, everyObject, type Read, tried } from '../cluster.ts';
import { nodes } from '../clusterKinds.ts';
import type { ReleaseFlags } from '../clusterOptions.ts';
import { type Release, releaseIn, releasePods } from '../release.ts';
import type { ClusterSight, NodeSight, ReleaseSight } from './clusterChecks.ts';
import { type PodSight, podSight } from './podReading.ts';

const VersionAnswer = z.looseObject({ gitVersion: z.string() });
const Node = z.looseObject({
  status: z.looseObject({ nodeInfo: z.looseObject({ kubeletVersion: z.string() }) }),
});

async function version(
  cluster: Cluster,
  now: () => number,
): Promise<Pick<ClusterSight, 'serverVersion' | 'clock'>> {
  const before = now();
  const answer = await tried(
    cluster.connection.answer({ method: 'GET', path: '/version', signal: cluster.stop }),
  );
  const after = now();
  if (!answer.isRead) return { serverVersion: answer, clock: null };
  const { body, date } = answer.value;
  const parsed = VersionAnswer.safeParse(body);
  const middle = (before + after) / 2;
  return {
    serverVersion: parsed.success
      ? { isRead: true, value: parsed.data.gitVersion }
      : { isRead: false, why: 'the API server says no version' },
    // The header counts whole seconds, cut off: half a second later on average.
    clock: date === null ? null : { aheadMs: middle - (date + 500), boundMs: 500 + (after - before) / 2 },
  };
}

async function nodeSights(cluster: Cluster): Promise<NodeSight[]> {
  const found = await everyObject(cluster, nodes);
  return found.flatMap((node) => {
    const parsed = Node.safeParse(node);
    return parsed.success
      ? [{ name: node.metadata.name, kubeletVersion: parsed.data.status.nodeInfo.kubeletVersion }]
      : [];
  });
}

function podSights(objects: readonly KubeObject[]): PodSight[] {
  return objects.flatMap((object) => podSight(object) ?? []);
}

async function canaryInjected(cluster: Cluster, namespace: string): Promise<boolean> {
  const made = await cluster.objects.create(pods, canaryPod(namespace), {
    dryRun: true,
    signal: cluster.stop,
  });
  const sight = podSight(made);
  return sight?.initContainers.some(({ name }) => name === RECORDER_CONTAINER) ?? false;
}

async function releaseSight(cluster: Cluster, release: Release): Promise<ReleaseSight> {
  const [found, canary] = await Promise.all([
    tried(releasePods(cluster, release).then(podSights)),
    tried(canaryInjected(cluster, release.namespace)),
  ]);
  return { release, pods: found, canary };
}

/** The release, or why there is none. */
async function foundRelease(cluster: Cluster, flags: ReleaseFlags): Promise<Read<ReleaseSight>> {
  try {
    return { isRead: true, value: await releaseSight(cluster, await releaseIn(cluster, flags)) };
  } catch (error) {
    if (error instanceof KubeError) return { isRead: false, why: error.message };
    if (!(error instanceof CommandError)) throw error;
    return { isRead: false, why: [error.message, error.advice ?? ''].join('. ') };
  }
}

/** @param now wall clock, milliseconds since 1970 */
export async function clusterSight(
  cluster: Cluster,
  flags: ReleaseFlags,
  now: () => number,
): Promise<ClusterSight> {
  const [said, nodesRead, release] = await Promise.all([
    version(cluster, now),
    tried(nodeSights(cluster)),
    foundRelease(cluster, flags),
  ]);
  return { ...said, nodes: nodesRead, release };
}
