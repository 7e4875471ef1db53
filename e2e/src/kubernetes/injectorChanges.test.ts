import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CertificateMaterial, renewed } from '@pgtape/operator';
import { CertificateSecret, decoded, isSignedByNewest, servedAt } from './certificateSecret.ts';
import { testImages } from './images.ts';
import { type PodObject, type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape, systemNamespace } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';
import { rotatedVault } from './vaultRotation.ts';

/**
 * What may change about the operator while pods are made: each of them comes out with a recorder. And its certificates, while a recorder
 * sends: it goes on.
 */
const cluster = sharedCluster();
const namespace = 'rotation';
const secret = new CertificateSecret(cluster, 'pgtape-webhook');
const dayMs = 24 * 3_600_000;
const port = 9443;
let connected: RecordedDatabase;
/** Beside what is asked of the webhook: it takes as long. */
let rotation: Promise<void>;

/** Another authority and certificate of it, both good and both past two thirds of their time: made 250 and 21 days ago. */
async function dueMaterial(): Promise<CertificateMaterial> {
  const plan = await secret.planOf('pgtape-webhook');
  const old = await renewed(null, { ...plan, nowMs: Date.now() - 250 * dayMs });
  return await renewed(old, { ...plan, nowMs: Date.now() - 21 * dayMs });
}

async function servedByAll(): Promise<string[]> {
  const labels = 'app.kubernetes.io/component=webhook';
  const pods = await cluster.list<PodObject>('pods', systemNamespace, '-l', labels);
  return await Promise.all(
    pods.map(async ({ status }) => (await servedAt(status.podIP, port)).fingerprint256),
  );
}

async function knownToApiServer(): Promise<string> {
  const list = await cluster.list<{ webhooks: { clientConfig: { caBundle: string } }[] }>(
    'mutatingwebhookconfigurations',
    'default',
  );
  return decoded(list[0]?.webhooks[0]?.clientConfig.caBundle);
}

function coveredPod(): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'orders-', namespace, labels: { app: 'orders' } },
    spec: { containers: [{ name: 'postgres', image: testImages().postgres.name }] },
  };
}

async function isInjected(): Promise<boolean> {
  const args = ['-n', namespace, 'create', '--dry-run=server', '-o', 'json', '-f', '-'];
  return (await cluster.done(args, JSON.stringify(coveredPod()))).includes('"pgtape-recorder"');
}

/** Pods are made until `isOver`. @returns how many, and when those without a recorder, in ms */
async function makePods(
  isOver: () => Promise<boolean>,
  ms: number,
): Promise<{ made: number; bare: number[] }> {
  const began = performance.now();
  const bare: number[] = [];
  for (let made = 1; ; made += 1) {
    if (!(await isInjected())) bare.push(Math.round(performance.now() - began));
    if (await isOver()) return { made, bare };
    if (performance.now() - began > ms) throw new Error(`not over after ${made} pods`);
    await sleep(50);
  }
}

async function leader(): Promise<string> {
  const lease = await cluster.get<{ spec: { holderIdentity: string } }>(
    'lease',
    'pgtape-controller',
    systemNamespace,
  );
  return lease?.spec.holderIdentity ?? '';
}

beforeAll(async () => {
  await installPgtape(cluster);
  connected = await recordDatabase(cluster, { namespace, name: 'connected' });
  await cluster.apply({
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name: 'orders', namespace },
    spec: { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'default' },
  });
  const recdb = 'recordeddatabase/orders';
  await cluster.done(['-n', namespace, 'wait', recdb, '--for=condition=InjectorAvailable', '--timeout=60s']);
  rotation = rotatedVault(connected);
  rotation.catch(() => undefined);
}, 200_000);

afterAll(async () => {
  await rotation.catch(() => undefined);
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
}, 300_000);

it('while the authority and then the certificate are replaced, no pod comes out without a recorder', async () => {
  const due = await dueMaterial();
  const dueServed = new X509Certificate(due.cert).fingerprint256;
  await secret.write(due);
  await cluster.eventually('what is due is served, and known', 30_000, async () => {
    const isServed = (await servedByAll()).every((one) => one === dueServed);
    return isServed && (await knownToApiServer()).includes(due.authorities[0] as string);
  });
  const began = performance.now();
  let after = 0;
  const isRenewed = async (): Promise<boolean> => {
    if ((await servedByAll()).every((one) => one !== dueServed)) after += 1;
    return after > 10;
  };
  const { made, bare } = await makePods(isRenewed, 150_000);
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stderr.write(`certificates renewed after ${seconds} s, ${made} pods were made meanwhile\n`);
  expect(bare).toEqual([]);
  const now = await secret.material();
  expect(isSignedByNewest(new X509Certificate(now.cert), now)).toBe(true);
  expect(now.authorities[0]).not.toBe(due.authorities[0]);
}, 240_000);

it("the vault's authority is replaced under load: the recorder goes on, in the same reel, without a gap", async () => {
  await rotation;
}, 300_000);

it('while the leader is killed and another one leads, no pod comes out without a recorder', async () => {
  const former = await leader();
  const pod = former.split('_')[0] as string;
  const killing = cluster.done([
    ...['-n', systemNamespace, 'delete', 'pod', pod],
    ...['--grace-period=0', '--force', '--timeout=60s'],
  ]);
  const isFollowed = async (): Promise<boolean> => !['', former].includes(await leader());
  const { made, bare } = await makePods(isFollowed, 60_000);
  await killing;
  process.stderr.write(`another one leads, ${made} pods were made meanwhile\n`);
  expect(bare).toEqual([]);
}, 90_000);

it('while the injector is rolled out anew, no pod comes out without a recorder', async () => {
  const deployment = 'deployment/pgtape-webhook';
  await cluster.done(['-n', systemNamespace, 'rollout', 'restart', deployment]);
  let isDone = false;
  const rollout = cluster
    .done(['-n', systemNamespace, 'rollout', 'status', deployment, '--timeout=90s'])
    .then(() => {
      isDone = true;
    });
  let after = 0;
  const isOver = async (): Promise<boolean> => {
    // The last of the old ones ends a moment later.
    if (isDone) after += 1;
    return after > 60;
  };
  const { made, bare } = await makePods(isOver, 120_000);
  await rollout;
  process.stderr.write(`the injector was rolled out, ${made} pods were made meanwhile\n`);
  expect(bare).toEqual([]);
}, 150_000);
