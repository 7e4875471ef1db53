/**
 * What injection makes of each shape of pod, held against a real API server: the patch is applied by it, the pod passes
 * Pod Security `restricted`, and its QoS class stays what it was.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KubeObject, KubeObjects, pods } from '@pgtape/kube';
import { inject, PodFacts, platformOf, RecordedDatabaseSpec } from '@pgtape/operator';
import { applyPatch } from '@pgtape/operator/testing';
import { makeNamespace, serviceAccounts } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';

const dir = join(import.meta.dirname, '../../../testdata/pods');
const shapes = readdirSync(dir)
  .filter((file) => /^[a-z-]+\.json$/.test(file) && file !== 'host-network.json')
  .sort();
let plane: ControlPlane;
let objects: KubeObjects;

beforeAll(async () => {
  plane = await startControlPlane();
  objects = new KubeObjects(plane.connection);
  await makeNamespace(objects, 'shop', { 'pod-security.kubernetes.io/enforce': 'restricted' });
  await makeNamespace(objects, 'net', { 'pod-security.kubernetes.io/enforce': 'privileged' });
  await makeAccounts('shop');
}, 120_000);

afterAll(async () => {
  await plane?.stop();
}, 30_000);

/** Those that pods of other operators run as, which these operators make. */
async function makeAccounts(namespace: string): Promise<void> {
  const names = shapes.map((file) => {
    const { spec } = JSON.parse(readFileSync(join(dir, file), 'utf8')) as { spec: Record<string, unknown> };
    return spec.serviceAccountName;
  });
  for (const name of new Set(names)) {
    if (typeof name !== 'string' || name === 'default') continue;
    const metadata = { name, namespace };
    await objects.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  }
}

const qosOf = ({ status }: KubeObject): unknown => (status as { qosClass?: string }).qosClass;

/** Creates the pod as it is, has the API server apply the patch to a copy of it, and creates that. */
async function injected(
  file: string,
  namespace: string,
  capture: object,
  podSecurity: 'privileged' | 'restricted',
): Promise<{ before: unknown; after: unknown; sidecar: unknown }> {
  const raw = JSON.parse(readFileSync(join(dir, file), 'utf8')) as KubeObject;
  const metadata = { ...raw.metadata, namespace };
  const container = file === 'crunchy.json' ? 'database' : 'postgres';
  const injection = inject(raw, {
    database: 'shop/orders',
    spec: RecordedDatabaseSpec.parse({
      selector: { matchLabels: { app: 'orders' } },
      archiveRef: 'audit',
      capture: { container, ...capture },
    }),
    image: `registry.example/pgtape@sha256:${'0'.repeat(64)}`,
    config: '{}',
    platform: platformOf(PodFacts.parse(raw), container),
    podSecurity,
    namedPort: file === 'crunchy.json' ? 'postgres' : null,
    minorVersion: 36,
  });
  if (injection.outcome !== 'patch') throw new Error(injection.reason);
  const plain = await objects.create(pods, { ...raw, metadata });
  await objects.delete(pods, { namespace, name: metadata.name }, plain.metadata.uid);
  const made = await objects.create(pods, applyPatch({ ...raw, metadata }, injection.patch) as KubeObject);
  await objects.delete(pods, { namespace, name: metadata.name }, made.metadata.uid);
  const { initContainers } = made.spec as { initContainers: { name: string; restartPolicy?: string }[] };
  const recorder = initContainers.find(({ name }) => name === 'pgtape-recorder');
  return { before: qosOf(plain), after: qosOf(made), sidecar: recorder?.restartPolicy };
}

describe('an injected pod', () => {
  it.each(shapes)('%s is admitted under Pod Security restricted and keeps its QoS class', async (file) => {
    const { before, after, sidecar } = await injected(file, 'shop', {}, 'restricted');
    expect({ qos: after, sidecar }).toEqual({ qos: before, sidecar: 'Always' });
  });

  it('with a redirect is admitted where NET_ADMIN is, and nowhere else', async () => {
    const { before, after } = await injected('plain.json', 'net', { mode: 'Redirect' }, 'privileged');
    expect(after).toBe(before);
    await expect(injected('plain.json', 'shop', { mode: 'Redirect' }, 'privileged')).rejects.toMatchObject({
      code: 'KUBE_FORBIDDEN',
      message: expect.stringContaining('pgtape-redirect'),
    });
  });
});
