/** What a test does with the cluster: the administrator's view of a node that this process or its parent started. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubernetesBinary } from '../cluster/controlPlane.ts';
import { apiPort } from './controlPlaneCommands.ts';
import { clearPlace, type NodePlace, placeOf } from './nodePlace.ts';
import { NodeProcesses, type Ran, ran } from './nodeProcesses.ts';

export interface PortForward {
  /** On 127.0.0.1. */
  readonly port: number;
  stop(): Promise<void>;
}

export class TestCluster {
  readonly place: NodePlace;
  readonly processes: NodeProcesses;

  /** @throws Error when no node of that number runs */
  constructor(number: number) {
    this.place = placeOf(number);
    this.processes = new NodeProcesses(this.place);
  }

  get kubeconfig(): string {
    return join(this.place.dir, 'etc', 'admin.kubeconfig');
  }

  /** As the administrator, however it ends; `input` is what `-f -` reads. */
  async kubectl(args: readonly string[], input?: string): Promise<Ran> {
    return await ran(kubernetesBinary('kubectl'), ['--kubeconfig', this.kubeconfig, ...args], {}, input);
  }

  /** Its standard output. @throws Error with its standard error */
  async done(args: readonly string[], input?: string): Promise<string> {
    const { status, out, err } = await this.kubectl(args, input);
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${err}`);
    return out;
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.done(['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify(list));
  }

  /** null where there is none. */
  async get<T>(kind: string, name: string, namespace = 'default'): Promise<T | null> {
    const out = await this.done(['-n', namespace, 'get', kind, name, '--ignore-not-found', '-o', 'json']);
    return out === '' ? null : (JSON.parse(out) as T);
  }

  async list<T>(kind: string, namespace: string, ...more: readonly string[]): Promise<T[]> {
    const out = await this.done(['-n', namespace, 'get', kind, ...more, '-o', 'json']);
    return (JSON.parse(out) as { items: T[] }).items;
  }

  /** A command in a container, by `kubectl exec`. */
  async exec(namespace: string, pod: string, container: string, ...command: readonly string[]): Promise<Ran> {
    return await this.kubectl(['-n', namespace, 'exec', pod, '-c', container, '--', ...command]);
  }

  /** `look` until it says true, or what it threw last after `ms`. */
  async eventually(what: string, ms: number, look: () => Promise<boolean>): Promise<void> {
    let last = 'it was not so';
    for (const end = performance.now() + ms; performance.now() < end; ) {
      try {
        if (await look()) return;
        last = 'it was not so';
      } catch (error) {
        last = (error as Error).message;
      }
      await sleep(200);
    }
    throw new Error(`${what}: not within ${ms} ms: ${last}`);
  }

  async apiServerReady(ms: number): Promise<void> {
    await this.eventually('the API server is ready', ms, async () => {
      if (!this.processes.isRunning('kube-apiserver'))
        throw new Error(this.processes.logEnd('kube-apiserver'));
      const { status } = await this.kubectl(['get', '--raw', '/readyz']);
      return status === 0 && (await this.kubectl(['get', 'namespace', 'kube-system'])).status === 0;
    });
  }

  /** `kubectl port-forward` of a `pod/x` or `svc/x` to a free port here. */
  async portForward(namespace: string, target: string, port: number): Promise<PortForward> {
    const args = ['--kubeconfig', this.kubeconfig, '-n', namespace, 'port-forward', target, `:${port}`];
    const child = spawn(kubernetesBinary('kubectl'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    let said = '';
    const local = await new Promise<number>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        said += chunk.toString('utf8');
        const found = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said);
        if (found !== null) resolve(Number(found[1]));
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('exit', () => reject(new Error(`kubectl port-forward ${target}: ${said}`)));
    });
    return {
      port: local,
      async stop() {
        child.kill('SIGKILL');
        await ended;
      },
    };
  }

  /** pgtape's image in the node's store. */
  get pgtape(): { readonly repository: string; readonly digest: string; readonly version: string } {
    return JSON.parse(readFileSync(join(this.place.dir, 'pgtape.json'), 'utf8'));
  }

  /** Where a pod, another machine or this process reaches the API server. */
  get server(): string {
    return `https://${this.place.addresses.uplinkThere}:${apiPort}`;
  }

  /** Ends everything, by the kernel: see the enclosure. */
  async stop(): Promise<void> {
    await clearPlace(this.place);
  }
}
