/** How the Kubernetes processes of the test node are called, and the certificates they show each other. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authority, type Pair } from '../cluster/certificates.ts';
import { kubeconfigOf, kubernetesBinary } from '../cluster/controlPlane.ts';
import { type KubeletPair, type NodeFiles, nodeName } from './nodeConfig.ts';
import type { NodePlace } from './nodePlace.ts';

export const etcdUrl = 'http://127.0.0.1:2379';
export const apiPort = 6443;

export interface ClusterKeys {
  readonly authority: Authority;
  readonly serving: Pair;
  readonly kubelet: KubeletPair;
  readonly tokens: { readonly privateFile: string; readonly publicFile: string };
  /** Files, by who they are for. */
  readonly kubeconfigs: Readonly<
    Record<'admin' | 'controller-manager' | 'scheduler' | 'kubelet' | 'proxy', string>
  >;
}

const subjects = {
  admin: '/O=system:masters/CN=admin',
  'controller-manager': '/CN=system:kube-controller-manager',
  scheduler: '/CN=system:kube-scheduler',
  kubelet: `/O=system:nodes/CN=system:node:${nodeName}`,
  proxy: '/CN=system:kube-proxy',
} as const;

export function makeKeys({ dir, addresses }: NodePlace): ClusterKeys {
  const authority = new Authority(join(dir, 'etc', 'pki'));
  const names = [addresses.node, addresses.uplinkThere, addresses.kubernetesService, '127.0.0.1'].map(
    (ip) => `IP:${ip}`,
  );
  const serving = authority.issue('apiserver', '/CN=kube-apiserver', [
    'DNS:localhost',
    'DNS:kubernetes',
    'DNS:kubernetes.default',
    'DNS:kubernetes.default.svc',
    'DNS:kubernetes.default.svc.cluster.local',
    ...names,
  ]);
  const server = new URL(`https://${addresses.uplinkThere}:${apiPort}`);
  const pairs = Object.entries(subjects).map(([name, subject]) => {
    const pair = authority.issue(
      name,
      subject,
      name === 'kubelet' ? [`IP:${addresses.node}`, `DNS:${nodeName}`] : [],
    );
    const file = join(dir, 'etc', `${name}.kubeconfig`);
    const [cert, key] = [readFileSync(pair.certFile, 'utf8'), readFileSync(pair.keyFile, 'utf8')];
    writeFileSync(file, kubeconfigOf(server, authority.ca, cert, key), { mode: 0o600 });
    return [name, { pair, file }] as const;
  });
  const made = Object.fromEntries(pairs) as Record<keyof typeof subjects, { pair: Pair; file: string }>;
  return {
    authority,
    serving,
    kubelet: { ...made.kubelet.pair, caFile: authority.caFile },
    tokens: authority.signingKey(),
    kubeconfigs: {
      admin: made.admin.file,
      'controller-manager': made['controller-manager'].file,
      scheduler: made.scheduler.file,
      kubelet: made.kubelet.file,
      proxy: made.proxy.file,
    },
  };
}

export function etcdCommand(): string[] {
  const peer = 'http://127.0.0.1:2380';
  return [
    ...['etcd', '--data-dir', '/var/lib/etcd', '--unsafe-no-fsync'],
    ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
    ...[
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `default=${peer}`,
    ],
  ];
}

export function apiServerCommand(
  { dir, addresses }: NodePlace,
  { authority, serving, kubelet, tokens }: ClusterKeys,
): string[] {
  return [
    kubernetesBinary('kube-apiserver'),
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=0.0.0.0',
    `--advertise-address=${addresses.node}`,
    `--secure-port=${apiPort}`,
    `--tls-cert-file=${serving.certFile}`,
    `--tls-private-key-file=${serving.keyFile}`,
    `--client-ca-file=${authority.caFile}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${tokens.publicFile}`,
    `--service-account-signing-key-file=${tokens.privateFile}`,
    `--service-cluster-ip-range=${addresses.services}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--kubelet-client-certificate=${join(dir, 'etc', 'pki', 'admin.crt')}`,
    `--kubelet-client-key=${join(dir, 'etc', 'pki', 'admin.key')}`,
    `--kubelet-certificate-authority=${kubelet.caFile}`,
    '--kubelet-preferred-address-types=InternalIP',
  ];
}

export function controllerManagerCommand({ authority, tokens, kubeconfigs }: ClusterKeys): string[] {
  return [
    kubernetesBinary('kube-controller-manager'),
    `--kubeconfig=${kubeconfigs['controller-manager']}`,
    `--service-account-private-key-file=${tokens.privateFile}`,
    `--root-ca-file=${authority.caFile}`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
  ];
}

export function schedulerCommand({ kubeconfigs }: ClusterKeys): string[] {
  return [
    kubernetesBinary('kube-scheduler'),
    `--kubeconfig=${kubeconfigs.scheduler}`,
    '--leader-elect=false',
  ];
}

export function kubeletCommand(
  { addresses }: NodePlace,
  { kubeconfigs }: ClusterKeys,
  files: NodeFiles,
): string[] {
  return [
    kubernetesBinary('kubelet'),
    `--config=${files.kubelet}`,
    `--kubeconfig=${kubeconfigs.kubelet}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${addresses.node}`,
    '--root-dir=/var/lib/kubelet',
  ];
}

export function proxyCommand(files: NodeFiles): string[] {
  return [kubernetesBinary('kube-proxy'), `--config=${files.proxy}`];
}
