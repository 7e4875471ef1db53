import { testImages } from './images.ts';
import { namespaceObject } from './postgresObjects.ts';
import { type PodObject, RecordedDatabase, restartsOf } from './recordedDatabase.ts';
import { podProcesses } from './recorderProcess.ts';
import { installPgtape, systemNamespace } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/**
 * `Preferred`: injectors die without a word while pods are made. Every pod starts; those that came out without a recorder are named when
 * they are made and in status, and get one when they are made anew.
 */
const cluster = sharedCluster();
const namespace = 'bare';
const name = 'orders';
const database = new RecordedDatabase(cluster, { namespace, name });
/** Made at once after the kill; those after them are dry runs. */
const realPods = 4;

interface Made {
  readonly name: string;
  readonly isReal: boolean;
  readonly isInjected: boolean;
  /** Whoever made it was told that it lacks a recorder. */
  readonly isWarned: boolean;
}

function coveredPod(pod: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'postgres',
          image: testImages().pause.name,
          imagePullPolicy: 'Never',
          resources: { limits: { memory: '64Mi' } },
        },
      ],
    },
  };
}

async function make(pod: string, isReal = true): Promise<Made> {
  const args = ['-n', namespace, 'create', '-o', 'json', '-f', '-', ...(isReal ? [] : ['--dry-run=server'])];
  const { status, out, err } = await cluster.kubectl(args, JSON.stringify(coveredPod(pod)));
  if (status !== 0) throw new Error(`${pod} was not let in: ${err}`);
  const { spec } = JSON.parse(out) as PodObject;
  const isInjected = (spec.initContainers ?? []).some((one) => one.name === 'pgtape-recorder');
  return { name: pod, isReal, isInjected, isWarned: err.includes('must be recorded') };
}

async function injectors(): Promise<PodObject[]> {
  const labels = 'app.kubernetes.io/component=webhook';
  return await cluster.list<PodObject>('pods', systemNamespace, '-l', labels);
}

/** Their processes, by a signal that they cannot answer. @returns what was killed */
function kill(pods: readonly PodObject[]): number {
  const pids = pods.flatMap(({ metadata }) => podProcesses(metadata.uid, 'operator\0--role\0webhook'));
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  return pids.length;
}

const startsOf = (pods: readonly PodObject[]): number =>
  pods.reduce((total, pod) => total + (restartsOf(pod).webhook ?? 0), 0);

/** Pods made from the kill of so many injectors on until all of them serve again. */
async function madeMeanwhile(killed: number): Promise<Made[]> {
  const before = await injectors();
  expect(kill(before.slice(0, killed))).toBe(killed);
  const made: Made[] = [];
  const areBack = async (): Promise<boolean> => {
    const now = await injectors();
    const isReady = now.every(({ status }) => (status.containerStatuses ?? []).every(({ ready }) => ready));
    return isReady && startsOf(now) === startsOf(before) + killed;
  };
  for (const end = performance.now() + 90_000; performance.now() < end; ) {
    const isReal = made.length < realPods;
    made.push(await make(`killed-${killed}-${made.length}`, isReal));
    if (made.length % 4 === 0 && (await areBack())) return made;
  }
  throw new Error(`the injectors are not back after ${made.length} pods`);
}

/** Nobody is told of what has a recorder, and each that has none is told of. */
function expectWarnings(made: readonly Made[]): void {
  expect(made.filter(({ isInjected, isWarned }) => isInjected === isWarned)).toEqual([]);
}

const bareOf = (made: readonly Made[]): string[] =>
  made.filter(({ isReal, isInjected }) => isReal && !isInjected).map((one) => one.name);

let bare: string[] = [];

beforeAll(async () => {
  await installPgtape(cluster);
  await cluster.apply(namespaceObject(namespace), {
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name, namespace },
    spec: { selector: { matchLabels: { app: name } }, archiveRef: 'default' },
  });
  await database.conditionIs('InjectorAvailable', 'True');
  expect(await database.condition('Guarded')).toMatchObject({ status: 'True', reason: 'Warning' });
  expect(await make('before', false)).toMatchObject({ isInjected: true, isWarned: false });
}, 200_000);

afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

it.each([
  ['one of two injectors is killed', 1],
  ['both injectors are killed', 2],
])(
  '%s: pods are let in, and each that is not injected with a warning',
  async (what, killed) => {
    const made = await madeMeanwhile(killed);
    const missed = made.filter(({ isInjected }) => !isInjected).length;
    process.stderr.write(`${what}: ${missed} of ${made.length} pods came out without a recorder\n`);
    expectWarnings(made);
    expect(made.at(-1)).toMatchObject({ isInjected: true });
    bare = [...bare, ...bareOf(made)];
  },
  120_000,
);

it('every pod starts, and status, Events and the condition name those without a recorder', async () => {
  expect(bare.length).toBeGreaterThan(0);
  const running = ['--for=jsonpath={.status.phase}=Running', '--timeout=60s'];
  await cluster.done(['-n', namespace, 'wait', 'pods', '--all', ...running]);
  await cluster.eventually('status names them', 30_000, async () => {
    const { status } = await database.object();
    const named = (status?.pods ?? []).filter(({ injected, need }) => !injected && need === 'Injection');
    if (JSON.stringify(named.map((pod) => pod.name)) === JSON.stringify([...bare].sort())) return true;
    throw new Error(JSON.stringify({ named, bare }));
  });
  const condition = await database.condition('Injected');
  expect(condition).toMatchObject({ status: 'False', reason: 'RestartRequired' });
  for (const pod of bare) expect(condition?.message).toContain(pod);
  await cluster.eventually('an Event on each of them', 30_000, async () => {
    const events = await cluster.list<{ reason: string; involvedObject: { name: string } }>(
      'events',
      namespace,
    );
    const named = events.filter(({ reason }) => reason === 'RestartRequired');
    return bare.every((pod) => named.some(({ involvedObject }) => involvedObject.name === pod));
  });
}, 150_000);

it('made anew, they have one, and status says that all have', async () => {
  await cluster.done(['-n', namespace, 'delete', 'pods', ...bare, '--timeout=60s']);
  for (const pod of bare) expect(await make(pod)).toMatchObject({ isInjected: true, isWarned: false });
  await database.conditionIs('Injected', 'True');
}, 120_000);
