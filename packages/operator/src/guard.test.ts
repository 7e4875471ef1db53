import { requestOf, responseOf } from './admissionReview.ts';
import { celList, celString } from './celText.ts';
import type { ProtectedDatabase } from './clusterNames.ts';
import { admissionGuard, execGuard } from './guardPolicies.ts';
import { webhookConfiguration } from './webhookConfiguration.ts';

const database = (over: Partial<ProtectedDatabase> = {}): ProtectedDatabase => ({
  namespace: 'shop',
  name: 'orders',
  matchLabels: { app: 'orders' },
  admission: 'Preferred',
  exec: 'Allow',
  breakGlassGroups: [],
  ...over,
});

describe('celString', () => {
  it.each([
    ['plain', "'plain'"],
    ["it's", "'it\\'s'"],
    ['back\\slash', "'back\\\\slash'"],
    ['new\nline', "'new\\u000aline'"],
    ["' || true || '", "'\\' || true || \\''"],
    ['ä€😀', "'ä€😀'"],
  ])('%j is %s', (text, literal) => {
    expect(celString(text)).toBe(literal);
  });

  it('makes lists', () => {
    expect(celList([])).toBe('[]');
    expect(celList(['a', 'b'])).toBe("['a', 'b']");
  });
});

describe('admissionGuard', () => {
  it.each([
    { admission: 'Required', failurePolicy: 'Fail', actions: ['Deny'] },
    { admission: 'Preferred', failurePolicy: 'Ignore', actions: ['Warn', 'Audit'] },
  ] as const)(
    '$admission fails as $failurePolicy and does $actions',
    ({ admission, failurePolicy, actions }) => {
      const [policy, binding] = admissionGuard(database({ admission }));
      expect(policy?.spec).toMatchObject({ failurePolicy });
      expect(policy?.spec).not.toHaveProperty('paramKind');
      expect(binding?.spec).toEqual({
        policyName: 'pgtape.shop.orders',
        validationActions: actions,
        matchResources: {
          matchPolicy: 'Equivalent',
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
          objectSelector: {},
        },
      });
    },
  );
});

describe('execGuard', () => {
  it('is nothing where exec is allowed', () => {
    expect(execGuard(database(), ['orders-0'], { users: [] })).toEqual([]);
  });

  it('names the pods, sorted, and who is exempt', () => {
    const guarded = database({ exec: 'Deny', breakGlassGroups: ['dba-oncall'] });
    const [policy] = execGuard(guarded, ['orders-1', 'orders-0'], {
      users: ['system:serviceaccount:cnpg:op'],
    });
    expect(policy?.spec).toMatchObject({
      failurePolicy: 'Fail',
      matchConditions: [{ name: 'covered', expression: "request.name in ['orders-0', 'orders-1']" }],
    });
  });
});

describe('webhookConfiguration', () => {
  const plan = { client: { url: 'https://127.0.0.1:1' }, caBundle: 'PEM', ownServiceAccounts: [] };

  it('has an entry for each database and the canary, the same whatever their order', () => {
    const one = database({ admission: 'Required' });
    const two = database({ namespace: 'a', name: 'b' });
    const configuration = webhookConfiguration([one, two], plan);
    expect(configuration).toEqual(webhookConfiguration([two, one], plan));
    expect(
      (configuration.webhooks as { name: string; failurePolicy: string }[]).map(({ name, failurePolicy }) => [
        name,
        failurePolicy,
      ]),
    ).toEqual([
      ['b.a.pgtape.dev', 'Ignore'],
      ['orders.shop.pgtape.dev', 'Fail'],
      ['canary.pgtape.dev', 'Ignore'],
    ]);
  });

  it('goes with the ClusterRole of its release', () => {
    const { metadata } = webhookConfiguration([], { ...plan, owner: { name: 'pgtape', uid: 'u' } });
    expect(metadata.ownerReferences).toEqual([
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'pgtape', uid: 'u' },
    ]);
  });
});

describe('AdmissionReview', () => {
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', operation: 'CREATE', object: { kind: 'Pod' } },
  };

  it('is read', () => {
    expect(requestOf(review)).toEqual({ uid: 'u', operation: 'CREATE', object: { kind: 'Pod' } });
  });

  it.each([null, {}, { ...review, kind: 'Other' }, { ...review, request: {} }])('is refused: %j', (body) => {
    expect(() => requestOf(body)).toThrow();
  });

  it.each([
    [
      { patch: [], warnings: [], audit: {} },
      { uid: 'u', allowed: true },
    ],
    [
      {
        patch: [{ op: 'add' as const, path: '/a', value: 1 }],
        warnings: ['w'.repeat(300)],
        audit: { mode: 'Service' },
      },
      {
        uid: 'u',
        allowed: true,
        patchType: 'JSONPatch',
        patch: Buffer.from('[{"op":"add","path":"/a","value":1}]').toString('base64'),
        warnings: ['w'.repeat(256)],
        auditAnnotations: { mode: 'Service' },
      },
    ],
  ])('is answered', (answer, response) => {
    expect(responseOf('u', answer)).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response,
    });
  });
});
