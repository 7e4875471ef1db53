/**
 * Webhook and guard on a real API server: covered pods come out recorded or are refused as the RecordedDatabase says, and
 * nobody else's pod is ever stopped, whatever of ours is missing.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError, type KubeObject, KubeObjects, pods } from '@pgtape/kube';
import {
  type AdmissionAnswer,
  admissionGuard,
  admissionPolicies,
  customResourceDefinitions,
  execGuard,
  inject,
  PodFacts,
  type ProtectedDatabase,
  platformOf,
  policyBindings,
  RecordedDatabaseSpec,
  resourceOf,
  startWebhookServer,
  type WebhookServer,
  webhookConfiguration,
  webhookConfigurations,
} from '@pgtape/operator';
import { Authority } from './certificates.ts';
import { customResourceDefinitions as customResourceDefinitionKind, makeNamespace } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';

const plain = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../testdata/pods/plain.json'), 'utf8'),
) as KubeObject;

let plane: ControlPlane;
let objects: KubeObjects;
let webhook: WebhookServer;
let authority: Authority;
let pki: string;
const asked: string[] = [];
const failures: string[] = [];

function answerTo(path: string, pod: unknown): AdmissionAnswer {
  const container = 'postgres';
  const injection = inject(pod, {
    database: path.replace('/inject/', ''),
    spec: RecordedDatabaseSpec.parse({ selector: { matchLabels: { app: 'orders' } }, archiveRef: 'audit' }),
    image: `registry.example/pgtape@sha256:${'0'.repeat(64)}`,
    config: '{}',
    platform: platformOf(PodFacts.parse(pod), container),
    podSecurity: 'restricted',
    namedPort: null,
    minorVersion: 36,
  });
  if (injection.outcome === 'skip') return { patch: [], warnings: [injection.reason], audit: {} };
  return { patch: injection.patch, warnings: [], audit: { mode: injection.mode } };
}

beforeAll(async () => {
  plane = await startControlPlane();
  objects = new KubeObjects(plane.connection);
  for (const name of ['shop', 'soft', 'other']) await makeNamespace(objects, name);
  pki = mkdtempSync(join(tmpdir(), 'pgtape-webhook-'));
  authority = new Authority(pki);
  webhook = await startWebhookServer({
    host: '127.0.0.1',
    port: 0,
    pair: pairOf('first'),
    decide: async (path, request) => {
      asked.push(path);
      return answerTo(path, request.object);
    },
    failed: (error) => failures.push(error.message),
  });
}, 120_000);

afterAll(async () => {
  await webhook?.close();
  await plane?.stop();
  if (pki !== undefined) rmSync(pki, { recursive: true, force: true });
}, 30_000);

function pairOf(name: string): { cert: string; key: string } {
  const { certFile, keyFile } = authority.issue(name, `/CN=${name}`, ['IP:127.0.0.1']);
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

const required: ProtectedDatabase = {
  namespace: 'shop',
  name: 'orders',
  matchLabels: { app: 'orders' },
  admission: 'Required',
  exec: 'Deny',
  breakGlassGroups: ['dba-oncall'],
};
const preferred: ProtectedDatabase = {
  ...required,
  namespace: 'soft',
  admission: 'Preferred',
  exec: 'Allow',
};
const options = { fieldManager: 'pgtape-operator', force: true };

async function applyGuards(): Promise<void> {
  const all = [
    ...admissionGuard(required),
    ...admissionGuard(preferred),
    ...execGuard(required, ['orders-0'], { users: [] }),
  ];
  for (const object of all) await objects.apply(resourceOf(object), object, options);
}

async function applyWebhook(): Promise<void> {
  const plan = {
    client: { url: `https://127.0.0.1:${webhook.port}` },
    caBundle: authority.ca,
    ownServiceAccounts: [{ namespace: 'shop', name: 'pgtape-vault' }],
  };
  await objects.apply(webhookConfigurations, webhookConfiguration([required, preferred], plan), options);
}

const podIn = (
  namespace: string,
  labels: Record<string, string> = { app: 'orders' },
  spec: object = {},
): KubeObject => ({
  ...plain,
  metadata: { name: 'orders-0', namespace, labels },
  spec: { ...(plain.spec as object), ...spec },
});

/** `recorded`, `bare` or the error's code, of a pod made as a dry run. */
async function made(pod: KubeObject): Promise<string> {
  try {
    const { spec } = await objects.create(pods, pod, { dryRun: true });
    const { initContainers = [] } = spec as { initContainers?: { name: string }[] };
    return initContainers.some(({ name }) => name === 'pgtape-recorder') ? 'recorded' : 'bare';
  } catch (error) {
    return error instanceof KubeError ? error.code : String(error);
  }
}

/** Policies and webhooks act a moment after they are written. */
async function becomes(pod: KubeObject, outcome: string): Promise<void> {
  let last = '';
  for (let waited = 0; waited < 15_000; waited += 100) {
    last = await made(pod);
    if (last === outcome) return;
    await sleep(100);
  }
  expect(last).toBe(outcome);
}

describe('guard and webhook', () => {
  it('let every pod in before there is anything', async () => {
    expect(await made(podIn('shop'))).toBe('bare');
  });

  it('guard alone: Required refuses a bare covered pod, Preferred warns, others are free', async () => {
    await applyGuards();
    await becomes(podIn('shop'), 'KUBE_FORBIDDEN');
    expect(await made(podIn('soft'))).toBe('bare');
    expect(await made(podIn('other'))).toBe('bare');
    expect(await made(podIn('shop', { app: 'web' }))).toBe('bare');
    const { labels: _, ...metadata } = podIn('shop').metadata;
    expect(await made({ ...podIn('shop'), metadata })).toBe('bare');
  }, 60_000);

  it('tell who makes the pod what is missing', async () => {
    const error = await objects
      .create(pods, podIn('shop'), { dryRun: true })
      .catch((failure: unknown) => failure);
    expect(error).toMatchObject({
      code: 'KUBE_FORBIDDEN',
      message: expect.stringContaining('must be recorded (RecordedDatabase shop/orders)'),
    });
  });

  it('with the webhook covered pods come out recorded, others untouched, our own too', async () => {
    await applyWebhook();
    await becomes(podIn('shop'), 'recorded');
    expect(await made(podIn('soft'))).toBe('recorded');
    expect(await made(podIn('other'))).toBe('bare');
    expect(await made(podIn('shop', { app: 'web' }))).toBe('bare');
    asked.length = 0;
    const vault = await made(podIn('shop', { app: 'orders' }, { serviceAccountName: 'pgtape-vault' }));
    expect({ vault, asked }).toEqual({ vault: 'KUBE_FORBIDDEN', asked: [] });
    expect(failures).toEqual([]);
  }, 60_000);

  it('go on while certificates are rotated during pod creation', async () => {
    const outcomes = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      if (round % 5 === 2) webhook.replacePair(pairOf(`round-${round}`));
      outcomes.add(await made(podIn('shop')));
    }
    expect([...outcomes]).toEqual(['recorded']);
  }, 60_000);

  it('without a webhook: Required lets no bare pod in, Preferred does, nobody else notices', async () => {
    await webhook.close();
    await becomes(podIn('shop'), 'KUBE_SERVER');
    expect(await made(podIn('soft'))).toBe('bare');
    expect(await made(podIn('other'))).toBe('bare');
    expect(await made(podIn('shop', { app: 'web' }))).toBe('bare');
  }, 60_000);

  it('stop nobody after the CRDs are gone and the API server was restarted', async () => {
    for (const definition of customResourceDefinitions().values())
      await objects.apply(customResourceDefinitionKind, definition as unknown as KubeObject, options);
    for (const { metadata } of customResourceDefinitions().values() as unknown as Iterable<KubeObject>)
      await objects.delete(customResourceDefinitionKind, { name: metadata.name });
    await plane.restartApiServer();
    expect(await made(podIn('other'))).toBe('bare');
    expect(await made(podIn('shop', { app: 'web' }))).toBe('bare');
    await becomes(podIn('soft'), 'bare');
    expect(await made(podIn('shop'))).toMatch(/^KUBE_(SERVER|FORBIDDEN)$/);
  }, 120_000);

  it('leave nothing that blocks pods when what the operator owns is removed', async () => {
    await objects.delete(webhookConfigurations, { name: 'pgtape-injector' });
    for (const title of ['pgtape.shop.orders', 'pgtape.soft.orders', 'pgtape.shop.orders.exec']) {
      await objects.delete(policyBindings, { name: title });
      await objects.delete(admissionPolicies, { name: title });
    }
    await becomes(podIn('shop'), 'bare');
  }, 60_000);
});

describe('exec guard', () => {
  const exec = async (user: string, groups: readonly string[], pod: string): Promise<string> => {
    const query = new URLSearchParams({ command: 'true', stdout: 'true' });
    const { ca, cert, key } = await plane.admin.credentials(false);

    return await new Promise((resolve, reject) => {
      const headers = {
        'impersonate-user': user,
        'impersonate-group': groups as string[],
        connection: 'Upgrade',
        upgrade: 'SPDY/3.1',
        'x-stream-protocol-version': 'v4.channel.k8s.io',
      };
      const sent = request(
        {
          host: '127.0.0.1',
          port: plane.server.port,
          method: 'POST',
          path: `/api/v1/namespaces/shop/pods/${pod}/exec?${query.toString()}`,
          ca,
          cert,
          key,
          headers,
        },
        (answer) => {
          let text = '';
          answer.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          answer.on('end', () =>
            resolve(text.includes('are not entered') ? 'refused by the guard' : 'let through'),
          );
        },
      );
      sent.once('error', reject);
      sent.end();
    });
  };

  it('refuses everybody but break-glass groups and kube-system, in covered pods only', async () => {
    for (const object of execGuard(required, ['orders-0'], { users: ['system:serviceaccount:cnpg:op'] }))
      await objects.apply(resourceOf(object), object, options);
    for (const name of ['orders-0', 'web-0'])
      await objects.create(pods, { ...podIn('shop'), metadata: { name, namespace: 'shop' } });
    const admin = ['system:masters'];
    for (let waited = 0; waited < 15_000; waited += 200) {
      if ((await exec('jane', admin, 'orders-0')) === 'refused by the guard') break;
      await sleep(200);
    }
    const outcomes = {
      jane: await exec('jane', admin, 'orders-0'),
      'jane elsewhere': await exec('jane', admin, 'web-0'),
      'on call': await exec('joe', [...admin, 'dba-oncall'], 'orders-0'),
      operator: await exec('system:serviceaccount:cnpg:op', admin, 'orders-0'),
      'kube-system': await exec('system:serviceaccount:kube-system:x', admin, 'orders-0'),
    };
    expect(outcomes).toEqual({
      jane: 'refused by the guard',
      'jane elsewhere': 'let through',
      'on call': 'let through',
      operator: 'let through',
      'kube-system': 'let through',
    });
  }, 60_000);
});
