import { setTimeout as sleep } from 'node:timers/promises';
import { startBench } from './benchTape.ts';
import { testImages } from './images.ts';
import { namespaceObject } from './postgresObjects.ts';
import { type PodObject, type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape, systemNamespace } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** What is around the database goes away and comes back: the database goes on, and all that was answered is on tape. */
const cluster = sharedCluster();
const namespace = 'outages';
/** How long the vault is away. */
const vaultAwayMs = 60_000;
let database: RecordedDatabase;
let before: PodObject;

const system = async (...args: string[]): Promise<string> =>
  await cluster.done(['-n', systemNamespace, ...args]);

function restarts({ status }: PodObject): Record<string, number> {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return Object.fromEntries(all.map(({ name, restartCount }) => [name, restartCount]));
}

/** Under load while `happens` does: the same pod goes on, nothing restarted, everything on tape once. */
async function underLoad(happens: () => Promise<void>): Promise<void> {
  const bench = await startBench(cluster, database);
  try {
    await sleep(1500);
    await happens();
    // A run of pgbench tells what it saw answered when it is over.
    await cluster.eventually('pgbench is answered', 60_000, async () => bench.answered.size > 100);
  } finally {
    await bench.stop();
  }
  const now = await database.podObject();
  expect({ uid: now.metadata.uid, restarts: restarts(now) }).toEqual({
    uid: before.metadata.uid,
    restarts: restarts(before),
  });
  expect(await bench.taped(90_000)).toEqual([]);
}

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, { namespace, name: 'orders' });
  before = await database.podObject();
}, 300_000);

it(`the vault is away for ${vaultAwayMs / 1000} s: status says so, and what was recorded meanwhile arrives`, async () => {
  await underLoad(async () => {
    await system('scale', 'statefulset/pgtape-vault', '--replicas=0');
    await system('wait', 'pod/pgtape-vault-0', '--for=delete', '--timeout=60s');
    const away = performance.now();
    await cluster.eventually('the lag is in status', vaultAwayMs, async () => {
      const { status } = await database.object();
      if ((status?.lagSeconds ?? 0) > 10) return true;
      throw new Error(JSON.stringify(status?.lagSeconds ?? null));
    });
    await sleep(Math.max(0, vaultAwayMs - (performance.now() - away)));
    await system('scale', 'statefulset/pgtape-vault', '--replicas=1');
    await system('rollout', 'status', 'statefulset/pgtape-vault', '--timeout=90s');
  });
  await database.conditionIs('Ready', 'True', 90_000);
}, 300_000);

it('the leading controller is killed: another one leads, and does its work', async () => {
  const lease = await cluster.get<{ spec: { holderIdentity: string } }>(
    'lease',
    'pgtape-controller',
    systemNamespace,
  );
  const leader = lease?.spec.holderIdentity ?? '';
  const [pod] = leader.split('_') as [string];
  await underLoad(async () => {
    await system('delete', 'pod', pod, '--grace-period=0', '--force');
    await cluster.eventually('another one leads', 60_000, async () => {
      const now = await cluster.get<{ spec: { holderIdentity: string } }>(
        'lease',
        'pgtape-controller',
        systemNamespace,
      );
      return now?.spec.holderIdentity !== leader && (now?.spec.holderIdentity ?? '') !== '';
    });
  });
  // It reverts what somebody changed: the leader's work. (The configuration itself the guard keeps from everybody.)
  const guard = ['validatingadmissionpolicy', `pgtape.${namespace}.orders.config`] as const;
  await cluster.done(['delete', ...guard]);
  await cluster.eventually(
    'the guard is there again',
    60_000,
    async () => (await cluster.get(...guard)) !== null,
  );
}, 200_000);

it('all of the operator is away: pods start, those of others and those that would be recorded', async () => {
  for (const name of ['pgtape-webhook', 'pgtape-controller'])
    await system('scale', `deployment/${name}`, '--replicas=0');
  await system('wait', 'pods', '-l', 'app.kubernetes.io/component=webhook', '--for=delete', '--timeout=60s');
  await cluster.apply(namespaceObject('unrelated'));
  const pod = (labels: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'idle', namespace: 'unrelated', labels },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'idle', image: testImages().pause.name, imagePullPolicy: 'IfNotPresent' }],
    },
  });
  await cluster.apply(pod({}));
  await cluster.done(['-n', 'unrelated', 'wait', 'pod/idle', '--for=condition=Ready', '--timeout=30s']);
  await cluster.done(['-n', namespace, 'delete', 'pod', database.pod, '--timeout=60s']);
  await cluster.done(['-n', namespace, 'rollout', 'status', 'statefulset/orders', '--timeout=60s']);
  expect((await database.podObject()).spec.initContainers ?? []).toEqual([]);
  for (const name of ['pgtape-webhook', 'pgtape-controller'])
    await system('scale', `deployment/${name}`, '--replicas=2');
  for (const name of ['pgtape-webhook', 'pgtape-controller'])
    await system('rollout', 'status', `deployment/${name}`, '--timeout=90s');
  await database.conditionIs('Ready', 'False', 90_000);
  await database.conditionIs('InjectorAvailable', 'True', 90_000);
  await cluster.done(['-n', namespace, 'delete', 'pod', database.pod, '--timeout=60s']);
  await cluster.done(['-n', namespace, 'rollout', 'status', 'statefulset/orders', '--timeout=60s']);
  before = await database.podObject();
  expect(before.spec.initContainers?.map(({ name }) => name)).toEqual(['pgtape-recorder']);
}, 300_000);

it('the API server is killed and started again', async () => {
  await underLoad(async () => {
    await cluster.processes.restart('kube-apiserver', 'SIGKILL');
    await cluster.apiServerReady(60_000);
  });
  await database.conditionIs('Ready', 'True', 90_000);
}, 200_000);

it('the kubelet is killed and started again', async () => {
  await underLoad(async () => {
    await cluster.processes.restart('kubelet', 'SIGKILL');
    await cluster.done(['wait', 'node/node', '--for=condition=Ready', '--timeout=60s']);
    await sleep(5000);
  });
  await database.conditionIs('Ready', 'True', 90_000);
}, 200_000);
