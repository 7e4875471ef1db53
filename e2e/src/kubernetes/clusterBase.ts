/** Names in the test cluster, and volumes for claims: what a cluster has before anybody installs anything. */

import { nodeName } from './nodeConfig.ts';
import type { NodeAddresses } from './nodePlace.ts';

const volumes = 16;

/** Where the volumes lie; the node's own /var/lib. */
export const volumesDir = '/var/lib/volumes';
export const volumeNames: readonly string[] = Array.from(
  { length: volumes },
  (_, index) => `volume-${index}`,
);

/** CoreDNS at the address that the kubelet gives to pods. */
export function dnsObjects(image: string, { dnsService }: NodeAddresses): object[] {
  const labels = { 'k8s-app': 'dns' };
  const metadata = { name: 'dns', namespace: 'kube-system' };
  const corefile = '.:53 {\n  kubernetes cluster.local in-addr.arpa ip6.arpa\n  cache 5\n  ready :8181\n}\n';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'dns' },
      rules: [
        {
          apiGroups: [''],
          resources: ['services', 'endpoints', 'pods', 'namespaces'],
          verbs: ['list', 'watch'],
        },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'dns' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'dns' },
      subjects: [{ kind: 'ServiceAccount', name: 'dns', namespace: 'kube-system' }],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: corefile } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: 'dns',
            dnsPolicy: 'Default',
            terminationGracePeriodSeconds: 0,
            containers: [
              {
                name: 'coredns',
                image,
                imagePullPolicy: 'Never',
                args: ['-conf', '/etc/coredns/Corefile'],
                readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
                volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
              },
            ],
            volumes: [{ name: 'config', configMap: { name: 'dns' } }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        selector: labels,
        clusterIP: dnsService,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
        ],
      },
    },
  ];
}

/** A default class whose claims are bound to folders of the node, each once. */
export function volumeObjects(): object[] {
  const storageClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'folders', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
  const here = { key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] };
  return [
    storageClass,
    ...volumeNames.map((name) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        capacity: { storage: '100Gi' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: 'folders',
        local: { path: `${volumesDir}/${name}` },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      },
    })),
  ];
}
