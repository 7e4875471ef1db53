/** Checks of what all databases of a cluster stand on: versions, clocks, the release, its webhook. Pure. */
import type { Read } from '../cluster.ts';
import type { Release } from '../release.ts';
import { type Finding, judge } from './finding.ts';
import { imageFindings } from './imageChecks.ts';
import type { PodSight } from './podReading.ts';

export interface NodeSight {
  readonly name: string;
  /** `v1.36.1`. */
  readonly kubeletVersion: string;
}

export interface ReleaseSight {
  readonly release: Release;
  readonly pods: Read<readonly PodSight[]>;
  /** Whether a pod made as a dry run came back with a recorder. */
  readonly canary: Read<boolean>;
}

export interface ClusterSight {
  readonly serverVersion: Read<string>;
  /** What this machine's clock is ahead of the API server's, and by how much that may be off; null: it said no time. */
  readonly clock: { readonly aheadMs: number; readonly boundMs: number } | null;
  readonly nodes: Read<readonly NodeSight[]>;
  readonly release: Read<ReleaseSight>;
}

interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

export function versionOf(text: string): Version | null {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text);
  if (match === null) return null;
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) };
}

/** Native sidecars. */
const minorMin = 29;
/** ValidatingAdmissionPolicy. */
const minorGuard = 30;

function serverFinding(version: Read<string>): Finding {
  const { ok, warn, fail, unknown } = judge('api_server_version', 'API server');
  if (!version.isRead) return unknown(version.why, 'cluster');
  const found = versionOf(version.value);
  if (found === null) return unknown(`'${version.value}' is no version`);
  if (found.minor < minorMin)
    return fail(`${version.value}: native sidecars need Kubernetes 1.${minorMin}`, 'cluster');
  if (found.minor < minorGuard)
    return warn(
      `${version.value}: the guard needs Kubernetes 1.${minorGuard}; everything else works`,
      'cluster',
    );
  return ok(version.value);
}

function nodeFindings(nodes: Read<readonly NodeSight[]>): Finding[] {
  if (!nodes.isRead) return [judge('kubelet_version', 'nodes').unknown(nodes.why, 'cluster')];
  if (nodes.value.length === 0) return [judge('kubelet_version', 'nodes').unknown('there are no nodes')];
  return nodes.value.map(({ name, kubeletVersion }) => {
    const { ok, fail, unknown } = judge('kubelet_version', `node/${name}`);
    const version = versionOf(kubeletVersion);
    if (version === null) return unknown(`'${kubeletVersion}' is no version`);
    return version.minor < minorMin
      ? fail(`${kubeletVersion}: pods with a recorder do not run here; 1.${minorMin} is needed`, 'cluster')
      : ok(kubeletVersion);
  });
}

/** Kubernetes 1.35.0 to 1.35.3 (kubernetes/kubernetes#137146, mended in 1.35.4). */
export function isRestartBroken(kubeletVersion: string): boolean {
  const version = versionOf(kubeletVersion);
  return version !== null && version.major === 1 && version.minor === 35 && version.patch < 4;
}

const clockMsMax = 5000;

function clockFinding(clock: ClusterSight['clock']): Finding {
  const { ok, warn, unknown } = judge('clock_skew', 'this machine');
  if (clock === null) return unknown('the API server says no time');
  const { aheadMs, boundMs } = clock;
  const size = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the API server`;
  return Math.abs(aheadMs) - boundMs > clockMsMax
    ? warn(
        `${size}: times in what you print and in what is recorded differ; one of the two clocks is off`,
        'cluster',
      )
    : ok(`within ${((Math.abs(aheadMs) + boundMs) / 1000).toFixed(1)} s of the API server`);
}

function releaseFindings(release: Read<ReleaseSight>): Finding[] {
  if (!release.isRead) return [judge('release', 'pgtape').fail(release.why, 'pgtape')];
  const { pods, canary, release: found } = release.value;
  return [releaseFinding(found, pods), ...imagesOf(found, pods), webhookFinding(found, canary)];
}

function releaseFinding({ namespace, name }: Release, pods: Read<readonly PodSight[]>): Finding {
  const { ok, fail, unknown } = judge('release', `${namespace}/${name}`);
  if (!pods.isRead) return unknown(pods.why, 'cluster');
  if (pods.value.length === 0) return fail('it has no pods', 'pgtape');
  const ill = pods.value.filter(({ isReady }) => !isReady).map((pod) => pod.name);
  return ill.length > 0
    ? fail(`not ready: ${ill.join(', ')}`, 'pgtape')
    : ok(`${pods.value.length} pods are ready`);
}

function imagesOf({ namespace }: Release, pods: Read<readonly PodSight[]>): Finding[] {
  return pods.isRead
    ? pods.value.flatMap((pod) => imageFindings(pod, `${namespace}/${pod.name}`, () => true))
    : [];
}

function webhookFinding({ namespace }: Release, canary: Read<boolean>): Finding {
  const { ok, fail, unknown } = judge('webhook', namespace);
  if (!canary.isRead) return unknown(`no pod could be made as a dry run: ${canary.why}`, 'cluster');
  return canary.value
    ? ok('a pod made as a dry run came back with a recorder')
    : fail(
        'a pod made as a dry run came back without a recorder: the API server does not reach the webhook',
        'pgtape',
      );
}

export function clusterFindings(sight: ClusterSight): Finding[] {
  return [
    serverFinding(sight.serverVersion),
    ...nodeFindings(sight.nodes),
    clockFinding(sight.clock),
    ...releaseFindings(sight.release),
  ];
}
