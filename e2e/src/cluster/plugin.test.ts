/** The real `kubectl pgtape` against a real API server; recorders answer through its proxy to pods, as in a cluster. */
import { createServer, type Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { kubectlAt, patch, type Ran } from './kubectl.ts';
import { kubectlPgtape } from './pluginCommand.ts';

const root = join(import.meta.dirname, '../../..');
let plane: ControlPlane;
let recorder: Server;

function done(args: readonly string[], input?: object): string {
  const ran = kubectlAt(plane, args, input === undefined ? undefined : JSON.stringify(input));
  if (ran.status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.err}`);
  return ran.out;
}
const plugin = (...args: string[]): Promise<Ran> => kubectlPgtape(plane, args);

/** An address of this machine that the API server's proxy goes to: it refuses loopback. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = all.find(({ family, internal }) => family === 'IPv4' && !internal);
  if (found === undefined) throw new Error('this machine has no address but loopback');
  return found.address;
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
const recorderContainer = {
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
    ...(isRecorded ? { annotations: { 'pgtape.dev/recorded-by': 'shop/orders' } } : {}),
  },
  spec: { nodeName: 'node', containers, ...(isRecorded ? { initContainers: [recorderContainer] } : {}) },
});

beforeAll(async () => {
  plane = await startControlPlane();
  done(['apply', '--server-side', '-f', join(root, 'crds')]);
  for (const name of ['shop', 'other']) {
    done(['create', 'namespace', name]);
    // Without controllers nobody makes it, and without it no pod is admitted.
    done(['-n', name, 'create', 'serviceaccount', 'default']);
  }
  const address = ownAddress();
  recorder = createServer((request, response) => {
    const isAsked = request.url === '/v1/recorder';
    response.writeHead(isAsked ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isAsked ? said : {}));
  });
  await new Promise<void>((listening) => recorder.listen(7418, address, listening));
  done(['create', '-f', '-'], database);
  done(['create', '-f', '-'], pod('orders-0', true));
  done(['create', '-f', '-'], pod('orders-1', false));
  const status = JSON.stringify({ status: { podIP: address, podIPs: [{ ip: address }], phase: 'Running' } });
  done([...patch('pod', 'orders-0', 'merge', status, 'shop'), '--subresource=status']);
}, 120_000);

afterAll(async () => {
  recorder?.close();
  await plane?.stop();
}, 30_000);

function writeConditions(conditions: readonly object[]): void {
  const status = { status: { coverage: 'Unknown', mode: 'AddressSwap', conditions } };
  done([...patch('recdb', 'orders', 'merge', JSON.stringify(status), 'shop'), '--subresource=status']);
}
const condition = (type: string, status: string, reason: string, message = ''): object => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-11-20T10:00:00Z',
});

describe('kubectl pgtape status', () => {
  it('says what is not well and who must act, and ends with 1', async () => {
    writeConditions([
      condition('Ready', 'False', 'RestartRequired', 'Injected: without a recorder: orders-1'),
      condition(
        'Injected',
        'False',
        'RestartRequired',
        'without a recorder: orders-1; kubectl rollout restart',
      ),
      condition('BypassFree', 'Unknown', 'NotMeasured'),
    ]);
    const { status, out } = await plugin('status', '-n', 'shop');
    expect(status).toBe(1);
    expect(out).toMatch(/^NAMESPACE +NAME +READY +COVERAGE +BYPASS +LAG +MODE\nshop +orders +False +Unknown/);
    expect(out).toContain(
      'Injected=False RestartRequired: without a recorder: orders-1; kubectl rollout restart ' +
        '(whoever runs the database must act)',
    );
    expect(out).not.toContain('BypassFree');
  });

  it('ends with 0 where all is well, by namespace, label and name, for programs too', async () => {
    writeConditions([condition('Ready', 'True', 'Injected')]);
    for (const args of [['-A'], ['-n', 'shop', '-l', 'team=shop'], ['orders', '-n', 'shop']]) {
      const { status, out } = await plugin('status', '-o', 'json', ...args);
      expect([status, JSON.parse(out)]).toMatchObject([0, { well: true, databases: [{ name: 'orders' }] }]);
    }
    expect(await plugin('status', '-n', 'shop', '-l', 'team=other')).toMatchObject({ status: 0, out: '' });
  });

  it('says what is missing', async () => {
    expect(await plugin('status', '-n', 'other')).toEqual({
      status: 0,
      out: '',
      err: 'no RecordedDatabases in namespace other (-A: in all)\n',
    });
    expect(await plugin('status', 'nothing', '-n', 'shop')).toMatchObject({
      status: 3,
      err: expect.stringContaining('[NO_DATABASE]'),
    });
  });
});

describe('kubectl pgtape coverage and bypasses', () => {
  it("tell each recorder's own word, through the API server", async () => {
    const { status, out, err } = await plugin('coverage', '-n', 'shop', '-o', 'json');
    expect({ status, err }).toEqual({ status: 1, err: '' });
    expect(JSON.parse(out)).toMatchObject({
      pods: [
        {
          pod: 'orders-0',
          mode: 'AddressSwap',
          captured: true,
          sessions: 11,
          seen: 12,
          bypasses: 1,
          coverage: '91.6%',
        },
        { pod: 'orders-1', recorder: false, captured: false, coverage: 'Unknown' },
      ],
    });
  });

  it('name who went past', async () => {
    const { status, out, err } = await plugin('bypasses', 'orders', '-n', 'shop');
    expect(status).toBe(1);
    expect(out).toMatch(/orders-0 +71 +eve +shop +unix socket +psql/);
    expect(err).toBe('shop/orders-1: not known whether any: no recorder\n');
  });
});

describe('kubectl pgtape uninject', () => {
  it('changes nothing unasked, then lets the database go and says what is left', async () => {
    const asked = await plugin('uninject', 'orders', '-n', 'shop');
    expect(asked).toMatchObject({
      status: 0,
      out: expect.stringContaining('Nothing was changed: --yes does it.'),
    });
    const state = (): string =>
      done(['-n', 'shop', 'get', 'recdb', 'orders', '-o', 'jsonpath={.spec.managementState}']);
    expect(state()).toBe('Managed');
    const letGo = await plugin('uninject', 'orders', '-n', 'shop', '--yes');
    expect(letGo.out).toMatch(
      /is managementState: Unmanaged\.\nStill with a recorder, until made anew: orders-0\n {2}\$ /,
    );
    expect(state()).toBe('Unmanaged');
    expect((await plugin('uninject', 'orders', '-n', 'shop', '--delete', '--yes')).status).toBe(0);
    expect((await plugin('status', '-A')).err).toBe('no RecordedDatabases in any namespace\n');
  });
});
