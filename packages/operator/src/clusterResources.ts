/** How the API addresses the kinds that the operator reads and writes beside those of packages/kube. Decides nothing. */
import type { KubeObject, KubeResource } from '@pgtape/kube';
import { configMaps } from '@pgtape/kube';
import { API_GROUP, API_VERSION } from './crd.ts';

export { recordingArchives } from '@pgtape/kube';

const own = { group: API_GROUP, version: API_VERSION } as const;
const admission = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false } as const;
const core = { group: '', version: 'v1', namespaced: true } as const;

export const recordedDatabases: KubeResource = {
  ...own,
  plural: 'recordeddatabases',
  kind: 'RecordedDatabase',
  namespaced: true,
};
export const webhookConfigurations: KubeResource = {
  ...admission,
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
};
export const admissionPolicies: KubeResource = {
  ...admission,
  plural: 'validatingadmissionpolicies',
  kind: 'ValidatingAdmissionPolicy',
};
export const policyBindings: KubeResource = {
  ...admission,
  plural: 'validatingadmissionpolicybindings',
  kind: 'ValidatingAdmissionPolicyBinding',
};
export const networkServices: KubeResource = { ...core, plural: 'services', kind: 'Service' };
export const secrets: KubeResource = { ...core, plural: 'secrets', kind: 'Secret' };
export const clusterRoles: KubeResource = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterroles',
  kind: 'ClusterRole',
  namespaced: false,
};

/** Kinds of which the operator owns objects, bindings before what they bind: the order of removal. */
export const ownedKinds: readonly KubeResource[] = [
  webhookConfigurations,
  policyBindings,
  admissionPolicies,
  configMaps,
  networkServices,
];

/** @throws RangeError for a kind that the operator owns nothing of */
export function resourceOf({ kind }: Pick<KubeObject, 'kind'>): KubeResource {
  const resource = ownedKinds.find((one) => one.kind === kind);
  if (resource === undefined) throw new RangeError(`${kind} is no kind that the operator owns`);
  return resource;
}
