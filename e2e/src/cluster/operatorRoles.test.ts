/** The operator as the chart runs it: webhook and controller as processes of their own, each with its own account. */
import { execFile, execFileSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@pgtape/testkit';
import { parseAllDocuments } from 'yaml';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { seenEventually } from './eventually.ts';
import { kubectlAt, kubectlDone, patch, type Ran } from './kubectl.ts';
import { main, type OperatorReplica, replicaLogs, startReplica } from './operatorReplicas.ts';
import { type ServiceAddress, startServiceAddress } from './serviceAddress.ts';

const root = join(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'pgtape-roles-'));
const own = 'pgtape-system';
let plane: ControlPlane;
let address: ServiceAddress;
/** In front of the API server; nobody listens there before `open()`. */
let hop: { port: number; open(): Promise<void>; close(): Promise<void> };
const replicas = new Map<string, OperatorReplica>();

function kubectl(args: readonly string[], input?: object): Ran {
  return kubectlAt(plane, args, input === undefined ? undefined : JSON.stringify(input));
}

function done(args: readonly string[], input?: object): string {
  return kubectlDone(plane, args, input === undefined ? undefined : JSON.stringify(input));
}

const json = <T>(args: readonly string[]): T => JSON.parse(done([...args, '-o', 'json'])) as T;

async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  wanted: unknown,
  ms = 45_000,
): Promise<void> {
  await seenEventually(what, look, wanted, { ms, logs: () => replicaLogs(replicas.values()) });
}

async function hopTo(server: URL): Promise<typeof hop> {
  const port = await freePort();
  let listening: Server | null = null;
  return {
    port,
    async open() {
      listening = createServer((client) => {
        const upstream = connect(Number(server.port), '127.0.0.1');
        for (const socket of [client, upstream]) socket.on('error', () => undefined);
        client.on('close', () => upstream.destroy());
        upstream.on('close', () => client.destroy());
        client.pipe(upstream).pipe(client);
      });
      await new Promise<void>((resolve) => listening?.listen(port, '127.0.0.1', resolve));
    },
    async close() {
      await new Promise((resolve) => (listening === null ? resolve(null) : listening.close(resolve)));
    },
  };
}

/** A kubeconfig with the token of one of our accounts, through the hop. */
function kubeconfigOf(account: string): string {
  const token = done(['-n', own, 'create', 'token', account, '--duration', '2h']).trim();
  const config = JSON.parse(readFileSync(plane.kubeconfig, 'utf8')) as {
    clusters: { cluster: { server: string } }[];
  };
  for (const { cluster } of config.clusters) cluster.server = `https://127.0.0.1:${hop.port}`;
  const file = join(dir, `${account}.kubeconfig`);
  writeFileSync(file, JSON.stringify({ ...config, users: [{ name: 'admin', user: { token } }] }), {
    mode: 0o600,
  });
  return file;
}

const vault = {
  url: 'https://pgtape-vault.pgtape-system.svc:4317',
  archive: 'default',
  caSecret: 'pgtape-vault-tls',
  caConfigMap: 'pgtape-vault-ca',
  logSecret: 'pgtape-vault-log',
};

async function addReplica(name: string, role: 'webhook' | 'controller', more: object = {}): Promise<void> {
  const replica = await startReplica({
    dir,
    name,
    kubeconfig: join(dir, `pgtape-${role}.kubeconfig`),
    servicePort: address.port,
    args: ['--role', role],
    more: {
      vault,
      ownerClusterRole: 'pgtape-controller',
      serviceAccounts: ['pgtape-webhook', 'pgtape-controller'],
      lease: { name: 'pgtape-controller', durationSeconds: 4, renewSeconds: 3, retrySeconds: 1 },
      ...more,
    },
  });
  replicas.set(name, replica);
  if (role === 'webhook') address.ports.add(replica.webhookPort);
}

const replica = (name: string): OperatorReplica => replicas.get(name) as OperatorReplica;
const health = async (name: string, path: 'livez' | 'readyz'): Promise<unknown> =>
  await (await fetch(`${replica(name).healthUrl}/${path}`)).json();
const well = { ok: true, reasons: [] };

/** The roles that the chart gives, cut down to what this test starts. */
function chart(...more: readonly string[]): string {
  const helm = process.env.PGTAPE_E2E_HELM;
  if (helm === undefined) throw new Error('PGTAPE_E2E_HELM names no helm: run scripts/e2e-cluster');
  return execFileSync(
    helm,
    [
      'template',
      'pgtape',
      join(root, 'charts/pgtape'),
      '-n',
      own,
      '--kube-version',
      '1.36.0',
      '--show-only',
      'templates/roles.yaml',
      ...more,
    ],
    { encoding: 'utf8' },
  );
}

beforeAll(async () => {
  plane = await startControlPlane();
  hop = await hopTo(plane.server);
  address = await startServiceAddress();
  for (const name of [own, 'shop']) done(['create', 'namespace', name]);
  for (const [namespace, account] of [
    [own, 'default'],
    [own, 'pgtape-webhook'],
    [own, 'pgtape-controller'],
    [own, 'pgtape-vault'],
    [own, 'pgtape-test'],
    ['shop', 'default'],
  ] as const)
    done(['-n', namespace, 'create', 'serviceaccount', account]);
  writeFileSync(join(dir, 'roles.yaml'), chart());
  done(['apply', '-f', join(dir, 'roles.yaml')]);
  done(['-n', own, 'create', 'role', 'canary', '--verb=create', '--resource=pods']);
  done([
    '-n',
    own,
    'create',
    'rolebinding',
    'canary',
    '--role=canary',
    `--serviceaccount=${own}:pgtape-test`,
  ]);
  for (const account of ['webhook', 'controller', 'test']) kubeconfigOf(`pgtape-${account}`);
}, 120_000);

afterAll(async () => {
  for (const one of replicas.values()) if (one.isRunning) await one.end('SIGKILL');
  await hop?.close();
  await address?.stop();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

const database = (name: string, more: object = {}): object => ({
  apiVersion: 'pgtape.dev/v1alpha1',
  kind: 'RecordedDatabase',
  metadata: { name, namespace: 'shop' },
  spec: { selector: { matchLabels: { app: name } }, archiveRef: 'default', ...more },
});

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function conditionOf(name: string, type: string): Condition | undefined {
  const { status } = json<{ status?: { conditions: Condition[] } }>(['-n', 'shop', 'get', 'recdb', name]);
  return status?.conditions.find((one) => one.type === type);
}

function condition(name: string, type: string): string {
  const found = conditionOf(name, type);
  return found === undefined ? 'none' : `${found.status}/${found.reason}`;
}

const message = (name: string, type: string): string => conditionOf(name, type)?.message ?? '';

const configMap = (name: string): Record<string, string> =>
  json<{ data: Record<string, string> }>(['-n', 'shop', 'get', 'configmap', `pgtape-${name}`]).data;
const secret = (name: string): Record<string, string> => {
  const { data } = json<{ data: Record<string, string> }>(['-n', own, 'get', 'secret', name]);
  const entries = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
  return Object.fromEntries(entries) as Record<string, string>;
};
const authorityForPeople = (): Record<string, string> =>
  json<{ data: Record<string, string> }>(['-n', own, 'get', 'configmap', 'pgtape-vault-ca']).data;
const vaultOf = (name: string): string =>
  (JSON.parse(configMap(name)['recorder.yaml'] ?? '') as { vault: { url: string } }).vault.url;

async function canary(account: string, seconds: number): Promise<{ status: number; said: string }> {
  const config = join(dir, 'canary.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      namespace: own,
      image: 'image@sha256:0',
      kubernetes: { kubeconfig: join(dir, `${account}.kubeconfig`) },
      vault: { url: 'https://v:1' },
    }),
  );
  const args = [main, 'operator', '--canary', String(seconds), '--config', config];
  // The hop in front of the API server is served by this very process.
  return await new Promise((resolve) => {
    execFile(process.execPath, args, { env: {} }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
}

describe('pgtape operator --role', () => {
  it('starts without an API server, lives, and says what it waits for', async () => {
    await addReplica('webhook', 'webhook');
    await addReplica('controller', 'controller');
    for (const name of ['webhook', 'controller']) {
      expect(await health(name, 'livez')).toEqual(well);
      await eventually(`${name} is not ready`, () => health(name, 'readyz'), {
        ok: false,
        reasons: expect.arrayContaining(['api_unreachable']),
      });
    }
  }, 60_000);

  it('is ready once there is one: the controller writes, the webhook serves what it wrote', async () => {
    await hop.open();
    // Without the CRDs there are no databases; the webhook waits for them for a while.
    done(['apply', '--server-side', '-f', join(root, 'crds')]);
    await eventually('controller', () => health('controller', 'readyz'), well);
    await eventually('webhook', () => health('webhook', 'readyz'), well);
    const metrics = async (name: string): Promise<string> =>
      await (await fetch(`${replica(name).healthUrl}/metrics`)).text();
    expect(await metrics('webhook')).not.toContain('pgtape_operator_leading');
    expect(await metrics('controller')).toMatch(/^pgtape_operator_leading 1$/m);
  }, 90_000);

  it('is found to work by who may only make pods as a dry run', async () => {
    await eventually('the canary', () => canary('pgtape-test', 20), {
      status: 0,
      said: 'a pod made as a dry run came back with a recorder\n',
    });
  }, 60_000);

  it('makes the Secrets of the vault, and gives its authority to recorders', async () => {
    done(['apply', '-f', '-'], database('orders'));
    await eventually('ca.crt', () => configMap('orders')['ca.crt'], secret('pgtape-vault-tls')['ca.crt']);
    expect(vaultOf('orders')).toBe(vault.url);
    expect(authorityForPeople()).toEqual({ 'ca.crt': secret('pgtape-vault-tls')['ca.crt'] });
    const { 'tls.crt': cert = '', 'ca.crt': ca = '' } = secret('pgtape-vault-tls');
    const certificate = new X509Certificate(cert);
    const names = [
      'pgtape-vault',
      'pgtape-vault.pgtape-system.svc',
      'pgtape-vault.pgtape-system.svc.cluster.local',
    ];
    expect(names.map((name) => certificate.checkHost(name))).toEqual(names);
    expect(certificate.verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(createPublicKey(secret('pgtape-vault-log')['log.key'] ?? '').asymmetricKeyType).toBe('ed25519');
    const text = await (await fetch(`${replica('controller').healthUrl}/metrics`)).text();
    const [, left] = /^pgtape_operator_vault_certificate_expiry_seconds (\d+)$/m.exec(text) ?? [];
    expect(Math.ceil(Number(left) / 86_400)).toBe(30);
  }, 60_000);

  it('publishes what recorders were given, and what before', async () => {
    const published = (): Record<string, unknown> | null => {
      const { data = {} } = json<{ data?: Record<string, string> }>([
        '-n',
        own,
        'get',
        'configmap',
        'pgtape-published',
      ]);
      return data['shop.orders'] === undefined
        ? null
        : (JSON.parse(data['shop.orders']) as Record<string, unknown>);
    };
    const hashOf = (): string =>
      json<{ metadata: { annotations: Record<string, string> } }>([
        '-n',
        'shop',
        'get',
        'configmap',
        'pgtape-orders',
      ]).metadata.annotations['pgtape.dev/config-hash'] ?? '';
    await eventually('published', () => published()?.configHash, hashOf());
    const before = published();
    expect(before).toMatchObject({ history: [] });
    done(patch('recdb', 'orders', 'merge', '{"spec":{"capture":{"rawPeers":["10.1.0.0/16"]}}}', 'shop'));
    await eventually('published anew', () => published()?.history, [
      {
        configHash: before?.configHash,
        policyHash: before?.policyHash,
        version: before?.version,
        at: before?.at,
      },
    ]);
    expect(published()?.configHash).toBe(hashOf());
    expect(published()?.policyHash).not.toBe(before?.policyHash);
    await sleep(2000);
    expect(published()?.history).toHaveLength(1);
    const wrong = '{"data":{"shop.orders":"{}"}}';
    const now = published();
    done(patch('configmap', 'pgtape-published', 'merge', wrong, own));
    await eventually('reverted', published, now);
  }, 60_000);

  it('guards the configuration of recorders against everybody but itself', async () => {
    const change = (): string =>
      kubectl(patch('configmap', 'pgtape-orders', 'merge', '{"data":{"x":"y"}}', 'shop')).err;
    await eventually('denied', change, expect.stringContaining('which the operator alone changes'));
    done(patch('recdb', 'orders', 'merge', '{"spec":{"spool":{"onFull":"Refuse"}}}', 'shop'));
    await eventually(
      'the operator may',
      () => configMap('orders')['recorder.yaml'],
      expect.stringContaining('"refuse"'),
    );
    done(['-n', 'shop', 'get', 'validatingadmissionpolicy', 'pgtape.shop.orders.config']);
  }, 60_000);

  it('gives recorders the place that the archive says, and a renewed authority', async () => {
    done(['apply', '-f', '-'], {
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordingArchive',
      metadata: { name: 'other' },
      spec: { s3: { bucket: 'evidence' }, retention: { days: 365 } },
    });
    done(['apply', '-f', '-'], database('ledger', { archiveRef: 'other' }));
    await eventually('not served', () => condition('ledger', 'ArchiveFound'), 'False/NotServed');
    expect(vaultOf('ledger')).toBe('https://not-served.invalid:4317');
    const caBundle = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';
    const status = { endpoint: 'https://other-vault.elsewhere.svc:4317', caBundle, logSize: 5 };
    done([...patch('recarchive', 'other', 'merge', JSON.stringify({ status })), '--subresource=status']);
    await eventually('served', () => condition('ledger', 'ArchiveFound'), 'True/Found');
    await eventually('endpoint', () => vaultOf('ledger'), status.endpoint);
    expect(configMap('ledger')['ca.crt']).toBe(caBundle);
    done(['apply', '-f', '-'], database('tills'));
    await eventually('tills', () => configMap('tills')['ca.crt'], secret('pgtape-vault-tls')['ca.crt']);
    done(['apply', '-f', '-'], database('tills', { managementState: 'Unmanaged' }));
    await eventually('unmanaged', () => condition('tills', 'PolicyAccepted'), 'True/Unmanaged');
    const { 'recorder.yaml': left } = configMap('tills');
    const before = secret('pgtape-vault-tls')['ca.crt'] ?? '';
    done(patch('secret', 'pgtape-vault-tls', 'merge', '{"data":{"ca.key":"AAAA"}}', own));
    await eventually(
      'a new authority before the old one',
      () => secret('pgtape-vault-tls')['ca.crt'],
      expect.stringMatching(new RegExp(`.+${before.slice(-80, -30).replace(/[+/\n]/g, '.')}`, 's')),
    );
    const renewed = secret('pgtape-vault-tls')['ca.crt'];
    await eventually('ca.crt', () => configMap('orders')['ca.crt'], renewed);
    await eventually('for people', authorityForPeople, { 'ca.crt': renewed });
    await eventually('unmanaged', () => configMap('tills'), { 'recorder.yaml': left, 'ca.crt': renewed });
    expect(configMap('ledger')['ca.crt']).toBe(caBundle);
    done(['-n', 'shop', 'delete', 'recdb', 'tills']);
  }, 90_000);

  it('leaves a key alone that it does not understand, and says so', async () => {
    const key = secret('pgtape-vault-log')['log.key'] ?? '';
    done(patch('secret', 'pgtape-vault-log', 'merge', '{"data":{"log.key":"AAAA"}}', own));
    const reasons = (): string =>
      done([
        '-n',
        own,
        'get',
        'events',
        '-o',
        'jsonpath={range .items[*]}{.reason} {.regarding.name}{.involvedObject.name}{"\\n"}{end}',
      ]);
    await eventually('the Event', () => reasons().includes('SecretNotUnderstood pgtape-vault-log'), true);
    expect(secret('pgtape-vault-log')['log.key']).toBe('\0\0\0');
    const data = { 'log.key': Buffer.from(key).toString('base64') };
    done(patch('secret', 'pgtape-vault-log', 'merge', JSON.stringify({ data }), own));
  }, 60_000);

  it("says in the archive's status that the key of its log is lost, makes no other, and says that it is back", async () => {
    const ofArchive = (): unknown =>
      json<{ status?: { conditions?: { type: string; status: string; reason: string }[] } }>([
        'get',
        'recordingarchive',
        'default',
      ]).status?.conditions?.map((one) => `${one.type}=${one.status}/${one.reason}`);
    done(['apply', '-f', '-'], {
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordingArchive',
      metadata: { name: 'default' },
      spec: { s3: { bucket: 'evidence' }, retention: { days: 365 } },
    });
    await eventually('kept', ofArchive, ['LogKeyPresent=True/LogKeyKept']);
    const kept = json<{ data: object; type: string }>(['-n', own, 'get', 'secret', 'pgtape-vault-log']);
    // As its vault writes it.
    const status = {
      logSize: 7,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Serving',
          message: '',
          lastTransitionTime: '2026-11-20T10:00:00Z',
        },
      ],
    };
    const archive = {
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordingArchive',
      metadata: { name: 'default' },
    };
    const asVault = [
      'apply',
      '--server-side',
      '--field-manager=pgtape-vault',
      '--subresource=status',
      '-f',
      '-',
    ];
    done(asVault, { ...archive, status });
    await eventually('both', ofArchive, ['LogKeyPresent=True/LogKeyKept', 'Ready=True/Serving']);
    done(['-n', own, 'delete', 'secret', 'pgtape-vault-log']);
    await eventually('lost', ofArchive, ['LogKeyPresent=False/LogKeyLost', 'Ready=True/Serving']);
    expect(kubectl(['-n', own, 'get', 'secret', 'pgtape-vault-log']).status).toBe(1);
    done(['create', '-f', '-'], {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'pgtape-vault-log', namespace: own },
      type: kept.type,
      data: kept.data,
    });
    await eventually('back', ofArchive, ['LogKeyPresent=True/LogKeyKept', 'Ready=True/Serving']);
    done(['delete', 'recordingarchive', 'default']);
  }, 90_000);

  it('tells who asks that the webhook is not reached', async () => {
    await replica('webhook').end('SIGKILL');
    expect(await canary('pgtape-test', 0)).toEqual({
      status: 1,
      said: expect.stringContaining('came back without a recorder'),
    });
    expect(await canary('pgtape-webhook', 0)).toEqual({
      status: 1,
      said: expect.stringContaining("lacks 'create' on 'pods'"),
    });
  }, 60_000);

  it('uses a certificate that others made as it is, and says where there is none', async () => {
    await replica('controller').end('SIGTERM');
    await addReplica('told', 'controller', {
      certificates: { issuer: 'secret' },
      webhook: { url: `https://127.0.0.1:${address.port}`, certificateSecret: 'pgtape-vault-tls' },
    });
    const bundle = (): string =>
      Buffer.from(
        done([
          ...['get', 'mutatingwebhookconfiguration', 'pgtape-injector', '-o'],
          'jsonpath={.webhooks[0].clientConfig.caBundle}',
        ]),
        'base64',
      ).toString();
    await eventually('its authority', bundle, secret('pgtape-vault-tls')['ca.crt']);
    done(patch('secret', 'pgtape-vault-tls', 'json', '[{"op":"remove","path":"/data/tls.key"}]', own));
    await eventually('said', () => condition('orders', 'InjectorAvailable'), 'False/WebhookNotWritten');
    expect(message('orders', 'InjectorAvailable')).toContain('whoever issues certificates must fill it');
    await replica('told').end('SIGTERM');
  }, 120_000);

  it('works by Roles alone, and says which right it lacks beyond them', async () => {
    const roles = ['pgtape-controller', 'pgtape-webhook', 'pgtape-vault'];
    done(['delete', 'clusterrole,clusterrolebinding', ...roles]);
    const restricted = chart('--set', 'rbac.namespaced=true,rbac.namespaces={shop}');
    const namespaced = parseAllDocuments(restricted)
      .map((document) => document.toJSON() as { kind: string } | null)
      .filter((object) => object?.kind === 'Role' || object?.kind === 'RoleBinding');
    done(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: namespaced });
    await addReplica('restricted', 'controller', { namespaces: ['shop'] });
    await eventually('ready', () => health('restricted', 'readyz'), well, 90_000);
    const change = (onFull: string): void =>
      void done(patch('recdb', 'orders', 'merge', `{"spec":{"spool":{"onFull":"${onFull}"}}}`, 'shop'));
    change('Pause');
    await eventually(
      'written',
      () => configMap('orders')['recorder.yaml'],
      expect.stringContaining('"pause"'),
    );
    const wanted = {
      Guarded: 'False/GuardNotWritten',
      InjectorAvailable: 'False/WebhookNotWritten',
      ArchiveFound: 'Unknown/NotReadable',
    };
    for (const [type, is] of Object.entries(wanted))
      await eventually(type, () => condition('orders', type), is);
    expect(message('orders', 'Guarded')).toContain(
      "lacks 'list' on 'validatingadmissionpolicies' of admissionregistration.k8s.io",
    );
    expect(message('orders', 'ArchiveFound')).toContain("lacks 'list' on 'recordingarchives' of pgtape.dev");
    done(['apply', '-f', join(dir, 'roles.yaml')]);
    await eventually('granted', () => condition('orders', 'Guarded'), 'True/Warning', 90_000);
  }, 240_000);
});
