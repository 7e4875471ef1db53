/**
 * A real etcd and a real kube-apiserver on free loopback ports, in a directory of their own: what everything that speaks
 * to the Kubernetes API is tested against. No controllers, no kubelet.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeAccess, KubeConnection, type KubeCredentials } from '@pgtape/kube';
import { freePort } from '@pgtape/testkit';
import { Authority } from './certificates.ts';

export interface ControlPlane {
  readonly server: URL;
  readonly ca: string;
  /** PEM of the API server's own pair, for a hop that stands in its place. */
  readonly serving: { readonly cert: string; readonly key: string };
  /** A cluster administrator. */
  readonly admin: KubeAccess;
  readonly connection: KubeConnection;
  /** The same administrator, for kubectl. */
  readonly kubeconfig: string;
  readonly etcdUrl: string;
  restartApiServer(): Promise<void>;
  stop(): Promise<void>;
}

/** The folder with kube-apiserver and kubectl that scripts/e2e-cluster built. */
export function kubernetesBinary(name: string): string {
  const dir = process.env.PGTAPE_E2E_KUBERNETES;
  if (dir === undefined) throw new Error('PGTAPE_E2E_KUBERNETES names no folder: run scripts/e2e-cluster');
  return join(dir, name);
}

interface Running {
  readonly child: ChildProcess;
  readonly logFile: string;
  readonly ended: Promise<void>;
}

function start(dir: string, name: string, command: string, args: readonly string[]): Running {
  const logFile = join(dir, `${name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return { child, logFile, ended };
}

/** The API server waits for open watches on SIGTERM: it is killed. */
async function end({ child, ended }: Running, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await ended;
}

async function ready(connection: KubeConnection, running: Running): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 100) {
    if (running.child.exitCode !== null) break;
    const isReady = await connection.request({ method: 'GET', path: '/api/v1/namespaces/default' }).then(
      () => true,
      () => false,
    );
    if (isReady) return;
    await sleep(100);
  }
  const log = readFileSync(running.logFile, 'utf8').split('\n').slice(-30).join('\n');
  throw new Error(`kube-apiserver did not become ready; the end of its log:\n${log}`);
}

export function kubeconfigOf(server: URL, ca: string, cert: string, key: string): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: server.href, 'certificate-authority-data': base64(ca) } }],
    users: [
      { name: 'admin', user: { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) } },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}

/** Starts both; the caller stops them. */
export async function startControlPlane(flags: readonly string[] = []): Promise<ControlPlane> {
  const binary = kubernetesBinary('kube-apiserver');
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-control-plane-'));
  const authority = new Authority(join(dir, 'pki'));
  const serving = authority.issue('apiserver', '/CN=kube-apiserver', [
    'DNS:localhost',
    'DNS:kubernetes.default.svc',
    'IP:127.0.0.1',
    'IP:10.96.0.1',
  ]);
  const admin = authority.issue('admin', '/O=system:masters/CN=admin');
  const tokens = authority.signingKey();
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = start(dir, 'etcd', 'etcd', [
    '--data-dir',
    join(dir, 'etcd'),
    '--unsafe-no-fsync',
    '--listen-client-urls',
    etcdUrl,
    '--advertise-client-urls',
    etcdUrl,
    '--listen-peer-urls',
    peerUrl,
    '--initial-advertise-peer-urls',
    peerUrl,
    '--initial-cluster',
    `default=${peerUrl}`,
  ]);
  const args = [
    '--etcd-servers',
    etcdUrl,
    '--bind-address',
    '127.0.0.1',
    '--advertise-address',
    '127.0.0.1',
    '--secure-port',
    String(port),
    '--tls-cert-file',
    serving.certFile,
    '--tls-private-key-file',
    serving.keyFile,
    '--client-ca-file',
    authority.caFile,
    '--service-account-issuer',
    'https://kubernetes.default.svc',
    '--service-account-key-file',
    tokens.publicFile,
    '--service-account-signing-key-file',
    tokens.privateFile,
    '--service-cluster-ip-range',
    '10.96.0.0/16',
    '--authorization-mode',
    'Node,RBAC',
    '--allow-privileged=true',
    '--endpoint-reconciler-type',
    'none',
    ...flags,
  ];
  const server = new URL(`https://127.0.0.1:${port}`);
  const [cert, key] = [readFileSync(admin.certFile, 'utf8'), readFileSync(admin.keyFile, 'utf8')];
  const credentials: KubeCredentials = { ca: authority.ca, cert, key };
  const access: KubeAccess = { server, credentials: async () => credentials };
  const connection = new KubeConnection(access);
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigOf(server, authority.ca, cert, key), { mode: 0o600 });
  let apiServer = start(dir, 'kube-apiserver', binary, args);
  const stop = async (): Promise<void> => {
    connection.close();
    await end(apiServer, 'SIGKILL');
    await end(etcd, 'SIGTERM');
    rmSync(dir, { recursive: true, force: true });
  };
  await ready(connection, apiServer).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    server,
    ca: authority.ca,
    serving: { cert: readFileSync(serving.certFile, 'utf8'), key: readFileSync(serving.keyFile, 'utf8') },
    admin: access,
    connection,
    kubeconfig,
    etcdUrl,
    async restartApiServer() {
      await end(apiServer, 'SIGKILL');
      apiServer = start(dir, 'kube-apiserver', binary, args);
      await ready(connection, apiServer);
    },
    stop,
  };
}
