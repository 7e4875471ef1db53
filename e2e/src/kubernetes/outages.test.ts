import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchTape, startBench } from './benchTape.ts';
import { testImages } from './images.ts';
import { namespaceObject } from './postgresObjects.ts';
import { type PodObject, type RecordedDatabase, recordDatabase, restartsOf } from './recordedDatabase.ts';
import { installPgtape, systemNamespace } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** What is around the database goes away and comes back: the database goes on, and all that was answered is on tape. */
const cluster = sharedCluster();
const namespace = 'outages';
let database: RecordedDatabase;
let before: PodObject;
let bench: BenchTape;

const system = async (...args: string[]): Promise<string> =>
  await cluster.done(['-n', systemNamespace, ...args]);

/** Clients are answered as before, by the same pod, of which nothing was started anew. */
async function goesOn(): Promise<void> {
  const answered = bench.answered.size;
  // A run of pgbench tells what it saw answered when it is over.
  await cluster.eventually('pgbench is answered', 60_000, async () => bench.answered.size > answered + 100);
  const now = await database.podObject();
  expect({ uid: now.metadata.uid, restarts: restartsOf(now) }).toEqual({
    uid: before.metadata.uid,
    restarts: restartsOf(before),
  });
}

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, { namespace, name: 'orders' });
  before = await database.podObject();
  bench = await startBench(cluster, database);
}, 300_000);

afterAll(async () => {
  await bench?.stop();
  for (const one of [namespace, 'unrelated'])
    await cluster.kubectl(['delete', 'namespace', one, '--wait=false']);
}, 60_000);

it('the leading controller is killed: another one leads, and does its work', async () => {
  const lease = await cluster.get<{ spec: { holderIdentity: string } }>(
    'lease',
    'pgtape-controller',
    systemNamespace,
  );
  const leader = lease?.spec.holderIdentity ?? '';
  const [pod] = leader.split('_') as [string];
  await system('delete', 'pod', pod, '--grace-period=0', '--force');
  await cluster.eventually('another one leads', 60_000, async () => {
    const now = await cluster.get<{ spec: { holderIdentity: string } }>(
      'lease',
      'pgtape-controller',
      systemNamespace,
    );
    return now?.spec.holderIdentity !== leader && (now?.spec.holderIdentity ?? '') !== '';
  });
  await goesOn();
  // It reverts what somebody changed: the leader's work. (The configuration itself the guard keeps from everybody.)
  const guard = ['validatingadmissionpolicy', `pgtape.${namespace}.orders.config`] as const;
  await cluster.done(['delete', ...guard]);
  await cluster.eventually(
    'the guard is there again',
    60_000,
    async () => (await cluster.get(...guard)) !== null,
  );
}, 200_000);

it('the API server is killed and started again', async () => {
  await cluster.processes.restart('kube-apiserver', 'SIGKILL');
  await cluster.apiServerReady(60_000);
  await goesOn();
  await database.conditionIs('Ready', 'True', 90_000);
}, 200_000);

it('the kubelet is killed and started again', async () => {
  await cluster.processes.restart('kubelet', 'SIGKILL');
  await cluster.done(['wait', 'node/node', '--for=condition=Ready', '--timeout=60s']);
  // It was called ready before, and looks at its pods first now.
  await sleep(5000);
  await goesOn();
  await database.conditionIs('Ready', 'True', 90_000);
}, 200_000);

it('all that was answered meanwhile is on tape, once', async () => {
  await bench.stop();
  expect(await bench.taped(90_000)).toEqual([]);
  process.stderr.write(`${bench.answered.size} statements answered, each on tape once\n`);
}, 120_000);

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
