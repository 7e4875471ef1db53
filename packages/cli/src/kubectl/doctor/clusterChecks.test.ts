import type { Read } from '../cluster.ts';
import { type ClusterSight, clusterFindings, isRestartBroken } from './clusterChecks.ts';
import type { PodSight } from './podReading.ts';

const read = <T>(value: T): Read<T> => ({ isRead: true, value });
const unread = { isRead: false, why: 'you may not' } as const;
const podOf = (name: string, more: Partial<PodSight> = {}): PodSight => ({
  name,
  node: 'a',
  containers: [],
  initContainers: [],
  qosClass: 'Burstable',
  isReady: true,
  states: [{ name: 'vault', image: 'registry.example/pgtape', imageID: 'sha256:1', ready: true }],
  ...more,
});
const release = { namespace: 'pgtape-system', name: 'pgtape', prefix: 'pgtape' };
const well: ClusterSight = {
  serverVersion: read('v1.36.1'),
  clock: { aheadMs: 200, boundMs: 550 },
  nodes: read([{ name: 'a', kubeletVersion: 'v1.36.1' }]),
  release: read({ release, pods: read([podOf('pgtape-vault-0')]), canary: read(true) }),
};
const found = (sight: Partial<ClusterSight>): string[] =>
  clusterFindings({ ...well, ...sight })
    .filter(({ state }) => state !== 'ok')
    .map(({ check, state, act }) => `${check} ${state} ${act}`);
const waiting = (reason: string): PodSight =>
  podOf('pgtape-vault-0', {
    isReady: false,
    states: [
      { name: 'vault', image: 'i', imageID: '', ready: false, state: { waiting: { reason, message: 'x' } } },
    ],
  });

describe('clusterFindings', () => {
  it('are all ok in a cluster that is well', () => {
    expect(clusterFindings(well).map(({ check, state }) => `${check} ${state}`)).toEqual([
      'api_server_version ok',
      'kubelet_version ok',
      'clock_skew ok',
      'release ok',
      'image_pull ok',
      'webhook ok',
    ]);
  });

  it.each<[string, Partial<ClusterSight>, string[]]>([
    ['1.28', { serverVersion: read('v1.28.9') }, ['api_server_version fail cluster']],
    ['1.29', { serverVersion: read('v1.29.0-gke.1') }, ['api_server_version warn cluster']],
    ['no version', { serverVersion: read('dev') }, ['api_server_version unknown nobody']],
    ['a version nobody may read', { serverVersion: unread }, ['api_server_version unknown cluster']],
    [
      'one old kubelet',
      {
        nodes: read([
          { name: 'a', kubeletVersion: 'v1.36.1' },
          { name: 'b', kubeletVersion: 'v1.28.0' },
        ]),
      },
      ['kubelet_version fail cluster'],
    ],
    ['nodes nobody may list', { nodes: unread }, ['kubelet_version unknown cluster']],
    ['no nodes', { nodes: read([]) }, ['kubelet_version unknown nobody']],
    ['a clock ahead', { clock: { aheadMs: 6000, boundMs: 550 } }, ['clock_skew warn cluster']],
    ['a clock behind', { clock: { aheadMs: -6000, boundMs: 550 } }, ['clock_skew warn cluster']],
    ['a clock within its bound', { clock: { aheadMs: 6000, boundMs: 1500 } }, []],
    ['no clock', { clock: null }, ['clock_skew unknown nobody']],
    ['no release', { release: unread }, ['release fail pgtape']],
    [
      'a release without pods, and a webhook that is not reached',
      { release: read({ release, pods: read([]), canary: read(false) }) },
      ['release fail pgtape', 'webhook fail pgtape'],
    ],
    [
      'an image that cannot be pulled',
      { release: read({ release, pods: read([waiting('ImagePullBackOff')]), canary: read(true) }) },
      ['release fail pgtape', 'image_pull fail pgtape'],
    ],
    [
      'a pod that waits for something else',
      { release: read({ release, pods: read([waiting('PodInitializing')]), canary: read(true) }) },
      ['release fail pgtape'],
    ],
    [
      'what may not be looked at',
      { release: read({ release, pods: unread, canary: unread }) },
      ['release unknown cluster', 'webhook unknown cluster'],
    ],
  ])('%s', (_, sight, findings) => {
    expect(found(sight)).toEqual(findings);
  });
});

describe('isRestartBroken', () => {
  it.each([
    ['v1.34.9', false],
    ['v1.35.0', true],
    ['v1.35.3-eks-1', true],
    ['v1.35.4', false],
    ['v1.36.0', false],
    ['?', false],
  ])('%s: %s', (version, isBroken) => {
    expect(isRestartBroken(version)).toBe(isBroken);
  });
});
