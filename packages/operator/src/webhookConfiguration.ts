/**
 * Owns the MutatingWebhookConfiguration: one entry for each RecordedDatabase, so that an entry that must not fail reaches
 * nobody else's pods, and one for the canary. Pure.
 */
import type { KubeObject } from '@pgtape/kube';
import { celString } from './celText.ts';
import { CANARY_LABEL, managedBy, type ProtectedDatabase } from './clusterNames.ts';

export const WEBHOOK_CONFIGURATION = 'pgtape-injector';

/** How the API server reaches the webhook: a Service in a cluster, a URL elsewhere. */
export type WebhookClient =
  | { readonly service: { readonly namespace: string; readonly name: string; readonly port: number } }
  | { readonly url: string };

export interface WebhookPlan {
  readonly client: WebhookClient;
  /** PEM; more than one certificate while authorities change. */
  readonly caBundle: string;
  /** `system:serviceaccount:...` of pgtape's own pods, which are never injected. */
  readonly ownServiceAccounts: readonly { readonly namespace: string; readonly name: string }[];
  /** The ClusterRole that goes with the release: what it owns goes too, so that nothing of ours blocks pods after it. */
  readonly owner?: { readonly name: string; readonly uid: string };
}

/** An answer that takes longer counts as none. */
const timeoutSeconds = 5;

function clientConfig(plan: WebhookPlan, path: string): Record<string, unknown> {
  const caBundle = Buffer.from(plan.caBundle).toString('base64');
  const { client } = plan;
  if ('url' in client) return { caBundle, url: `${client.url}${path}` };
  return { caBundle, service: { ...client.service, path } };
}

function conditions({ ownServiceAccounts }: WebhookPlan): { name: string; expression: string }[] {
  const own = ownServiceAccounts.map(
    ({ namespace, name }) =>
      `(request.namespace == ${celString(namespace)} && has(object.spec.serviceAccountName) && ` +
      `object.spec.serviceAccountName == ${celString(name)})`,
  );
  return [
    {
      name: 'not-a-mirror-pod',
      expression:
        "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)",
    },
    ...(own.length === 0 ? [] : [{ name: 'not-our-own', expression: `!(${own.join(' || ')})` }]),
  ];
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly failurePolicy: 'Fail' | 'Ignore';
  readonly namespaceSelector?: object;
  readonly objectSelector: object;
}

function entry(plan: WebhookPlan, one: Entry): Record<string, unknown> {
  const { name, path, failurePolicy, namespaceSelector, objectSelector } = one;
  return {
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig(plan, path),
    failurePolicy,
    matchPolicy: 'Equivalent',
    // The API server's default, written out, so that an object can be compared whole with what it should be.
    namespaceSelector: namespaceSelector ?? {},
    objectSelector,
    // Another webhook may add what changes the injection, or remove it.
    reinvocationPolicy: 'IfNeeded',
    rules: [
      {
        apiGroups: [''],
        apiVersions: ['v1'],
        operations: ['CREATE'],
        resources: ['pods'],
        scope: 'Namespaced',
      },
    ],
    matchConditions: conditions(plan),
    sideEffects: 'None',
    timeoutSeconds,
  };
}

/** In the order of namespace and name, so that the same databases give the same object. */
export function webhookConfiguration(databases: readonly ProtectedDatabase[], plan: WebhookPlan): KubeObject {
  const sorted = [...databases].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const entries = sorted.map(({ namespace, name, matchLabels, admission }) =>
    entry(plan, {
      name: `${name}.${namespace}.pgtape.dev`,
      path: `/inject/${namespace}/${name}`,
      failurePolicy: admission === 'Required' ? 'Fail' : 'Ignore',
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      objectSelector: { matchLabels },
    }),
  );
  const canary = entry(plan, {
    name: 'canary.pgtape.dev',
    path: '/inject-canary',
    failurePolicy: 'Ignore',
    objectSelector: { matchLabels: { [CANARY_LABEL]: 'true' } },
  });
  const configuration = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: WEBHOOK_CONFIGURATION, labels: managedBy },
    webhooks: [...entries, canary],
  };
  return withOwner(configuration, plan);
}

/** What is cluster-wide goes with the release's ClusterRole, where there is one. */
export function withOwner(object: KubeObject, { owner }: Pick<WebhookPlan, 'owner'>): KubeObject {
  if (owner === undefined) return object;
  const ownerReferences = [{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', ...owner }];
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

const keyOf = ({ namespace, name }: ProtectedDatabase): string => `${namespace}/${name}`;
