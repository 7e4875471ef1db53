/** Kinds that only tests read and write, and what a namespace needs before pods are admitted to it. */
import { type KubeObjects, type KubeResource, namespaces } from '@pgtape/kube';

export const serviceAccounts: KubeResource = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};
export const customResourceDefinitions: KubeResource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** With the service account that a controller makes where there are controllers; without it no pod is admitted. */
export async function makeNamespace(
  objects: KubeObjects,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  await objects.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  const metadata = { name: 'default', namespace: name };
  await objects.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
}
