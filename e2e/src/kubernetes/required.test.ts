import { testImages } from './images.ts';
import { namespaceObject } from './postgresObjects.ts';
import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape, systemNamespace } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** `enforcement.admission: Required`: no covered pod without a recorder, and nobody else's pod stands still for it. */
const cluster = sharedCluster();
const namespace = 'required';
const elsewhere = 'elsewhere';
const name = 'orders';
let database: RecordedDatabase;

function pod(named: string, app: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: named, labels: { app } },
    spec: { containers: [{ name: 'postgres', image: testImages().pause.name, imagePullPolicy: 'Never' }] },
  };
}

async function create(inNamespace: string, object: object, ...more: readonly string[]) {
  return await cluster.kubectl(['-n', inNamespace, 'create', '-f', '-', ...more], JSON.stringify(object));
}

async function scaleInjector(replicas: number): Promise<void> {
  const deployment = 'deployment/pgtape-webhook';
  await cluster.done(['-n', systemNamespace, 'scale', deployment, `--replicas=${replicas}`]);
  await cluster.done(['-n', systemNamespace, 'rollout', 'status', deployment, '--timeout=60s']);
  const labels = 'app.kubernetes.io/component=webhook';
  await cluster.eventually(`${replicas} injectors`, 30_000, async () => {
    const pods = await cluster.list<object>('pods', systemNamespace, '-l', labels);
    return pods.length === replicas;
  });
}

beforeAll(async () => {
  await installPgtape(cluster);
  await cluster.apply(namespaceObject(elsewhere));
  const spec = { enforcement: { admission: 'Required' } };
  database = await recordDatabase(cluster, { namespace, name, spec });
}, 300_000);

afterAll(async () => {
  await scaleInjector(2);
  for (const one of [namespace, elsewhere])
    await cluster.kubectl(['delete', 'namespace', one, '--wait=false']);
}, 60_000);

it('its guard denies', async () => {
  await database.conditionIs('Guarded', 'True');
  expect(await database.condition('Guarded')).toMatchObject({ reason: 'Denying' });
}, 90_000);

it('the injector is down: a covered pod is denied, and the reason says why', async () => {
  await scaleInjector(0);
  const denied = await create(namespace, pod('covered', name));
  expect(denied.status).not.toBe(0);
  expect(denied.err).toMatch(/failed calling webhook|no endpoints available|must be recorded/);
}, 60_000);

it('the injector is down: pods that nobody records start, in its namespace, elsewhere with the same label, and of the system', async () => {
  const places = [namespace, elsewhere, 'kube-system'];
  await Promise.all(
    places.map(async (where) => {
      const app = where === namespace ? 'unrelated' : name;
      expect(await create(where, pod('unrelated', app))).toMatchObject({ status: 0 });
      await cluster.done(['-n', where, 'wait', 'pod/unrelated', '--for=condition=Ready', '--timeout=30s']);
      await cluster.done(['-n', where, 'delete', 'pod', 'unrelated', '--grace-period=0', '--force']);
    }),
  );
}, 60_000);

it('the injector is down: who runs goes on, recorded under the policy that was published', async () => {
  const mark = `while nobody injects, ${Date.now()}`;
  expect(await database.ask(await database.address(), `SELECT '${mark}'`)).toBe(mark);
  const { reel } = await database.taped(mark);
  const opened = await database.record('the beginning of the reel', 10_000, (record) => {
    return record.kind === 'reel_opened' && record.reel === reel;
  });
  const published = await cluster.get<{ data: Record<string, string> }>(
    'configmap',
    'pgtape-published',
    systemNamespace,
  );
  const { policyHash } = JSON.parse(published?.data[`${namespace}.${name}`] ?? '{}') as {
    policyHash?: string;
  };
  expect(opened.policy).toBe(policyHash);
}, 60_000);

it('the injector is back: a covered pod comes out with a recorder', async () => {
  await scaleInjector(2);
  await cluster.eventually('a covered pod is let in', 30_000, async () => {
    const made = await create(namespace, pod('again', name), '--dry-run=server', '-o', 'json');
    if (made.status !== 0) throw new Error(made.err);
    return made.out.includes('pgtape-recorder');
  });
}, 60_000);

const configuration = (): Promise<string> =>
  cluster.done(['-n', namespace, 'get', 'configmap', `pgtape-${name}`, '-o', 'jsonpath={.data}']);

it('who changes the configuration of recorders is denied', async () => {
  const before = await configuration();
  const patch = JSON.stringify({ data: { 'recorder.yaml': 'failure: {onSpoolFull: pass}' } });
  const denied = await cluster.kubectl([
    '-n',
    namespace,
    'patch',
    'configmap',
    `pgtape-${name}`,
    '-p',
    patch,
  ]);
  expect(denied.status).not.toBe(0);
  expect(denied.err).toContain('pgtape');
  const after = await configuration();
  expect(after).toBe(before);
}, 30_000);

it('who takes its guard away finds it back, and an Event says so', async () => {
  const guard = `validatingadmissionpolicybinding/pgtape.${namespace}.${name}.config`;
  const uid = ['get', guard, '--ignore-not-found', '-o', 'jsonpath={.metadata.uid}'];
  const before = await cluster.done(uid);
  await cluster.done(['delete', guard]);
  await cluster.eventually('the guard is back', 20_000, async () => {
    const now = await cluster.done(uid);
    return now !== '' && now !== before;
  });
  // Of what is in no namespace Events are in `default`.
  await cluster.eventually('an Event says so', 20_000, async () => {
    const events = await cluster.list<{ reason: string; involvedObject: { name: string } }>(
      'events',
      'default',
    );
    return events.some(
      ({ reason, involvedObject }) =>
        reason === 'DriftReverted' && involvedObject.name === `pgtape.${namespace}.${name}.config`,
    );
  });
}, 60_000);
