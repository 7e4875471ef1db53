import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { type CertificateMaterial, renewed } from '@pgtape/operator';
import { testImages } from './images.ts';
import { namespaceObject } from './postgresObjects.ts';
import type { PodObject } from './recordedDatabase.ts';
import { installPgtape, systemNamespace } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** What may change about the operator while pods are made: each of them comes out with a recorder. */
const cluster = sharedCluster();
const namespace = 'rotation';
const secretName = 'pgtape-webhook';
const dayMs = 24 * 3_600_000;
const port = 9443;

interface SecretObject {
  readonly data: Readonly<Record<string, string>>;
}

function decoded(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}

async function secret(): Promise<SecretObject> {
  return (await cluster.get<SecretObject>('secret', secretName, systemNamespace)) as SecretObject;
}

/** Another authority and certificate of it, both good and both past two thirds of their time: made 250 and 21 days ago. */
async function dueMaterial(): Promise<CertificateMaterial> {
  const now = new X509Certificate(decoded((await secret()).data['tls.crt']));
  const names = (now.subjectAltName ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
  const plan = { authority: 'pgtape-webhook', names, isBundlePublished: true };
  const old = await renewed(null, { ...plan, nowMs: Date.now() - 250 * dayMs });
  return await renewed(old, { ...plan, nowMs: Date.now() - 21 * dayMs });
}

async function write({ authorities, authorityKey, cert, key }: CertificateMaterial): Promise<void> {
  const text = { 'ca.crt': authorities.join(''), 'ca.key': authorityKey, 'tls.crt': cert, 'tls.key': key };
  const data = Object.fromEntries(
    Object.entries(text).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  );
  const patch = JSON.stringify({ data });
  await cluster.done(['-n', systemNamespace, 'patch', 'secret', secretName, '--type=merge', '-p', patch]);
}

/** Of the certificate that stands there now. */
async function served(host: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
    socket.setTimeout(5000, () => socket.destroy(new Error('it does not answer')));
  });
}

async function servedByAll(): Promise<string[]> {
  const labels = 'app.kubernetes.io/component=webhook';
  const pods = await cluster.list<PodObject>('pods', systemNamespace, '-l', labels);
  return await Promise.all(pods.map(async ({ status }) => await served(status.podIP)));
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
  await cluster.apply(namespaceObject(namespace));
  await cluster.apply({
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name: 'orders', namespace },
    spec: { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'default' },
  });
  const recdb = 'recordeddatabase/orders';
  await cluster.done(['-n', namespace, 'wait', recdb, '--for=condition=InjectorAvailable', '--timeout=60s']);
}, 200_000);

afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

it('while the authority and then the certificate are replaced, no pod comes out without a recorder', async () => {
  const due = await dueMaterial();
  const dueServed = new X509Certificate(due.cert).fingerprint256;
  await write(due);
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
  const { data } = await secret();
  const [newest] = decoded(data['ca.crt']).split(/(?<=-----END CERTIFICATE-----\n)/);
  const serving = new X509Certificate(decoded(data['tls.crt']));
  expect(serving.verify(new X509Certificate(newest as string).publicKey)).toBe(true);
  expect(newest).not.toBe(due.authorities[0]);
}, 240_000);

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
