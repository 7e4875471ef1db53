/** A whole Kubernetes on this machine: one node, in namespaces of its own, ready to run pods. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dnsObjects, volumeNames, volumeObjects } from './clusterBase.ts';
import {
  apiServerCommand,
  controllerManagerCommand,
  etcdCommand,
  kubeletCommand,
  makeKeys,
  proxyCommand,
  schedulerCommand,
} from './controlPlaneCommands.ts';
import { startEnclosure } from './enclosure.ts';
import { type Image, pauseProgram, pgtapeImage, testImages } from './images.ts';
import { needTools } from './neededTools.ts';
import { containerdSocket, nodeName, writeNodeFiles } from './nodeConfig.ts';
import { claimPlace, clearPlace, type NodePlace } from './nodePlace.ts';
import { NodeProcesses } from './nodeProcesses.ts';
import { TestCluster } from './testCluster.ts';

/** What an image's import may take, and the node's becoming ready, in ms. */
const patience = 180_000;

export async function startCluster(): Promise<TestCluster> {
  needTools();
  const pgtape = pgtapeImage();
  const images = testImages();
  const place = await claimPlace();
  try {
    await startEnclosure(place, pauseProgram());
    const processes = new NodeProcesses(place);
    for (const name of volumeNames)
      mkdirSync(join(place.dir, 'var-lib', 'volumes', name), { recursive: true });
    const keys = makeKeys(place);
    const files = writeNodeFiles(place, images.pause.name, keys.kubelet, keys.kubeconfigs.proxy);
    await processes.start('etcd', etcdCommand());
    await processes.start('containerd', [containerdBinary('containerd'), '--config', files.containerd], {
      PATH: `${process.env.PGTAPE_E2E_CONTAINERD}:${process.env.PATH}`,
    });
    await processes.start('kube-apiserver', apiServerCommand(place, keys));
    const imported = importImages(processes, [images.pause, images.coredns, images.postgres, pgtape]);
    const cluster = new TestCluster(place.number);
    await cluster.apiServerReady(patience);
    await processes.start('kube-controller-manager', controllerManagerCommand(keys));
    await processes.start('kube-scheduler', schedulerCommand(keys));
    await processes.start('kube-proxy', proxyCommand(files));
    await imported;
    await nameByDigest(processes, place, pgtape);
    await processes.start('kubelet', kubeletCommand(place, keys, files));
    await cluster.apply(...volumeObjects(), ...dnsObjects(images.coredns.name, place.addresses));
    await nodeReady(cluster);
    return cluster;
  } catch (error) {
    const logs = endOfLogs(place);
    await clearPlace(place);
    throw new Error(`the test node did not start: ${(error as Error).message}\n${logs}`);
  }
}

function containerdBinary(name: string): string {
  return join(process.env.PGTAPE_E2E_CONTAINERD ?? '', name);
}

const pgtapeRepository = 'pgtape.test/pgtape';

/** Pods name it by repository and digest, as a registry would give it. */
async function nameByDigest(processes: NodeProcesses, place: NodePlace, { name }: Image): Promise<void> {
  const { out } = await processes.inNode([...ctr, 'images', 'list', `name==docker.io/library/${name}`]);
  const digest = /sha256:[0-9a-f]{64}/.exec(out)?.[0];
  if (digest === undefined) throw new Error(`containerd does not have ${name}: ${out}`);
  const version = name.slice(name.indexOf(':') + 1);
  for (const reference of [`${pgtapeRepository}@${digest}`, `${pgtapeRepository}:${version}`]) {
    const tagged = await processes.inNode([...ctr, 'images', 'tag', `docker.io/library/${name}`, reference]);
    if (tagged.status !== 0) throw new Error(tagged.err);
  }
  writeFileSync(
    join(place.dir, 'pgtape.json'),
    JSON.stringify({ repository: pgtapeRepository, digest, version }),
  );
}

const ctr = [containerdBinary('ctr'), '--address', containerdSocket, '--namespace', 'k8s.io'];

async function importImages(processes: NodeProcesses, images: readonly Image[]): Promise<void> {
  for (let waited = 0; ; waited += 100) {
    const { status, err } = await processes.inNode([...ctr, 'version']);
    if (status === 0) break;
    if (waited > patience || !processes.isRunning('containerd')) throw new Error(err);
    await sleep(100);
  }
  for (const { file } of images) {
    const ran = await processes.inNode([...ctr, 'images', 'import', '--local', file]);
    if (ran.status !== 0) throw new Error(`import of ${file}: ${ran.err}`);
  }
}

async function nodeReady(cluster: TestCluster): Promise<void> {
  await cluster.eventually('the node is ready', patience, async () => {
    const node = await cluster.get<{ status?: { conditions?: { type: string; status: string }[] } }>(
      'node',
      nodeName,
    );
    return (
      node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
    );
  });
}

function endOfLogs(place: NodePlace): string {
  const processes = new NodeProcesses(place);
  return ['kube-apiserver', 'containerd', 'kubelet']
    .map((name) => `${name}: ${processes.logEnd(name)}`)
    .join('\n');
}
