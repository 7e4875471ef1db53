/**
 * The chart installed with cert-manager on a real API server, cert-manager's own controllers beside it, and the processes of the
 * release: webhook, controller and vault, with the configuration, the accounts and the Secrets that the chart gives them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@pgtape/testkit';
import { parse } from 'yaml';
import { pgtapeMain } from '../pgtapeCommand.ts';
import { type ControlPlane, kubeconfigOf, startControlPlane } from './controlPlane.ts';
import { applyKindsOf } from './foreignKinds.ts';
import { chartDir, helm } from './helm.ts';
import { kubectlDone } from './kubectl.ts';
import { mountSecret, secretFiles } from './mountedSecret.ts';
import { type OperatorReplica, startReplica } from './operatorReplicas.ts';

/** `fullnameOverride` of the chart's values for cert-manager. */
export const release = 'tape';
const namespace = 'pgtape-system';

export class CertManagerRelease {
  readonly plane: ControlPlane;
  readonly dir: string;
  readonly #children: ChildProcess[] = [];
  readonly #replicas: OperatorReplica[] = [];

  private constructor(plane: ControlPlane, dir: string) {
    this.plane = plane;
    this.dir = dir;
  }

  static async start(): Promise<CertManagerRelease> {
    const certManager = process.env.PGTAPE_E2E_CERT_MANAGER;
    if (certManager === undefined)
      throw new Error('PGTAPE_E2E_CERT_MANAGER names no cert-manager: run scripts/e2e-cluster');
    const plane = await startControlPlane();
    const it = new CertManagerRelease(plane, mkdtempSync(join(tmpdir(), 'pgtape-cert-manager-')));
    await applyKindsOf('cert-manager', plane);
    await applyKindsOf('prometheus-operator', plane);
    for (const name of [namespace, 'shop']) it.done(['create', 'namespace', name]);
    // Without controllers nobody makes it, and without it no pod is admitted.
    it.done(['-n', 'shop', 'create', 'serviceaccount', 'default']);
    const values = join(chartDir, 'ci/cert-manager-values.yaml');
    const { status, err } = helm(['install', 'pgtape', chartDir, '-n', namespace, '-f', values], plane);
    if (status !== 0) throw new Error(err);
    it.#spawn('cert-manager', certManager, ['--kubeconfig', plane.kubeconfig]);
    return it;
  }

  done(args: readonly string[], input?: object): string {
    return kubectlDone(this.plane, args, input === undefined ? undefined : JSON.stringify(input));
  }

  log(name: string): string {
    return readFileSync(join(this.dir, `${name}.log`), 'utf8');
  }

  /** Of cert-manager and the operator, for messages. */
  logs(): string {
    const ours = this.#replicas.map(({ name, log }) => `${name}: ${log().slice(-1500)}`);
    return [`cert-manager: ${this.log('cert-manager').slice(-1500)}`, ...ours].join('\n');
  }

  secret(suffix: string): Readonly<Record<string, string>> | null {
    return secretFiles(this.plane, `${release}-${suffix}`);
  }

  /** What `cmctl renew` does. */
  renew(certificate: string): void {
    const place = ['-n', namespace, 'get', 'certificate', `${release}-${certificate}`, '-o', 'json'];
    const found = JSON.parse(this.done(place)) as {
      metadata: { generation: number };
      status: { conditions: { type: string }[] };
    };
    const issuing = {
      type: 'Issuing',
      status: 'True',
      reason: 'ManuallyTriggered',
      message: 'Certificate re-issuance manually triggered',
      lastTransitionTime: new Date().toISOString(),
      observedGeneration: found.metadata.generation,
    };
    const conditions = [...found.status.conditions.filter(({ type }) => type !== 'Issuing'), issuing];
    const patch = JSON.stringify({ status: { conditions } });
    const args = ['patch', 'certificate', `${release}-${certificate}`, '--subresource=status'];
    this.done(['-n', namespace, ...args, '--type=merge', '-p', patch]);
  }

  /** One process for each of the operator's two Deployments. */
  async startOperator(): Promise<void> {
    const config = this.#configOf('operator');
    const webhook = config.webhook as object;
    const port = await freePort();
    // The API server goes where this name leads, and expects the certificate to be the Service's.
    const spec = { type: 'ExternalName', externalName: 'localhost', clusterIP: null, clusterIPs: null };
    const patch = JSON.stringify({ spec });
    this.done(['-n', namespace, 'patch', 'svc', `${release}-webhook`, '--type=merge', '-p', patch]);
    for (const role of ['controller', 'webhook']) {
      const replica = await startReplica({
        dir: this.dir,
        name: role,
        kubeconfig: this.#kubeconfig(role),
        servicePort: port,
        more: { ...config, role, webhook: { ...webhook, host: 'localhost', port, servicePort: port } },
      });
      this.#replicas.push(replica);
    }
  }

  /** The files of its pod, as they are now; the vault looks at them again and again. */
  mountVaultSecrets(): void {
    for (const [folder, suffix] of [
      ['tls', 'vault-tls'],
      ['log', 'vault-log'],
    ] as const) {
      const files = this.secret(suffix);
      if (files === null) throw new Error(`there is no Secret ${release}-${suffix}`);
      mountSecret(join(this.dir, folder), files);
    }
  }

  /** @returns its ports */
  async startVault(): Promise<{ readonly otlp: number; readonly http: number }> {
    this.mountVaultSecrets();
    const ports = { otlp: await freePort(), http: await freePort() };
    const text = JSON.stringify(this.#configOf('vault')).replaceAll('/etc/pgtape/', `${this.dir}/`);
    const config = JSON.parse(text) as Record<'otlp' | 'http', object>;
    const settings = {
      ...config,
      stateDir: join(this.dir, 'vault'),
      otlp: { ...config.otlp, host: '127.0.0.1', port: ports.otlp },
      http: { ...config.http, host: '127.0.0.1', port: ports.http },
      kubernetes: { kubeconfig: this.#kubeconfig('vault'), volumesDir: join(this.dir, 'volumes') },
    };
    mkdirSync(join(this.dir, 'volumes/tapes'), { recursive: true });
    const file = join(this.dir, 'vault.yaml');
    writeFileSync(file, JSON.stringify(settings));
    const args = [pgtapeMain, 'vault', '--config', file, '--archive', 'default'];
    this.#spawn('vault', process.execPath, args);
    return ports;
  }

  async stop(): Promise<void> {
    for (const replica of this.#replicas) await replica.end('SIGKILL');
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await this.plane.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #spawn(name: string, command: string, args: readonly string[]): void {
    const log = openSync(join(this.dir, `${name}.log`), 'a');
    const env = { PATH: process.env.PATH, POD_NAMESPACE: namespace };
    this.#children.push(spawn(command, args, { stdio: ['ignore', log, log], env }));
    closeSync(log);
  }

  #configOf(component: 'operator' | 'vault'): Record<string, unknown> {
    const key = `{.data.${component}\\.yaml}`;
    const place = ['-n', namespace, 'get', 'configmap', `${release}-${component}`];
    return parse(this.done([...place, '-o', `jsonpath=${key}`])) as Record<string, unknown>;
  }

  /** Of the service account that the chart made for it, with the rights that the chart gave. */
  #kubeconfig(component: string): string {
    const create = ['-n', namespace, 'create', 'token', `${release}-${component}`, '--duration=1h'];
    const token = this.done(create).trim();
    const { server, ca } = this.plane;
    const config = JSON.parse(kubeconfigOf(server, ca, '', '')) as Record<string, unknown>;
    const file = join(this.dir, `kubeconfig-${component}`);
    writeFileSync(file, JSON.stringify({ ...config, users: [{ name: 'admin', user: { token } }] }), {
      mode: 0o600,
    });
    return file;
  }
}
