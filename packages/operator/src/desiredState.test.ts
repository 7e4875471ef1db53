/** What must be there for what was observed, and which RecordedDatabases are not understood. */
import type { KubeObject } from '@pgtape/kube';
import { namedPortOf, podSecurityOf } from './clusterFacts.ts';
import { desiredObjects, type ObjectPlace } from './desiredObjects.ts';
import { isAsWanted } from './drift.ts';
import { keptFor, withAuthority } from './keptObjects.ts';
import { podCoverage } from './podCoverage.ts';
import { databaseOf } from './recordedCluster.testing.ts';
import { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { olderSelecting, selectorConflict } from './selectorConflicts.ts';

const webhook = {
  client: { url: 'https://127.0.0.1:1' },
  caBundle: 'ca',
  ownServiceAccounts: [],
  owner: { name: 'pgtape-operator', uid: 'uid-role' },
};
const settings = {
  vault: {
    endpointOf: (name: string) => (name === 'audit' ? 'https://vault:4317' : null),
    caOf: (name: string) => (name === 'other' ? 'other ca' : 'vault ca'),
    ca: 'vault ca',
  },
  exempt: { users: [] },
};
const desired = (
  databases: ReturnType<typeof databaseOf>[],
  minorVersion = 36,
  authority: ObjectPlace | null = null,
): KubeObject[] =>
  desiredObjects({
    databases,
    podNames: () => ['orders-0'],
    settings,
    services: [],
    authority,
    webhook,
    minorVersion,
    username: 'system:serviceaccount:pgtape-system:pgtape',
  });
const titles = (objects: readonly KubeObject[]): string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

const injector = 'MutatingWebhookConfiguration pgtape-injector';
const guard = [
  'ValidatingAdmissionPolicy pgtape.shop.orders',
  'ValidatingAdmissionPolicyBinding pgtape.shop.orders',
];
const configGuard = guard.map((title) => `${title}.config`);
const execGuard = guard.map((title) => `${title}.exec`);

describe('desiredObjects', () => {
  it.each([
    { name: 'nothing', databases: [], wanted: [injector] },
    {
      name: 'a database',
      databases: [databaseOf()],
      wanted: ['ConfigMap pgtape-orders', injector, ...guard, ...configGuard],
    },
    {
      name: 'one that nobody may enter',
      databases: [databaseOf({ spec: { enforcement: { exec: 'Deny' } } })],
      wanted: ['ConfigMap pgtape-orders', injector, ...guard, ...configGuard, ...execGuard],
    },
    { name: 'an invalid one', databases: [databaseOf({ spec: { archiveRef: 7 } })], wanted: [injector] },
    {
      name: 'an unmanaged one',
      databases: [databaseOf({ spec: { managementState: 'Unmanaged' } })],
      wanted: [injector],
    },
  ])('of $name', ({ databases, wanted }) => {
    expect(titles(desired(databases))).toEqual(wanted);
  });

  it('has no guard on a cluster that knows none', () => {
    expect(titles(desired([databaseOf()], 29))).toEqual(['ConfigMap pgtape-orders', injector]);
  });

  it('gives everything cluster-wide to the role of the release, and the configuration to its database', () => {
    const owners = desired([databaseOf()]).map(({ metadata }) => metadata.ownerReferences);
    const role = [
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        name: 'pgtape-operator',
        uid: 'uid-role',
      },
    ];
    const database = [
      { apiVersion: 'pgtape.dev/v1alpha1', kind: 'RecordedDatabase', name: 'orders', uid: 'uid-orders' },
    ];
    expect(owners).toEqual([database, role, role, role, role, role]);
  });
});

describe('what vaults are known by', () => {
  const caOf = ({ data }: KubeObject): unknown => (data as Record<string, unknown> | undefined)?.['ca.crt'];

  it("is in recorders' ConfigMaps that of their archive, and for people that of the release", () => {
    const databases = [databaseOf(), databaseOf({ name: 'tills', spec: { archiveRef: 'other' } })];
    const place = { namespace: 'pgtape-system', name: 'pgtape-vault-ca' };
    const found = desired(databases, 36, place).filter(({ kind }) => kind === 'ConfigMap');
    expect(found.map((object) => [object.metadata.name, caOf(object)])).toEqual([
      ['pgtape-orders', 'vault ca'],
      ['pgtape-tills', 'other ca'],
      ['pgtape-vault-ca', 'vault ca'],
    ]);
    expect(Object.keys(found[2]?.data as object)).toEqual(['ca.crt']);
  });

  it('is renewed, and nothing else, where nothing else is acted on', () => {
    const [lying] = desired([databaseOf()]) as [KubeObject];
    const old = { ...lying, data: { 'recorder.yaml': 'as it was', 'ca.crt': 'old' } };
    const renewed = (spec: object, object = old): unknown => {
      const database = databaseOf({ spec });
      const kept = keptFor(object, [database]);
      return kept === undefined ? 'not kept' : (withAuthority(object, kept, settings)?.data ?? 'as it is');
    };
    const expected = { 'recorder.yaml': 'as it was', 'ca.crt': 'vault ca' };
    expect([
      renewed({ managementState: 'Unmanaged' }),
      renewed({ exec: 'what is that' }),
      renewed({ archiveRef: 7 }),
      renewed({}),
      renewed(
        { managementState: 'Unmanaged' },
        { ...old, kind: 'Service', metadata: { ...old.metadata, name: 'orders-recorded' } },
      ),
    ]).toEqual([expected, expected, 'as it is', 'not kept', 'as it is']);
    const database = databaseOf({ spec: { managementState: 'Unmanaged' } });
    const again = withAuthority(lying, database, settings) as KubeObject;
    expect(isAsWanted(lying, again)).toBe(true);
  });
});

describe('databaseFacts', () => {
  it.each([
    { spec: {}, problem: '' },
    {
      name: 'or.ders',
      spec: {},
      problem: "metadata.name: 'or.ders' is no DNS label of at most 63 characters",
    },
    {
      spec: { selector: { matchLabels: { 'no label!': 'x' } } },
      problem: "selector.matchLabels: 'no label!' is no name of a label",
    },
    {
      spec: { selector: { matchLabels: { app: '-x' } } },
      problem: "selector.matchLabels: '-x' is no value of a label",
    },
    {
      spec: { capture: { rawPeers: ['10.0.0.0/33'] } },
      problem: "capture.rawPeers: '10.0.0.0/33' is no network",
    },
    { spec: { capture: { rawPeers: ['fd00::/8', '10.1.2.3'] } }, problem: '' },
    { spec: { recorder: { image: 'a b' } }, problem: 'recorder.image has a space in it' },
    {
      spec: { recorder: { requests: { cpu: 'much' } } },
      problem: "recorder.requests.cpu: 'much' is no quantity",
    },
    {
      spec: { recorder: { requests: { cpu: '2' }, limits: { cpu: '500m' } } },
      problem: 'recorder.requests.cpu is over recorder.limits.cpu',
    },
    {
      spec: { recorder: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } },
      problem: 'recorder.requests.memory is over recorder.limits.memory',
    },
    {
      spec: { capture: { mode: 'PortSwap' } },
      problem: expect.stringMatching(/^capture\.mode: Invalid option/),
    },
  ])('$spec: $problem', ({ name = 'orders', spec, problem }) => {
    const facts = databaseOf({ name, spec });
    expect({ problem: facts.problem, isRead: facts.spec !== null }).toEqual({
      problem,
      isRead: problem === '',
    });
  });
});

describe('selectorConflict', () => {
  const older = databaseOf();
  const younger = (labels: object) =>
    databaseOf({
      name: 'second',
      createdAt: '2026-11-02T00:00:00Z',
      spec: { selector: { matchLabels: labels } },
    });
  const both = [{ name: 'orders-0', labels: { app: 'orders', tier: 'db' } }];
  it.each([
    {
      name: 'the same labels',
      labels: { app: 'orders' },
      pods: [],
      wanted: { with: 'shop/orders', pods: [] },
    },
    {
      name: 'more labels',
      labels: { app: 'orders', tier: 'db' },
      pods: [],
      wanted: { with: 'shop/orders', pods: [] },
    },
    { name: 'others', labels: { tier: 'db' }, pods: [], wanted: null },
    {
      name: 'others, and a pod of both',
      labels: { tier: 'db' },
      pods: both,
      wanted: { with: 'shop/orders', pods: ['orders-0'] },
    },
  ])('$name', ({ labels, pods, wanted }) => {
    const second = younger(labels);
    expect(selectorConflict(second, [older, second], pods)).toEqual(wanted);
    expect(selectorConflict(older, [older, second], pods)).toBeNull();
  });

  it('leaves a pod of both to the older, in its namespace only', () => {
    const second = younger({ tier: 'db' });
    const elsewhere = databaseOf({ namespace: 'other' });
    const of = (database: typeof older) =>
      olderSelecting(database, [elsewhere, second, older], { app: 'orders', tier: 'db' }).map(
        ({ key }) => key,
      );
    expect([of(second), of(older)]).toEqual([['shop/orders'], []]);
  });
});

describe('isAsWanted', () => {
  const [, configuration, policy] = desired([databaseOf()]) as [KubeObject, KubeObject, KubeObject];
  const spec = policy.spec as { matchConditions: object[] };
  it.each([
    { name: 'the same', live: policy, wanted: true },
    {
      name: 'with what the API server adds',
      live: { ...policy, metadata: { ...policy.metadata, uid: 'u', resourceVersion: '7' }, status: {} },
      wanted: true,
    },
    {
      name: 'a condition more',
      live: {
        ...policy,
        spec: { ...spec, matchConditions: [...spec.matchConditions, { name: 'x', expression: 'false' }] },
      },
      wanted: false,
    },
    { name: 'no label', live: { ...policy, metadata: { ...policy.metadata, labels: {} } }, wanted: false },
    {
      name: 'no owner',
      live: { ...policy, metadata: { ...policy.metadata, ownerReferences: [] } },
      wanted: false,
    },
  ])('$name', ({ live, wanted }) => {
    expect(isAsWanted(live as KubeObject, policy)).toBe(wanted);
  });

  it("lets a platform's own expressions in a webhook's selector be", () => {
    const webhooks = (configuration.webhooks as { namespaceSelector: object }[]).map((entry) => ({
      ...entry,
      namespaceSelector: {
        ...entry.namespaceSelector,
        matchExpressions: [{ key: 'control-plane', operator: 'DoesNotExist' }],
      },
    }));
    expect(isAsWanted({ ...configuration, webhooks }, configuration)).toBe(true);
    expect(isAsWanted({ ...configuration, webhooks: webhooks.slice(1) }, configuration)).toBe(false);
  });
});

describe('namedPortOf', () => {
  const service = (
    ports: object[],
    selector: object = { app: 'orders' },
    namespace = 'shop',
  ): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace },
    spec: { selector, ports },
  });
  const named = service([{ port: 5432, targetPort: 'postgres' }]);
  it.each([
    { name: 'no Service', services: [], wanted: null },
    { name: 'a name', services: [named], wanted: 'postgres' },
    { name: 'a number', services: [service([{ port: 5432, targetPort: 5432 }])], wanted: null },
    {
      name: 'a name and a number',
      services: [named, service([{ port: 5432, targetPort: 5432 }])],
      wanted: null,
    },
    { name: 'two names', services: [named, service([{ port: 5432, targetPort: 'pg' }])], wanted: null },
    {
      name: 'another namespace',
      services: [service([{ port: 5432, targetPort: 'pg' }], { app: 'orders' }, 'x')],
      wanted: null,
    },
    {
      name: 'other pods',
      services: [service([{ port: 5432, targetPort: 'pg' }], { app: 'x' })],
      wanted: null,
    },
    { name: 'no selector', services: [service([{ port: 5432, targetPort: 'pg' }], {})], wanted: null },
    {
      name: 'metrics beside it',
      services: [
        service([
          { port: 5432, targetPort: 'pg' },
          { port: 9187, targetPort: 'metrics' },
        ]),
      ],
      wanted: 'pg',
    },
    {
      name: 'its own number for clients',
      services: [service([{ port: 15432, targetPort: 'pg' }])],
      wanted: 'pg',
    },
  ])('$name', ({ services, wanted }) => {
    expect(namedPortOf(services, 'shop', { app: 'orders' }, 5432)).toBe(wanted);
  });
});

describe('podSecurityOf', () => {
  it.each([
    [undefined, 'privileged'],
    [{}, 'privileged'],
    [{ 'pod-security.kubernetes.io/enforce': 'baseline' }, 'baseline'],
    [{ 'pod-security.kubernetes.io/enforce': 'restricted' }, 'restricted'],
  ])('%j: %s', (labels, wanted) => {
    const metadata = {
      name: 'shop',
      ...(labels === undefined ? {} : { labels: labels as Record<string, string> }),
    };
    expect(podSecurityOf({ apiVersion: 'v1', kind: 'Namespace', metadata })).toBe(wanted);
  });
});

describe('podCoverage', () => {
  const spec = RecordedDatabaseSpec.parse({
    selector: { matchLabels: { app: 'orders' } },
    archiveRef: 'audit',
  });
  const pod = (more: {
    labels?: object;
    owner?: object;
    recorder?: object;
    by?: string;
    status?: object;
  }): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'orders-0',
      namespace: 'shop',
      uid: 'u',
      labels: { app: 'orders', ...more.labels },
      ...(more.by === undefined
        ? {}
        : { annotations: { 'pgtape.dev/recorded-by': more.by, 'pgtape.dev/config-hash': 'h' } }),
      ...(more.owner === undefined ? {} : { ownerReferences: [more.owner] }),
    },
    spec: {
      containers: [{ name: 'postgres' }],
      ...(more.recorder === undefined ? {} : { initContainers: [more.recorder] }),
    },
    ...(more.status === undefined ? {} : { status: more.status }),
  });
  const recorder = { name: 'pgtape-recorder', restartPolicy: 'Always', image: 'i' };

  it.each([
    { name: 'recorded', more: { recorder, by: 'shop/orders' }, wanted: true },
    { name: 'recorded by another', more: { recorder, by: 'shop/other' }, wanted: false },
    { name: 'only annotated', more: { by: 'shop/orders' }, wanted: false },
    {
      name: 'a container of that name that is no sidecar',
      more: { recorder: { name: 'pgtape-recorder' }, by: 'shop/orders' },
      wanted: false,
    },
    { name: 'over', more: { status: { phase: 'Succeeded' } }, wanted: undefined },
  ])('$name: $wanted', ({ more, wanted }) => {
    expect(podCoverage(pod(more), 'shop/orders', spec)?.injected).toBe(wanted);
  });

  it.each([
    [
      { owner: { kind: 'StatefulSet', name: 'orders' } },
      'kubectl rollout restart -n shop statefulset/orders',
    ],
    [
      { owner: { kind: 'ReplicaSet', name: 'orders-5d4f' } },
      'kubectl rollout restart -n shop deployment/orders',
    ],
    [{ owner: { kind: 'Job', name: 'x' } }, 'kubectl delete pod -n shop orders-0'],
    [{}, 'kubectl replace --force -n shop -f FILE_OF_POD_orders-0'],
    [{ labels: { 'cnpg.io/cluster': 'pg' } }, 'kubectl cnpg restart -n shop pg'],
    [
      { labels: { application: 'spilo' } },
      'kubectl annotate pod -n shop orders-0 zalando-postgres-operator-rolling-update-required=true',
    ],
    [
      { labels: { 'postgres-operator.crunchydata.com/cluster': 'hippo' } },
      expect.stringMatching(/^kubectl patch postgrescluster -n shop hippo --type merge -p /),
    ],
  ])('%j is restarted by its owner', (more, wanted) => {
    expect(podCoverage(pod(more), 'shop/orders', spec)?.restart).toEqual(wanted);
  });
});
