/** Kinds of the Kubernetes API that `kubectl pgtape` reads beside those of packages/kube and the operator. Decides nothing. */
import type { KubeResource } from '@pgtape/kube';

const core = { group: '', version: 'v1' } as const;

export const nodes: KubeResource = { ...core, plural: 'nodes', kind: 'Node', namespaced: false };
export const limitRanges: KubeResource = {
  ...core,
  plural: 'limitranges',
  kind: 'LimitRange',
  namespaced: true,
};
export const resourceQuotas: KubeResource = {
  ...core,
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
};
export const networkPolicies: KubeResource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
  kind: 'NetworkPolicy',
  namespaced: true,
};
