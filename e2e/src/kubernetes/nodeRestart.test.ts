import { setTimeout as sleep } from 'node:timers/promises';
import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { podProcesses } from './recorderProcess.ts';
import { helm, installPgtape, systemNamespace } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** RecordedDatabase and release are gone, and the node starts anew: the pod that was recorded comes back as it was. */
const cluster = sharedCluster();
const namespace = 'survivors';
const name = 'orders';
let database: RecordedDatabase;

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, { namespace, name });
}, 300_000);

afterAll(async () => {
  await installPgtape(cluster);
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
}, 200_000);

/** Everything of the pods ends, as when the machine does; containerd and the kubelet find that and start them anew. */
async function restartNode(): Promise<void> {
  const { processes } = cluster;
  const { uid } = (await database.podObject()).metadata;
  await processes.end('kubelet', 'SIGKILL');
  await processes.end('containerd', 'SIGKILL');
  for (const pid of podProcesses(uid, '')) process.kill(pid, 'SIGKILL');
  await processes.restart('containerd', 'SIGKILL');
  // It ends while containerd is not ready for it; what a node's init system does is done here.
  await cluster.eventually('the kubelet stays', 60_000, async () => {
    if (!processes.isRunning('kubelet')) await processes.restart('kubelet', 'SIGKILL');
    await sleep(2000);
    return processes.isRunning('kubelet');
  });
}

it('the pod goes on when RecordedDatabase and release are gone', async () => {
  await cluster.done(['-n', namespace, 'delete', 'recdb', name, '--timeout=30s']);
  await helm(cluster, ['uninstall', 'pgtape', '-n', systemNamespace]);
  expect(await database.ask(await database.address(), "SELECT 'goes on'")).toBe('goes on');
}, 120_000);

it('after the node started anew the same pod is back, with its recorder', async () => {
  const before = await database.podObject();
  const began = performance.now();
  await restartNode();
  await cluster.eventually('its containers were started anew', 90_000, async () => {
    const { status } = await database.podObject();
    const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    if (all.length === 2 && all.every(({ restartCount, ready }) => restartCount > 0 && ready)) return true;
    throw new Error(JSON.stringify(all));
  });
  process.stderr.write(
    `the pod was back ${Math.round((performance.now() - began) / 1000)} s after its node ended\n`,
  );
  expect((await database.podObject()).metadata.uid).toBe(before.metadata.uid);
  const host = await database.address();
  await cluster.eventually(
    'it is reached',
    30_000,
    async () => (await database.ask(host, 'SELECT 1')) === '1',
  );
  // Through the recorder: PostgreSQL itself trusts whoever comes by the pod's loopback.
  expect(await database.ask(host, 'SELECT 1', { given: 'wrong' })).toBe('28P01');
}, 200_000);

it('what is recorded meanwhile waits in the pod, and reaches the archive when there is a release again', async () => {
  const mark = `while there was no release, ${Date.now()}`;
  expect(await database.ask(await database.address(), `SELECT '${mark}'`)).toBe(mark);
  await installPgtape(cluster);
  await database.taped(mark, 90_000);
}, 250_000);
