/**
 * The guard over the configuration of recorders, on a real API server: nobody but the operator and Kubernetes itself changes or
 * deletes it, nobody else's ConfigMap is ever stopped, and a namespace can go.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeObject, KubeObjects } from '@pgtape/kube';
import { configGuard, resourceOf } from '@pgtape/operator';
import { makeNamespace } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { kubectlAt } from './kubectl.ts';

const operator = 'system:serviceaccount:pgtape-system:pgtape-controller';
const garbageCollector = 'system:serviceaccount:kube-system:generic-garbage-collector';
const namespaceController = 'system:serviceaccount:kube-system:namespace-controller';
let plane: ControlPlane;
let objects: KubeObjects;

/** `done` or `denied`; `as`: with an administrator's rights, under another name. */
function outcome(args: readonly string[], as?: string, input?: object): string {
  const who = as === undefined ? [] : [`--as=${as}`, '--as-group=system:masters'];
  const ran = kubectlAt(plane, [...args, ...who], input === undefined ? undefined : JSON.stringify(input));
  if (ran.status === 0) return 'done';
  return ran.err.includes('which the operator alone changes') ? 'denied' : ran.err;
}

const configMap = (namespace: string, name: string, annotations: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name, annotations },
  data: { 'recorder.yaml': '{}' },
});
const ours = { 'pgtape.dev/recorded-by': 'shop/orders' };
const changed = (namespace: string, name: string): string[] => [
  ...['-n', namespace, 'patch', 'configmap', name, '--type=merge'],
  ...['-p', `{"data":{"recorder.yaml":"${Math.random()}"}}`],
];
const deleted = (namespace: string, name: string): string[] => ['-n', namespace, 'delete', 'configmap', name];

beforeAll(async () => {
  plane = await startControlPlane();
  objects = new KubeObjects(plane.connection);
  for (const name of ['shop', 'other']) await makeNamespace(objects, name);
  for (const object of [
    configMap('shop', 'pgtape-orders', ours),
    configMap('shop', 'settings', {}),
    configMap('other', 'pgtape-orders', ours),
  ])
    await objects.create(resourceOf(object), object);
  const database = {
    namespace: 'shop',
    name: 'orders',
    matchLabels: { app: 'orders' },
    admission: 'Preferred',
    exec: 'Allow',
    breakGlassGroups: [],
  } as const;
  for (const object of configGuard(database, operator))
    await objects.apply(resourceOf(object), object, { fieldManager: 'pgtape-operator', force: true });
  // The API server takes a policy over within a second or two.
  for (const end = performance.now() + 30_000; performance.now() < end; await sleep(100))
    if (outcome([...changed('shop', 'pgtape-orders'), '--dry-run=server']) === 'denied') break;
}, 120_000);

afterAll(async () => {
  await plane?.stop();
}, 30_000);

describe('the guard over the configuration of recorders', () => {
  it.each([
    { name: 'a change by an administrator', args: changed('shop', 'pgtape-orders'), wanted: 'denied' },
    { name: 'its deletion', args: deleted('shop', 'pgtape-orders'), wanted: 'denied' },
    { name: 'the deletion of all', args: ['-n', 'shop', 'delete', 'configmap', '--all'], wanted: 'denied' },
    {
      name: 'a label on it',
      args: ['-n', 'shop', 'label', 'configmap', 'pgtape-orders', 'x=y'],
      wanted: 'denied',
    },
    {
      name: "taking its operator's mark away",
      args: ['-n', 'shop', 'annotate', 'configmap', 'pgtape-orders', 'pgtape.dev/recorded-by-'],
      wanted: 'denied',
    },
    { name: "the operator's change", args: changed('shop', 'pgtape-orders'), as: operator, wanted: 'done' },
    { name: 'the same in another namespace', args: changed('other', 'pgtape-orders'), wanted: 'done' },
    {
      name: 'reading it',
      args: ['-n', 'shop', 'get', 'configmap', 'pgtape-orders'],
      as: 'somebody',
      wanted: 'done',
    },
  ])('$name: $wanted', ({ args, as, wanted }) => {
    expect(outcome(args, as)).toBe(wanted);
  });

  it('leaves everything else alone, one of the same name that is not ours too', async () => {
    const settings = ['-n', 'shop', 'create', 'configmap', 'settings', '--from-literal=a=b'];
    // Deleted above, with all.
    expect(outcome(settings)).toBe('done');
    expect(outcome(changed('shop', 'settings'))).toBe('done');
    expect(outcome(deleted('shop', 'settings'))).toBe('done');
    expect(outcome(deleted('shop', 'pgtape-orders'), garbageCollector)).toBe('done');
    expect(outcome(['create', '-f', '-'], undefined, configMap('shop', 'pgtape-orders', {}))).toBe('done');
    expect(outcome(changed('shop', 'pgtape-orders'))).toBe('done');
    expect(outcome(deleted('shop', 'pgtape-orders'))).toBe('done');
  });

  it('lets a namespace go, and refuses the same request of anybody else', async () => {
    const object = configMap('shop', 'pgtape-orders', ours);
    await objects.create(resourceOf(object), object);
    const collection = ['delete', '--raw', '/api/v1/namespaces/shop/configmaps'];
    expect(outcome(collection)).toBe('denied');
    expect(outcome(collection, namespaceController)).toBe('done');
    expect(await objects.find(resourceOf(object), { namespace: 'shop', name: 'pgtape-orders' })).toBe(null);
  });
});
