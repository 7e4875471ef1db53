/** The real `kubectl pgtape` against a real API server; recorders answer through its proxy to pods, as in a cluster. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ran } from './kubectl.ts';
import { kubectlPgtape } from './pluginCommand.ts';
import { condition, recorderContainer, ShopCluster } from './shopCluster.ts';

const dir = mkdtempSync(join(tmpdir(), 'pgtape-plugin-'));
let shop: ShopCluster;

const done = (args: readonly string[], input?: object): string => shop.done(args, input);
const plugin = (...args: string[]): Promise<Ran> => shop.plugin(...args);

/** What the account of a namespace may do, and no more. */
function kubeconfigFor(namespace: string, account: string): string {
  const token = done(['-n', namespace, 'create', 'token', account]).trim();
  const config = JSON.parse(readFileSync(shop.plane.kubeconfig, 'utf8')) as Record<string, unknown>;
  const file = join(dir, `${namespace}-${account}`);
  writeFileSync(file, JSON.stringify({ ...config, users: [{ name: 'admin', user: { token } }] }), {
    mode: 0o600,
  });
  return file;
}

beforeAll(async () => {
  shop = await ShopCluster.start();
}, 120_000);

afterAll(async () => {
  await shop?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

describe('kubectl pgtape status', () => {
  it('says what is not well and who must act, and ends with 1', async () => {
    shop.writeConditions(
      condition('Ready', 'False', 'RestartRequired', 'Injected: without a recorder: orders-1'),
      condition(
        'Injected',
        'False',
        'RestartRequired',
        'without a recorder: orders-1; kubectl rollout restart',
      ),
      condition('BypassFree', 'Unknown', 'NotMeasured'),
    );
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
    shop.writeConditions(condition('Ready', 'True', 'Injected'));
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

interface Findings {
  readonly counts: { readonly fail: number };
  readonly findings: readonly { readonly check: string; readonly state: string; readonly about: string }[];
}

describe('kubectl pgtape doctor', () => {
  const release = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'pgtape-vault',
      namespace: 'other',
      labels: {
        'app.kubernetes.io/part-of': 'pgtape',
        'app.kubernetes.io/instance': 'pgtape',
        'app.kubernetes.io/component': 'vault',
      },
    },
    spec: { clusterIP: 'None', selector: {}, ports: [{ name: 'https', port: 7417 }] },
  };
  const states = ({ findings }: Findings): Record<string, string> =>
    Object.fromEntries(findings.map(({ check, state, about }) => [`${check} ${about}`, state]));

  it('looks at everything, and fails where nothing is installed', async () => {
    const { status, out, err } = await plugin('doctor', 'orders', '-n', 'shop', '-o', 'json');
    expect({ status, err }).toEqual({ status: 1, err: '' });
    expect(states(JSON.parse(out) as Findings)).toEqual({
      'api_server_version API server': 'ok',
      'kubelet_version nodes': 'unknown',
      'clock_skew this machine': 'ok',
      'release pgtape': 'fail',
      'recorded_database shop/orders': 'ok',
      'archive recordingarchive/audit': 'fail',
      'tls_secret shop/none': 'ok',
      'limit_range shop': 'ok',
      'resource_quota shop': 'ok',
      'recorder_injected shop/orders-0': 'ok',
      'host_network shop/orders-0': 'ok',
      'capture_mode shop/orders-0': 'ok',
      'pod_security shop/orders-0': 'ok',
      'port_owner shop/orders-0': 'ok',
      'mesh shop/orders-0': 'ok',
      'qos shop/orders-0': 'ok',
      'sidecar_restart shop/orders-0': 'unknown',
      'probe_socket shop/orders-0': 'ok',
      'service_target_port shop/orders-0': 'ok',
      'network_policy shop/orders-0': 'ok',
      'recorder_status shop/orders-0': 'ok',
      'recorder_starts shop/orders-0': 'ok',
      'capture_achieved shop/orders-0': 'ok',
      'tls_matched shop/orders-0': 'ok',
      'authentication shop/orders-0': 'unknown',
      'coverage shop/orders-0': 'fail',
      'vault_reachable shop/orders-0': 'ok',
      'spool shop/orders-0': 'ok',
      'recorder_injected shop/orders-1': 'fail',
      'host_network shop/orders-1': 'ok',
      'capture_mode shop/orders-1': 'ok',
      'pod_security shop/orders-1': 'ok',
      'port_owner shop/orders-1': 'ok',
      'mesh shop/orders-1': 'ok',
      'qos shop/orders-1': 'ok',
      'sidecar_restart shop/orders-1': 'unknown',
      'probe_socket shop/orders-1': 'ok',
      'service_target_port shop/orders-1': 'ok',
      'network_policy shop/orders-1': 'ok',
    });
  });

  it('finds the release by its labels, and tries the webhook with a pod that is never stored', async () => {
    done(['create', '-f', '-'], release);
    const { out } = await plugin('doctor', '-n', 'shop', '-o', 'json');
    expect(states(JSON.parse(out) as Findings)).toMatchObject({
      'release other/pgtape': 'fail',
      'webhook other': 'fail',
    });
    expect(done(['-n', 'other', 'get', 'pods', '-o', 'name'])).toBe('');
    const text = await plugin('doctor', '-n', 'shop');
    expect(text.out).toMatch(/^fail +webhook +other: a pod made as a dry run came back without a recorder/m);
    expect(text.out).toMatch(/\d+ ok, 0 warn, \d+ fail, \d+ unknown\n$/);
  });

  it('does not know what it may not look at', async () => {
    const rules = [
      { apiGroups: ['pgtape.dev'], resources: ['recordeddatabases'], verbs: ['get', 'list'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ];
    const rbac = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'viewer', namespace: 'shop' },
    };
    const subject = { kind: 'ServiceAccount', name: 'default', namespace: 'other' };
    done(['create', '-f', '-'], { ...rbac, kind: 'Role', rules });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'viewer' };
    done(['create', '-f', '-'], { ...rbac, kind: 'RoleBinding', roleRef, subjects: [subject] });
    const { status, out, err } = await kubectlPgtape(shop.plane, ['doctor', '-n', 'shop', '-o', 'json'], {
      kubeconfig: kubeconfigFor('other', 'default'),
    });
    expect({ status, err }).toEqual({ status: 1, err: '' });
    expect(states(JSON.parse(out) as Findings)).toMatchObject({
      'kubelet_version nodes': 'unknown',
      'archive recordingarchive/audit': 'unknown',
      'limit_range shop': 'unknown',
      'resource_quota shop': 'unknown',
      'network_policy shop/orders-0': 'unknown',
      'service_target_port shop/orders-0': 'unknown',
      'recorder_status shop/orders-0': 'unknown',
      'recorder_injected shop/orders-1': 'fail',
    });
  });

  it('makes a pod that pulls the image only when asked, and leaves none behind', async () => {
    const ran = plugin('doctor', '-n', 'shop', '--pull', '--all');
    const name = await pullPodName();
    const containerStatuses = [
      { name: 'pull', image: recorderContainer.image, imageID: 'sha256:1', ready: false, restartCount: 0 },
    ];
    shop.writeStatus('pod', name, { containerStatuses });
    expect((await ran).out).toMatch(new RegExp(`^ok +image_pull +shop/${name}: .* was pulled`, 'm'));
    expect(done(['-n', 'shop', 'get', 'pods', '-o', 'name'])).not.toContain('pull');
  });
});

/** As the kubelet that there is none of sees it. */
async function pullPodName(): Promise<string> {
  for (let waited = 0; waited < 20_000; waited += 200) {
    const names = done(['-n', 'shop', 'get', 'pods', '-o', 'jsonpath={.items[*].metadata.name}']).split(' ');
    const found = names.find((name) => name.startsWith('pgtape-pull-'));
    if (found !== undefined) return found;
    await sleep(200);
  }
  throw new Error('no pod was made');
}

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
