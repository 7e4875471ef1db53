/** A whole Kubernetes on this machine: one node, in namespaces of its own, ready to run pods. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
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
import { pauseProgram, pgtapeImage, testImages } from './images.ts';
import { needTools } from './neededTools.ts';
import { nodeName, writeNodeFiles } from './nodeConfig.ts';
import { containerdBinary, importImages, nameByDigest } from './nodeImages.ts';
import { claimPlace, clearPlace, type NodePlace } from './nodePlace.ts';
import { NodeProcesses } from './nodeProcesses.ts';
import { TestCluster } from './testCluster.ts';

/** What the API server's becoming ready may take, and the node's, in ms. */
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
