/**
 * A namespace `shop` on a real API server: a RecordedDatabase, a pod with a recorder that answers through the API server's
 * proxy to pods, and a pod without one.
 */
import { createServer, type Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { kubectlAt, patch, type Ran } from './kubectl.ts';
import { kubectlPgtape } from './pluginCommand.ts';

const root = join(import.meta.dirname, '../../..');

/** Addresses of this machine that the API server's proxy goes to: it refuses loopback and link-local ones. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}

/** Listens where a recorder's health port is free: others on this machine may have it, for a while. */
async function listening(server: Server): Promise<string> {
  const addresses = ownAddresses();
  if (addresses.length === 0) throw new Error('this machine has no address but loopback');
  for (let tries = 0; ; tries += 1) {
    const address = addresses[tries % addresses.length] as string;
    const problem = await new Promise<Error | null>((resolve) => {
      server.once('error', resolve);
      server.listen(7418, address, () => resolve(null));
    });
    if (problem === null) return address;
    if (tries > 300) throw problem;
    await sleep(100);
  }
}

const said = {
  version: '0.1.0',
  reel: '3f9ac01d77e2b415',
  database: 'shop/orders',
  configHash: '0123456789abcdef',
  startedAt: '2026-11-20T10:00:00Z',
  recorderStarts: 1,
  capture: { mode: 'AddressSwap', achieved: true, reason: null, listeners: ['10.0.0.7:5432'], others: [] },
  tls: { matched: true, reason: null },
  coverage: {
    state: 'measured',
    reason: null,
    seen: 12,
    recorded: 11,
    bypasses: 1,
    at: '2026-11-20T10:05:00Z',
    recent: [
      {
        pid: 71,
        user: 'eve',
        database: 'shop',
        address: '',
        application: 'psql',
        at: '2026-11-20T10:04:00Z',
      },
    ],
  },
  vault: { lagSeconds: 1.4, pendingSegments: 0, acknowledgedAt: '2026-11-20T10:05:00Z', reason: null },
  spool: { full: null },
  sessions: { open: 2, recorded: 11 },
};

const database = {
  apiVersion: 'pgtape.dev/v1alpha1',
  kind: 'RecordedDatabase',
  metadata: { name: 'orders', namespace: 'shop', labels: { team: 'shop' } },
  spec: { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'audit' },
};
const containers = [{ name: 'postgres', image: 'postgres:17' }];
/** What its pod has of a recorder. */
export const recorderContainer = {
  name: 'pgtape-recorder',
  image: `registry.example/pgtape@sha256:${'0'.repeat(64)}`,
  restartPolicy: 'Always',
};
const pod = (name: string, isRecorded: boolean): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'shop',
    labels: { app: 'orders' },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'orders', uid: 'u-1' }],
    ...(isRecorded ? { annotations: { 'pgtape.dev/recorded-by': 'shop/orders' } } : {}),
  },
  spec: { nodeName: 'node', containers, ...(isRecorded ? { initContainers: [recorderContainer] } : {}) },
});

/** A condition as an operator writes it. */
export const condition = (type: string, status: string, reason: string, message = ''): object => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-11-20T10:00:00Z',
});

export class ShopCluster {
  readonly plane: ControlPlane;
  readonly #recorder: Server;

  private constructor(plane: ControlPlane, recorder: Server) {
    this.plane = plane;
    this.#recorder = recorder;
  }

  static async start(): Promise<ShopCluster> {
    const recorder = createServer((request, response) => {
      const isAsked = request.url === '/v1/recorder';
      response.writeHead(isAsked ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isAsked ? said : {}));
    });
    const address = await listening(recorder);
    const shop = new ShopCluster(await startControlPlane(), recorder);
    try {
      shop.#fill(address);
    } catch (error) {
      await shop.stop();
      throw error;
    }
    return shop;
  }

  #fill(address: string): void {
    this.done(['apply', '--server-side', '-f', join(root, 'crds')]);
    for (const name of ['shop', 'other']) {
      this.done(['create', 'namespace', name]);
      // Without controllers nobody makes it, and without it no pod is admitted.
      this.done(['-n', name, 'create', 'serviceaccount', 'default']);
    }
    this.done(['create', '-f', '-'], database);
    this.done(['create', '-f', '-'], pod('orders-0', true));
    this.done(['create', '-f', '-'], pod('orders-1', false));
    const seen = { podIP: address, podIPs: [{ ip: address }], phase: 'Running' };
    this.writeStatus('pod', 'orders-0', seen);
  }

  /** What kubectl says, as the administrator. @throws Error with its complaint */
  done(args: readonly string[], input?: object): string {
    const text = input === undefined ? undefined : JSON.stringify(input);
    const ran = kubectlAt(this.plane, args, text);
    if (ran.status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.err}`);
    return ran.out;
  }

  plugin(...args: string[]): Promise<Ran> {
    return kubectlPgtape(this.plane, args);
  }

  writeStatus(kind: string, name: string, status: object): void {
    this.done([...patch(kind, name, 'merge', JSON.stringify({ status }), 'shop'), '--subresource=status']);
  }

  writeConditions(...conditions: readonly object[]): void {
    this.writeStatus('recdb', 'orders', { coverage: 'Unknown', mode: 'AddressSwap', conditions });
  }

  async stop(): Promise<void> {
    this.#recorder.close();
    await this.plane.stop();
  }
}
