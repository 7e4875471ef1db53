/**
 * What somebody may do to the operator's objects, how to see it, and what must stand there again. For the database
 * `shop/orders` of operator.test.ts.
 */
import { patch } from './kubectl.ts';

export interface Drift {
  readonly name: string;
  /** Arguments of kubectl. */
  readonly change: readonly string[];
  readonly look: readonly string[];
  readonly wanted: string;
}

/** Whom the guard over the configuration of recorders lets through. */
export const asKubernetes = ['--as=system:kube-controller-manager', '--as-group=system:masters'] as const;

export const drifts: readonly Drift[] = [
  {
    name: 'a condition added to the guard, which would lift it',
    change: patch(
      'validatingadmissionpolicy',
      'pgtape.shop.orders',
      'json',
      '[{"op":"add","path":"/spec/matchConditions/-","value":{"name":"never","expression":"false"}}]',
    ),
    look: [
      'get',
      'validatingadmissionpolicy',
      'pgtape.shop.orders',
      '-o',
      'jsonpath={.spec.matchConditions[*].name}',
    ],
    wanted: 'selected',
  },
  {
    name: 'a guard that only warns',
    change: patch(
      'validatingadmissionpolicybinding',
      'pgtape.shop.orders',
      'merge',
      '{"spec":{"validationActions":["Warn"]}}',
    ),
    look: [
      'get',
      'validatingadmissionpolicybinding',
      'pgtape.shop.orders',
      '-o',
      'jsonpath={.spec.validationActions}',
    ],
    wanted: '["Deny"]',
  },
  {
    name: 'an exception added to the binding',
    change: patch(
      'validatingadmissionpolicybinding',
      'pgtape.shop.orders',
      'merge',
      '{"spec":{"matchResources":{"excludeResourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["*"],"resources":["pods"]}]}}}',
    ),
    look: [
      'get',
      'validatingadmissionpolicybinding',
      'pgtape.shop.orders',
      '-o',
      'jsonpath={.spec.matchResources.excludeResourceRules}',
    ],
    wanted: '',
  },
  {
    name: 'a webhook added to ours',
    change: patch(
      'mutatingwebhookconfiguration',
      'pgtape-injector',
      'json',
      '[{"op":"add","path":"/webhooks/-","value":{"name":"x.example.org","admissionReviewVersions":["v1"],"sideEffects":"None","failurePolicy":"Ignore","clientConfig":{"url":"https://127.0.0.1:1/"}}}]',
    ),
    look: ['get', 'mutatingwebhookconfiguration', 'pgtape-injector', '-o', 'jsonpath={.webhooks[*].name}'],
    wanted: 'orders.shop.pgtape.dev canary.pgtape.dev',
  },
  {
    name: 'a file added to the configuration of recorders',
    change: [
      ...patch('configmap', 'pgtape-orders', 'merge', '{"data":{"more":"x"}}', 'shop'),
      ...asKubernetes,
    ],
    look: ['-n', 'shop', 'get', 'configmap', 'pgtape-orders', '-o', 'jsonpath={.data.more}'],
    wanted: '',
  },
  {
    name: 'a deleted guard',
    change: ['delete', 'validatingadmissionpolicy', 'pgtape.shop.orders'],
    look: ['get', 'validatingadmissionpolicy', 'pgtape.shop.orders', '-o', 'jsonpath={.spec.failurePolicy}'],
    wanted: 'Fail',
  },
  {
    name: 'another failure policy of the webhook',
    change: patch(
      'mutatingwebhookconfiguration',
      'pgtape-injector',
      'json',
      '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]',
    ),
    look: [
      'get',
      'mutatingwebhookconfiguration',
      'pgtape-injector',
      '-o',
      'jsonpath={.webhooks[0].failurePolicy}',
    ],
    wanted: 'Fail',
  },
  {
    name: 'a label taken off the webhook',
    change: ['label', 'mutatingwebhookconfiguration', 'pgtape-injector', 'app.kubernetes.io/managed-by-'],
    look: ['get', 'mutatingwebhookconfiguration', 'pgtape-injector', '-o', 'jsonpath={.metadata.labels}'],
    wanted: '{"app.kubernetes.io/managed-by":"pgtape-operator"}',
  },
  {
    name: 'a policy edited in the namespace',
    change: [
      ...patch('configmap', 'pgtape-orders', 'merge', '{"data":{"recorder.yaml":"{}"}}', 'shop'),
      ...asKubernetes,
    ],
    look: ['-n', 'shop', 'get', 'configmap', 'pgtape-orders', '-o', 'jsonpath={.data.recorder\\.yaml}'],
    wanted: expect.stringContaining('"name":"shop/orders"'),
  },
];
