/** What two thousand covered pods cost the controller that leads while nothing changes: CPU and memory, printed and bounded. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeObjects, podAnnotations, pods, RECORDER_CONTAINER } from '@pgtape/kube';
import { cpuOf } from '../processCpu.ts';
import { makeNamespace } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { seenEventually } from './eventually.ts';
import { kubectlDone } from './kubectl.ts';
import { type OperatorReplica, replicaLogs, startReplica } from './operatorReplicas.ts';

const root = join(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'pgtape-fleet-'));
const databases = 20;
const podsEach = 100;
const atOnce = 20;
const changesEachSecond = 10;
const measuredMs = 30_000;
let plane: ControlPlane;
let objects: KubeObjects;
let controller: OperatorReplica | null = null;

const done = (args: readonly string[], input?: object): string =>
  kubectlDone(plane, args, input === undefined ? undefined : JSON.stringify(input));

/** As large as that of a stock image that was injected; no address, so that nobody is asked. */
async function makePod(app: string, name: string): Promise<void> {
  const plain = JSON.parse(readFileSync(join(root, 'testdata/pods/plain.json'), 'utf8')) as {
    spec: object;
  };
  const annotations = {
    [podAnnotations.by]: `shop/${app}`,
    'pgtape.dev/capture-mode': 'AddressSwap',
    'pgtape.dev/config-hash': '0123456789abcdef',
  };
  const recorder = { name: RECORDER_CONTAINER, image: 'registry.example/x', restartPolicy: 'Always' };
  const metadata = { name, namespace: 'shop', labels: { app }, annotations };
  await objects.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { ...plain.spec, initContainers: [recorder] },
  });
  await patchStatus(name, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] });
}

async function patchStatus(name: string, status: object): Promise<void> {
  await plane.connection.request({
    method: 'PATCH',
    path: `/api/v1/namespaces/shop/pods/${name}/status`,
    contentType: 'application/merge-patch+json',
    body: { status },
  });
}

async function makeFleet(): Promise<void> {
  const wanted = Array.from({ length: databases * podsEach }, (_, at) => at);
  const worker = async (): Promise<void> => {
    for (let at = wanted.pop(); at !== undefined; at = wanted.pop())
      await makePod(`db-${at % databases}`, `db-${at % databases}-${Math.floor(at / databases)}`);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const residentMiB = (pid: number): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${controller?.healthUrl}/metrics`)).text();
  const each = text.matchAll(new RegExp(`^pgtape_operator_${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'));
  return [...each].reduce((sum, [, count]) => sum + Number(count), 0);
}

beforeAll(async () => {
  plane = await startControlPlane();
  objects = new KubeObjects(plane.connection);
  done(['apply', '--server-side', '-f', join(root, 'crds')]);
  for (const name of ['shop', 'pgtape-system']) await makeNamespace(objects, name);
  await makeFleet();
  for (let at = 0; at < databases; at += 1)
    done(['apply', '-f', '-'], {
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordedDatabase',
      metadata: { name: `db-${at}`, namespace: 'shop' },
      spec: { selector: { matchLabels: { app: `db-${at}` } }, archiveRef: 'audit' },
    });
}, 240_000);

afterAll(async () => {
  if (controller?.isRunning === true) await controller.end('SIGKILL');
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

/** As kubelets do when a probe fails: the next of all pods becomes ready, or is so no more. */
async function changePods(until: number): Promise<void> {
  for (let at = 0; performance.now() < until; at += 1) {
    const name = `db-${at % databases}-${Math.floor(at / databases) % podsEach}`;
    const status = at % (2 * databases * podsEach) < databases * podsEach ? 'False' : 'True';
    await patchStatus(name, { conditions: [{ type: 'Ready', status }] });
    await sleep(1000 / changesEachSecond);
  }
}

/** CPUs that it took for a while, on average. */
async function cpus({ pid }: OperatorReplica, meanwhile: Promise<void>): Promise<number> {
  const [before, from] = [cpuOf(pid).all, performance.now()];
  await meanwhile;
  return (cpuOf(pid).all - before) / 1000 / (performance.now() - from);
}

it('two thousand covered pods cost the leader little, while nothing changes and while pods do', async () => {
  controller = await startReplica({
    dir,
    name: 'fleet',
    kubeconfig: plane.kubeconfig,
    servicePort: 1,
    args: ['--role', 'controller'],
  });
  const running = controller;
  const known = async (): Promise<unknown> => [await metric('leading'), await metric('injected_pods')];
  await seenEventually('all are known', known, [1, databases * podsEach], {
    ms: 60_000,
    logs: () => replicaLogs([running]),
  });
  await sleep(15_000);
  const still = await cpus(running, sleep(measuredMs));
  const changing = await cpus(running, changePods(performance.now() + measuredMs));
  const resident = residentMiB(running.pid);
  const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
  process.stdout.write(
    `${databases * podsEach} pods of ${databases} databases: ${percent(still)} of a CPU, ` +
      `${percent(changing)} while ${changesEachSecond} of them change each second, ${resident} MiB resident\n`,
  );
  expect(still).toBeLessThan(0.1);
  expect(changing).toBeLessThan(1);
  expect(resident).toBeLessThan(220);
}, 240_000);
