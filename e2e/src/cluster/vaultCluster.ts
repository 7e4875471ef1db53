/** What tests of a vault in a cluster share: its own service account with what it may do, and tokens as the kubelet gets them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject, KubeObjects } from '@pgtape/kube';
import { serviceAccounts } from './clusterKinds.ts';
import type { ControlPlane } from './controlPlane.ts';

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: false } as const;
export const clusterRoles = { ...rbac, plural: 'clusterroles', kind: 'ClusterRole' };
export const clusterRoleBindings = { ...rbac, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding' };

export const vaultAudience = 'pgtape-vault';

export interface TokenOptions {
  readonly audiences?: readonly string[];
  readonly pod?: KubeObject;
  readonly namespace?: string;
  readonly account?: string;
}

/** TokenRequest, as the kubelet does it for a projected volume. */
export async function requestToken(plane: ControlPlane, options: TokenOptions): Promise<string> {
  const { audiences = [vaultAudience], pod, namespace = 'shop', account = 'default' } = options;
  const bound = pod && { kind: 'Pod', apiVersion: 'v1', name: pod.metadata.name, uid: pod.metadata.uid };
  const answer = (await plane.connection.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences, expirationSeconds: 600, ...(bound && { boundObjectRef: bound }) },
    },
  })) as { status: { token: string } };
  return answer.status.token;
}

/** The vault's service account in `pgtape-system`, which may do what the chart lets it. */
export async function makeVaultAccount(objects: KubeObjects): Promise<void> {
  const metadata = { name: 'pgtape-vault', namespace: 'pgtape-system' };
  await objects.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await objects.create(clusterRoles, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'pgtape-vault' },
    rules: [
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: ['pgtape.dev'], resources: ['recordingarchives'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['pgtape.dev'], resources: ['recordingarchives/status'], verbs: ['patch'] },
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['pgtape-published'],
        verbs: ['get', 'list', 'watch'],
      },
    ],
  });
  await objects.create(clusterRoleBindings, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'pgtape-vault' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'pgtape-vault' },
    subjects: [{ kind: 'ServiceAccount', ...metadata }],
  });
}

/** A kubeconfig of that account, or another, in `dir`. */
export async function vaultKubeconfig(
  plane: ControlPlane,
  server: URL,
  dir: string,
  { namespace, account } = { namespace: 'pgtape-system', account: 'pgtape-vault' },
): Promise<string> {
  const token = await requestToken(plane, {
    audiences: ['https://kubernetes.default.svc'],
    namespace,
    account,
  });
  const ca = Buffer.from(plane.ca).toString('base64');
  const path = join(dir, `kubeconfig-${account}-${server.port}`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: server.href, 'certificate-authority-data': ca } }],
    users: [{ name: 'vault', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'vault' } }],
    'current-context': 'c',
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
