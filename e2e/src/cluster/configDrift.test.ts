/**
 * What is changed in the configuration of recorders by anyone but the operator, on a real API server with guard, operator and vault:
 * denied, or reverted within seconds, told with what is known of it, counted; and what is accepted is a record with its hash.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkSegment, decodeObject } from '@pgtape/evidence';
import { KubeObjects } from '@pgtape/kube';
import { fileStore } from '@pgtape/store';
import { startVault, type Vault, VaultConfig } from '@pgtape/vault';
import { parse, parseAllDocuments } from 'yaml';
import { makeNamespace } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { asKubernetes } from './drifts.ts';
import { seenEventually } from './eventually.ts';
import { chartDir, helm, rendered } from './helm.ts';
import { kubectlAt, kubectlDone, patch, type Ran } from './kubectl.ts';
import { type OperatorReplica, replicaLogs, startReplica } from './operatorReplicas.ts';
import { type ServiceAddress, startServiceAddress } from './serviceAddress.ts';
import { makeVaultAccount, vaultKubeconfig } from './vaultCluster.ts';

const root = join(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'pgtape-drift-'));
const archive = join(dir, 'archive');
const own = 'pgtape-system';
/** "Within seconds"; it is one, mostly. */
const revertedMs = 5000;
let plane: ControlPlane;
let address: ServiceAddress;
let operator: OperatorReplica;
let vault: Vault;

const kubectl = (args: readonly string[], input?: object): Ran =>
  kubectlAt(plane, args, input === undefined ? undefined : JSON.stringify(input));
const done = (args: readonly string[], input?: object): string =>
  kubectlDone(plane, args, input === undefined ? undefined : JSON.stringify(input));

async function eventually(what: string, look: () => unknown, wanted: unknown, ms = 30_000): Promise<void> {
  await seenEventually(what, look, wanted, { ms, logs: () => replicaLogs([operator]) });
}

async function startOperator(name: string): Promise<void> {
  address.ports.clear();
  operator = await startReplica({
    dir,
    name,
    kubeconfig: join(dir, 'kubeconfig'),
    servicePort: address.port,
  });
  address.ports.add(operator.webhookPort);
}

/** What the chart lets the controller, and its token. */
function makeOperatorAccount(): void {
  const documents = parseAllDocuments(
    rendered(['--set', 'vault.archive=audit', '--show-only', 'templates/roles.yaml']),
  );
  const items = documents
    .map((document) => document.toJSON() as { metadata: { name: string } } | null)
    .filter((role) => role?.metadata.name === 'pgtape-controller');
  done(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
  done(['-n', own, 'create', 'serviceaccount', 'pgtape-controller']);
  const token = done(['-n', own, 'create', 'token', 'pgtape-controller', '--duration', '2h']).trim();
  const config = JSON.parse(readFileSync(plane.kubeconfig, 'utf8')) as object;
  const users = [{ name: 'admin', user: { token } }];
  writeFileSync(join(dir, 'kubeconfig'), JSON.stringify({ ...config, users }), { mode: 0o600 });
}

const configMap = (path: string): string =>
  done(['-n', 'shop', 'get', 'configmap', 'pgtape-orders', '-o', `jsonpath={${path}}`]);
const recorderConfig = (): string => configMap('.data.recorder\\.yaml');
const hash = (): string => configMap('.metadata.annotations.pgtape\\.dev/config-hash');
const changeConfig = patch('configmap', 'pgtape-orders', 'merge', '{"data":{"recorder.yaml":"{}"}}', 'shop');
const changeDatabase = (onFull: string): string =>
  done(patch('recdb', 'orders', 'merge', `{"spec":{"spool":{"onFull":"${onFull}"}}}`, 'shop'));

/** Of Events about that ConfigMap alone. */
const told = (): string[] =>
  done([
    ...['-n', 'shop', 'get', 'events', '--field-selector', 'involvedObject.kind=ConfigMap'],
    ...['-o', 'jsonpath={range .items[*]}{.type} {.reason} {.involvedObject.name}: {.message}{"\\n"}{end}'],
  ])
    .trim()
    .split('\n')
    .filter((line) => line !== '');

const drift = (what: string): string =>
  `Warning DriftReverted pgtape-orders: ConfigMap/shop/pgtape-orders was ${what} ` +
  'and is again what RecordedDatabase shop/orders says';

async function reverts(): Promise<number> {
  const text = await (await fetch(`${operator.healthUrl}/metrics`)).text();
  const counted = /^pgtape_operator_writes_total\{kind="ConfigMap",how="reverted"\} (\d+)$/m.exec(text);
  return Number(counted?.[1] ?? 0);
}

/** Milliseconds until it was as before. */
async function changed(args: readonly string[], wanted: string): Promise<number> {
  const from = performance.now();
  done(args);
  await eventually('reverted', () => recorderConfig(), wanted);
  return performance.now() - from;
}

/** Configurations that a vault has on record as published, in their order. */
async function recorded(dir = archive): Promise<unknown[]> {
  const found: unknown[] = [];
  const store = fileStore(dir);
  for await (const { key } of store.list('reel/')) {
    const segment = checkSegment(decodeObject(await store.get(key)));
    if (!segment.ok) throw new Error(`${key}: ${segment.detail}`);
    for (const record of segment.records)
      if (record.kind === 'published' && record.database === 'shop/orders') found.push(record.config);
  }
  return found;
}

beforeAll(async () => {
  plane = await startControlPlane();
  address = await startServiceAddress();
  const objects = new KubeObjects(plane.connection);
  for (const name of ['shop', own]) await makeNamespace(objects, name);
  await makeVaultAccount(objects);
  done(['apply', '--server-side', '-f', join(root, 'crds')]);
  makeOperatorAccount();
  await startOperator('a');
  vault = await startVault(
    VaultConfig.parse({
      otlp: { port: 0 },
      http: { port: 0 },
      archive: { store: archive },
      log: { level: 'silent' },
      kubernetes: { kubeconfig: await vaultKubeconfig(plane, plane.server, dir) },
      published: { namespace: own, name: 'pgtape-published', settleSeconds: 1 },
    }),
  );
  done(['apply', '-f', '-'], {
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name: 'orders', namespace: 'shop' },
    spec: { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'audit' },
  });
  // The API server takes a policy over within a second or two.
  await eventually('guarded', () => kubectl([...changeConfig, '--dry-run=server']).err, refused, 60_000);
}, 150_000);

afterAll(async () => {
  if (operator?.isRunning) await operator.end('SIGKILL');
  await vault?.close().catch(() => undefined);
  await address?.stop();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

const refused = expect.stringContaining('which the operator alone changes');
const hashes: string[] = [];

describe('the configuration of recorders', () => {
  it('is on record with its hash once it is published', async () => {
    hashes.push(hash());
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
    await eventually('on record', () => recorded(), hashes);
  }, 60_000);

  it('changed by an administrator: denied, and nothing is told', async () => {
    const before = await reverts();
    expect(kubectl(changeConfig).err).toEqual(refused);
    expect([told(), await reverts()]).toEqual([[], before]);
  });

  it.each([
    {
      name: 'changed',
      args: changeConfig,
      what: 'changed by somebody else, with kubectl-patch (data.recorder.yaml)',
    },
    {
      name: 'its mark rewritten, too, so that both fit',
      args: patch(
        'configmap',
        'pgtape-orders',
        'merge',
        '{"data":{"recorder.yaml":"x"},"metadata":{"annotations":{"pgtape.dev/config-hash":"2d711642b726b044"}}}',
        'shop',
      ),
      what: 'changed by somebody else, with kubectl-patch (data.recorder.yaml, metadata.annotations)',
    },
    {
      name: 'deleted',
      args: ['-n', 'shop', 'delete', 'configmap', 'pgtape-orders'],
      what: 'deleted by somebody else',
    },
  ])(
    '$name by an account that the guard lets through: reverted, told and counted',
    async ({ args, what }) => {
      const [before, config] = [await reverts(), recorderConfig()];
      expect(await changed([...args, ...asKubernetes], config)).toBeLessThan(revertedMs);
      await eventually('told', told, expect.arrayContaining([drift(what)]));
      expect([await reverts(), hash()]).toEqual([before + 1, hashes[0]]);
    },
    60_000,
  );

  it('changed while the guard is missing and no operator runs: reverted by the next one, who tells with what', async () => {
    await operator.end('SIGKILL');
    const config = recorderConfig();
    done(['delete', 'validatingadmissionpolicybinding', 'pgtape.shop.orders.config']);
    await eventually('unguarded', () => kubectl([...changeConfig, '--dry-run=server']).status, 0);
    const file = ['--field-manager=jenkins', '-p', '{"data":{"more":"x"}}'];
    done(['-n', 'shop', 'patch', 'configmap', 'pgtape-orders', '--type=merge', ...file]);
    done(changeConfig);
    await startOperator('b');
    await eventually('reverted', () => [recorderConfig(), configMap('.data.more')], [config, '']);
    const what = 'changed by somebody else, with kubectl-patch, jenkins (data.more, data.recorder.yaml)';
    await eventually('told', told, expect.arrayContaining([drift(what)]));
    expect(await reverts()).toBe(1);
    await eventually('guarded', () => kubectl([...changeConfig, '--dry-run=server']).err, refused);
  }, 120_000);

  it('changed while the guard is missing and the operator stands still: reverted as soon as it goes on', async () => {
    const [before, config] = [await reverts(), recorderConfig()];
    operator.signal('SIGSTOP');
    done(['delete', 'validatingadmissionpolicybinding', 'pgtape.shop.orders.config']);
    await eventually('unguarded', () => kubectl([...changeConfig, '--dry-run=server']).status, 0);
    done(changeConfig);
    operator.signal('SIGCONT');
    await eventually('reverted', () => recorderConfig(), config);
    await eventually('counted', reverts, before + 1);
    await eventually('guarded', () => kubectl([...changeConfig, '--dry-run=server']).err, refused);
  }, 120_000);

  it('has on record what was accepted, and nothing of what was reverted', async () => {
    for (const onFull of ['Pause', 'Refuse']) {
      const before = hash();
      changeDatabase(onFull);
      await eventually('another', () => hash() !== before, true);
      hashes.push(hash());
      await eventually('on record', () => recorded(), hashes);
    }
    await sleep(2000);
    expect([new Set(hashes).size, await recorded()]).toEqual([3, hashes]);
  }, 90_000);
});

describe('a vault of another release', () => {
  const elsewhere = { namespace: 'audit-system', account: 'audit-pgtape-vault' };
  const otherArchive = join(dir, 'other-archive');
  interface Rendered {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string };
    readonly data?: Readonly<Record<string, string>>;
  }
  const renderedAs = (args: readonly string[]): Rendered[] => {
    const ran = helm(['template', ...args, '--kube-version', '1.33.0']);
    if (ran.status !== 0) throw new Error(ran.err);
    return parseAllDocuments(ran.out)
      .map((document) => document.toJSON() as Rendered | null)
      .filter((object) => object !== null);
  };
  const may = (verb: string, what: string): string =>
    kubectl([
      ...['-n', own, 'auth', 'can-i', verb, what],
      `--as=system:serviceaccount:${elsewhere.namespace}:${elsewhere.account}`,
    ]).out.trim();
  let other: Vault | null = null;

  afterAll(async () => {
    await other?.close().catch(() => undefined);
  });

  it('reads what was published once the release that publishes lets it, and nothing else there', async () => {
    const set = 'operator.enabled=false,vault.archive=audit,vault.published=pgtape-system/pgtape-published';
    const objects = renderedAs(['audit', chartDir, '-n', elsewhere.namespace, '--set', set]);
    await makeNamespace(new KubeObjects(plane.connection), elsewhere.namespace);
    const needed = objects.filter(({ kind }) => /^(ServiceAccount|(Cluster)?Role(Binding)?)$/.test(kind));
    done(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: needed });
    expect(may('get', 'configmaps/pgtape-published')).toBe('no');
    const config = objects.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === elsewhere.account,
    );
    const [text = ''] = Object.values(config?.data ?? {});
    const { published } = parse(text) as { published: object };
    other = await startVault(
      VaultConfig.parse({
        name: 'audit',
        otlp: { port: 0 },
        http: { port: 0 },
        archive: { store: otherArchive },
        log: { level: 'silent' },
        kubernetes: { kubeconfig: await vaultKubeconfig(plane, plane.server, dir, elsewhere) },
        published: { ...published, settleSeconds: 1 },
      }),
    );
    await sleep(2000);
    expect(await recorded(otherArchive)).toEqual([]);
    const to = `operator.publishedTo={${elsewhere.namespace}:${elsewhere.account}}`;
    const roles = ['pgtape', chartDir, '-n', own, '--set', to, '--show-only', 'templates/roles.yaml'];
    const granted = renderedAs(roles).filter(({ metadata }) => metadata.name === 'pgtape-published');
    done(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: granted });
    await eventually('on record', () => recorded(otherArchive), hashes.slice(-1), 60_000);
    const asked = {
      read: may('get', 'configmaps/pgtape-published'),
      write: may('update', 'configmaps/pgtape-published'),
      another: may('get', 'configmaps/pgtape-vault-ca'),
      secrets: may('get', 'secrets/pgtape-vault-log'),
    };
    expect(asked).toEqual({ read: 'yes', write: 'no', another: 'no', secrets: 'no' });
  }, 120_000);
});
