import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { asKubernetes, drifts } from './drifts.ts';
import { seenEventually } from './eventually.ts';
import { rendered } from './helm.ts';
import { kubectlAt, kubectlDone, patch, type Ran } from './kubectl.ts';
import { type OperatorReplica, replicaLogs, startReplica } from './operatorReplicas.ts';
import { runningPodTests } from './runningPods.ts';
import { type ServiceAddress, startServiceAddress } from './serviceAddress.ts';

const root = join(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'pgtape-operator-'));
const auditLog = join(dir, 'audit.jsonl');
let plane: ControlPlane;
let address: ServiceAddress;
const replicas: OperatorReplica[] = [];

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
  ms = 30_000,
): Promise<void> {
  await seenEventually(what, look, wanted, { ms, logs: () => replicaLogs(replicas) });
}

async function addReplica(name: string): Promise<OperatorReplica> {
  const replica = await startReplica({
    dir,
    name,
    kubeconfig: join(dir, 'kubeconfig'),
    servicePort: address.port,
  });
  replicas.push(replica);
  address.ports.add(replica.webhookPort);
  return replica;
}

/** As the chart has them. */
const roles = (): Role[] =>
  parseAllDocuments(rendered(['--set', 'vault.archive=audit', '--show-only', 'templates/roles.yaml']))
    .map((document) => document.toJSON() as Role | null)
    .filter((role) => role !== null);

function grant(): void {
  done(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: roles() });
}

beforeAll(async () => {
  const rules = [{ level: 'Metadata', omitStages: ['RequestReceived'] }];
  writeFileSync(
    join(dir, 'audit.yaml'),
    JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }),
  );
  plane = await startControlPlane([
    `--audit-policy-file=${join(dir, 'audit.yaml')}`,
    `--audit-log-path=${auditLog}`,
  ]);
  done(['apply', '--server-side', '-f', join(root, 'crds')]);
  for (const name of ['shop', 'other', 'pgtape-system']) done(['create', 'namespace', name]);
  for (const name of ['shop', 'pgtape-system'])
    done(['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted']);
  grant();
  done(['-n', 'pgtape-system', 'create', 'serviceaccount', 'pgtape-controller']);
  // Without controllers nobody makes them, and without them no pod is admitted.
  for (const name of ['shop', 'other', 'pgtape-system'])
    done(['-n', name, 'create', 'serviceaccount', 'default']);
  const token = done([
    '-n',
    'pgtape-system',
    'create',
    'token',
    'pgtape-controller',
    '--duration',
    '2h',
  ]).trim();
  const config = JSON.parse(readFileSync(plane.kubeconfig, 'utf8')) as Record<string, unknown>;
  writeFileSync(
    join(dir, 'kubeconfig'),
    JSON.stringify({ ...config, users: [{ name: 'admin', user: { token } }] }),
    {
      mode: 0o600,
    },
  );
  address = await startServiceAddress();
  await addReplica('a');
  await addReplica('b');
}, 120_000);

afterAll(async () => {
  for (const replica of replicas) if (replica.isRunning) await replica.end('SIGKILL');
  await address?.stop();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

const database = (name: string, more: object = {}, app = name): object => ({
  apiVersion: 'pgtape.dev/v1alpha1',
  kind: 'RecordedDatabase',
  metadata: { name, namespace: 'shop' },
  spec: { selector: { matchLabels: { app } }, archiveRef: 'audit', ...more },
});
/** It has a field that this API server does not know: kubectl must not mind. */
const plain = JSON.parse(readFileSync(join(root, 'testdata/pods/plain.json'), 'utf8')) as { spec: object };
const pod = (namespace: string, app: string, name = `${app}-0`): object => ({
  ...plain,
  metadata: { name, namespace, labels: { app } },
});

interface Made {
  readonly metadata: { readonly annotations?: Record<string, string> };
  readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
}

/** `recorded`, `bare` or `refused`, of a pod made as a dry run. */
function outcome(namespace: string, app: string): string {
  const { status, out, err } = kubectl(
    ['create', '--validate=false', '--dry-run=server', '-o', 'json', '-f', '-'],
    pod(namespace, app, `${app}-tried`),
  );
  if (status !== 0) return err.includes('must be recorded') ? 'refused' : err;
  const { spec } = JSON.parse(out) as Made;
  return (spec.initContainers ?? []).some(({ name }) => name === 'pgtape-recorder') ? 'recorded' : 'bare';
}

interface Status {
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

function condition(name: string, type: string): string {
  const { status } = json<{ status?: Status }>(['-n', 'shop', 'get', 'recdb', name]);
  const found = status?.conditions.find((one) => one.type === type);
  return found === undefined ? 'none' : `${found.status}/${found.reason}`;
}

function message(name: string, type: string): string {
  const { status } = json<{ status?: Status }>(['-n', 'shop', 'get', 'recdb', name]);
  return status?.conditions.find((one) => one.type === type)?.message ?? '';
}

const owned = (): string[] =>
  done([
    'get',
    'mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings',
    '-o',
    'name',
  ])
    .trim()
    .split('\n')
    .sort();
const guardOf = (name: string): string[] =>
  [
    `validatingadmissionpolicy.admissionregistration.k8s.io/pgtape.shop.${name}`,
    `validatingadmissionpolicybinding.admissionregistration.k8s.io/pgtape.shop.${name}`,
    `validatingadmissionpolicy.admissionregistration.k8s.io/pgtape.shop.${name}.config`,
    `validatingadmissionpolicybinding.admissionregistration.k8s.io/pgtape.shop.${name}.config`,
  ].sort();
const injector = 'mutatingwebhookconfiguration.admissionregistration.k8s.io/pgtape-injector';
const reasons = (): string =>
  done(['get', 'events', '-A', '-o', 'jsonpath={range .items[*]}{.reason}{"\\n"}{end}']);

function leader(): OperatorReplica {
  const { spec } = json<{ spec: { holderIdentity: string } }>([
    '-n',
    'pgtape-system',
    'get',
    'lease',
    'pgtape-controller',
  ]);
  const found = replicas.find(
    ({ name, isRunning }) => isRunning && spec.holderIdentity.startsWith(`${name}_`),
  );
  if (found === undefined) throw new Error(`${spec.holderIdentity} leads`);
  return found;
}

const readiness = async ({ healthUrl }: OperatorReplica): Promise<unknown> =>
  await (await fetch(`${healthUrl}/readyz`)).json();

describe('pgtape operator', () => {
  it('makes its certificates and the canary, and every replica becomes ready', async () => {
    for (const replica of replicas)
      await eventually(`${replica.name} is ready`, () => readiness(replica), { ok: true, reasons: [] });
    await eventually('the configuration', owned, [injector]);
  }, 60_000);

  it('acts on a RecordedDatabase: webhook, guard, configuration, and status says so', async () => {
    done(['create', '--validate=false', '-f', '-'], pod('shop', 'orders', 'orders-old'));
    done(['apply', '-f', '-'], database('orders', { enforcement: { admission: 'Required' } }));
    await eventually('injector', () => condition('orders', 'InjectorAvailable'), 'True/CanaryInjected');
    await eventually('objects', owned, [injector, ...guardOf('orders')]);
    await eventually('a covered pod', () => outcome('shop', 'orders'), 'recorded');
    expect([outcome('shop', 'web'), outcome('other', 'orders')]).toEqual(['bare', 'bare']);
    done(['create', '--validate=false', '-f', '-'], pod('shop', 'orders'));
    const { metadata } = json<Made>(['-n', 'shop', 'get', 'pod', 'orders-0']);
    const { data } = json<{ data: Record<string, string> }>([
      '-n',
      'shop',
      'get',
      'configmap',
      'pgtape-orders',
    ]);
    expect(metadata.annotations?.['pgtape.dev/recorder-config']).toBe(data['recorder.yaml']);
    expect(data['ca.crt']).toBe('authority of the vault\n');
    await eventually('the old pod is named', () => condition('orders', 'Injected'), 'False/RestartRequired');
    expect(message('orders', 'Injected')).toContain('without a recorder: orders-old; kubectl ');
  }, 60_000);

  it('says that the archive is missing, and that it is there', async () => {
    expect(condition('orders', 'ArchiveFound')).toBe('False/NotFound');
    done(['apply', '-f', '-'], {
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordingArchive',
      metadata: { name: 'audit' },
      spec: { s3: { bucket: 'evidence' }, retention: { days: 365 } },
    });
    await eventually('archive', () => condition('orders', 'ArchiveFound'), 'True/Found');
  }, 60_000);

  it('is not Ready while no recorder answers, and says what is not known', async () => {
    done(['-n', 'shop', 'delete', 'pod', 'orders-old', '--grace-period=0', '--force']);
    await eventually('Ready', () => condition('orders', 'Ready'), 'Unknown/NotProbed');
    const [, row = ''] = done(['-n', 'shop', 'get', 'recdb', 'orders']).split('\n');
    expect(row.split(/\s+/).slice(0, 3)).toEqual(['orders', 'Unknown', 'Unknown']);
    const { status } = json<{ status: Status }>(['-n', 'shop', 'get', 'recdb', 'orders']);
    expect(status.conditions.map(({ type, status: is, reason }) => `${type}=${is}/${reason}`)).toEqual([
      'Ready=Unknown/NotProbed',
      'PolicyAccepted=True/Accepted',
      'ArchiveFound=True/Found',
      'InjectorAvailable=True/CanaryInjected',
      'Injected=True/AllPods',
      'InSync=True/Current',
      'Captured=Unknown/NotProbed',
      'TLSMatched=Unknown/NotKnown',
      'Guarded=True/Denying',
      'BypassFree=Unknown/RecorderUnreachable',
      'Archiving=Unknown/RecorderUnreachable',
      'UpToDate=True/Current',
    ]);
  }, 60_000);

  it('writes no status while nothing changes', async () => {
    const version = (): string =>
      done(['-n', 'shop', 'get', 'recdb', 'orders', '-o', 'jsonpath={.metadata.resourceVersion}']);
    const before = version();
    await sleep(3000);
    expect(version()).toBe(before);
  });

  it('says so when a pod runs with an older configuration', async () => {
    done(patch('recdb', 'orders', 'merge', '{"spec":{"spool":{"onFull":"Refuse"}}}', 'shop'));
    await eventually('InSync', () => condition('orders', 'InSync'), 'False/RestartRequired');
    done(patch('recdb', 'orders', 'json', '[{"op":"remove","path":"/spec/spool/onFull"}]', 'shop'));
    await eventually('InSync', () => condition('orders', 'InSync'), 'True/Current');
  }, 60_000);

  it.each(drifts)(
    'reverts $name',
    async ({ change, look, wanted }) => {
      done(change);
      await eventually('reverted', () => done(look), wanted);
      await eventually('the Event', () => reasons().includes('DriftReverted'), true);
    },
    60_000,
  );

  it('removes what an earlier release left', async () => {
    done(['apply', '-f', '-'], {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'pgtape-earlier', labels: { 'app.kubernetes.io/managed-by': 'pgtape-operator' } },
      webhooks: [],
    });
    await eventually('objects', owned, [injector, ...guardOf('orders')]);
  }, 60_000);

  it('makes a certificate anew that was spoilt, and injects meanwhile', async () => {
    const certificate = [
      '-n',
      'pgtape-system',
      'get',
      'secret',
      'pgtape-webhook',
      '-o',
      'jsonpath={.data.tls\\.crt}',
    ];
    done(patch('secret', 'pgtape-webhook', 'merge', '{"data":{"tls.crt":"AAAA"}}', 'pgtape-system'));
    expect(outcome('shop', 'orders')).toBe('recorded');
    await eventually('a certificate', () => done(certificate).length > 100, true);
    expect(outcome('shop', 'orders')).toBe('recorded');
  }, 60_000);

  it.each([
    {
      name: 'bad-label',
      more: { selector: { matchLabels: { 'no label!': 'x' } } },
      says: "'no label!' is no name of a label",
    },
    { name: 'bad-peer', more: { capture: { rawPeers: ['nowhere'] } }, says: "'nowhere' is no network" },
  ])(
    'does nothing for $name, says why, and nobody else notices',
    async ({ name, more, says }) => {
      done(['apply', '-f', '-'], database(name, more));
      await eventually('PolicyAccepted', () => condition(name, 'PolicyAccepted'), 'False/Invalid');
      expect(message(name, 'PolicyAccepted')).toContain(says);
      expect([owned(), outcome('shop', name), outcome('shop', 'orders')]).toEqual([
        [injector, ...guardOf('orders')],
        'bare',
        'recorded',
      ]);
      done(['-n', 'shop', 'delete', 'recdb', name]);
    },
    60_000,
  );

  it('says which verb its role lacks, stops nobody meanwhile, and goes on when it is granted', async () => {
    const role = json<{ rules: { resources: string[]; verbs: string[] }[] }>([
      'get',
      'clusterrole',
      'pgtape-controller',
    ]);
    const rules = role.rules.flatMap((rule) => {
      if (!rule.resources.includes('validatingadmissionpolicies')) return [rule];
      const resources = ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'];
      return [
        { ...rule, resources: ['mutatingwebhookconfigurations'] },
        { ...rule, resources, verbs: ['list', 'watch', 'delete'] },
      ];
    });
    done(['replace', '-f', '-'], { ...role, rules });
    done(['apply', '-f', '-'], database('billing', { enforcement: { admission: 'Required' } }));
    await eventually('Guarded', () => condition('billing', 'Guarded'), 'False/GuardNotWritten');
    expect(message('billing', 'Guarded')).toContain(
      "lacks 'patch' on 'validatingadmissionpolicies' of admissionregistration.k8s.io",
    );
    await eventually('a pod', () => outcome('shop', 'billing'), 'recorded');
    expect(condition('orders', 'Guarded')).toBe('True/Denying');
    grant();
    await eventually('Guarded', () => condition('billing', 'Guarded'), 'True/Denying', 60_000);
    done(['-n', 'shop', 'delete', 'recdb', 'billing']);
    await eventually('objects', owned, [injector, ...guardOf('orders')]);
  }, 120_000);

  it('lets go of an Unmanaged database, but for what its recorders are configured by', async () => {
    const state = (is: string): string =>
      done(patch('recdb', 'orders', 'merge', `{"spec":{"managementState":"${is}"}}`, 'shop'));
    state('Unmanaged');
    await eventually('objects', owned, [injector]);
    await eventually('Ready', () => condition('orders', 'Ready'), 'False/Unmanaged');
    await eventually('a pod', () => outcome('shop', 'orders'), 'bare');
    done(['-n', 'shop', 'get', 'configmap', 'pgtape-orders']);
    state('Managed');
    await eventually('objects', owned, [injector, ...guardOf('orders')]);
    await eventually('a pod', () => outcome('shop', 'orders'), 'recorded');
  }, 60_000);

  it('tells the younger of two that select the same pods', async () => {
    await sleep(1000);
    done(['apply', '-f', '-'], database('orders-too', {}, 'orders'));
    await eventually('conflict', () => condition('orders-too', 'PolicyAccepted'), 'False/SelectorConflict');
    expect(condition('orders', 'PolicyAccepted')).toBe('True/Accepted');
    const { metadata } = JSON.parse(
      done(
        ['create', '--validate=false', '--dry-run=server', '-o', 'json', '-f', '-'],
        pod('shop', 'orders', 'orders-1'),
      ),
    ) as Made;
    expect(metadata.annotations?.['pgtape.dev/recorded-by']).toBe('shop/orders');
    done(['-n', 'shop', 'delete', 'recdb', 'orders-too']);
    await eventually('only the older is left', owned, [injector, ...guardOf('orders')]);
  }, 60_000);

  it('goes on when the leader is killed: another takes over, and every pod comes out recorded meanwhile', async () => {
    const killed = leader();
    await killed.end('SIGKILL');
    done(['-n', 'shop', 'delete', 'configmap', 'pgtape-orders', ...asKubernetes]);
    const outcomes = new Set<string>();
    const isRemade = (): boolean => kubectl(['-n', 'shop', 'get', 'configmap', 'pgtape-orders']).status === 0;
    for (const end = performance.now() + 30_000; performance.now() < end && !isRemade(); )
      outcomes.add(outcome('shop', 'orders'));
    expect({ isRemade: isRemade(), outcomes: [...outcomes] }).toEqual({
      isRemade: true,
      outcomes: ['recorded'],
    });
    expect(leader().name).not.toBe(killed.name);
    address.ports.delete(killed.webhookPort);
    const replica = await addReplica('c');
    await eventually('a new replica', () => readiness(replica), { ok: true, reasons: [] });
  }, 90_000);

  it('goes on after the API server was restarted', async () => {
    await plane.restartApiServer();
    await eventually('a covered pod', () => outcome('shop', 'orders'), 'recorded');
    done(['apply', '-f', '-'], database('ledger'));
    await eventually('guard', owned, [injector, ...guardOf('ledger'), ...guardOf('orders')].sort(), 60_000);
    await eventually('status', () => condition('ledger', 'PolicyAccepted'), 'True/Accepted', 60_000);
  }, 150_000);

  runningPodTests({
    done,
    eventually,
    condition,
    message,
    database,
    pod,
    async changeLeader() {
      const before = leader();
      await before.end('SIGKILL');
      address.ports.delete(before.webhookPort);
      const replica = await addReplica('d');
      await eventually('a new replica', () => readiness(replica), { ok: true, reasons: [] });
      await eventually('another leads', () => leader().name !== before.name, true);
    },
    metrics: async () => await (await fetch(`${leader().healthUrl}/metrics`)).text(),
  });

  it('leaves nothing that blocks pods when the databases are deleted', async () => {
    done(['-n', 'shop', 'delete', 'recdb', '--all']);
    await eventually('objects', owned, [injector]);
    await eventually('a pod', () => outcome('shop', 'orders'), 'bare');
    await eventually('no configuration', () => done(['-n', 'shop', 'get', 'configmaps', '-o', 'name']), '');
  }, 60_000);

  it('shows what it does in metrics', async () => {
    const names = new Set<string | undefined>();
    for (const { healthUrl } of replicas.filter(({ isRunning }) => isRunning)) {
      const text = await (await fetch(`${healthUrl}/metrics`)).text();
      const found = text.matchAll(/^(pgtape_operator_\w+?)(_bucket|_sum|_count)?[ {]/gm);
      // Whether a repeated Event was dropped depends on how fast all this was.
      for (const [, name] of found) if (name !== 'pgtape_operator_events_dropped_total') names.add(name);
    }
    expect([...names].sort()).toEqual([
      'pgtape_operator_bypasses_total',
      'pgtape_operator_leading',
      'pgtape_operator_queue_depth',
      'pgtape_operator_reconcile_duration_seconds',
      'pgtape_operator_reconciles_total',
      'pgtape_operator_recorder_answers_total',
      'pgtape_operator_rollouts_total',
      'pgtape_operator_watch_age_seconds',
      'pgtape_operator_watch_reconnects_total',
      'pgtape_operator_webhook_certificate_expiry_seconds',
      'pgtape_operator_webhook_duration_seconds',
      'pgtape_operator_writes_total',
    ]);
  });

  it('ends in order on SIGTERM and gives leading away', async () => {
    const ended = leader();
    const code = ended.end('SIGTERM');
    await eventually('it says so', async () => (await readiness(ended)) as object, {
      ok: false,
      reasons: ['draining'],
    });
    expect(await code).toBe(0);
    await eventually('another leads', () => leader().name !== ended.name, true);
  }, 60_000);

  it('used every verb of its role, and no other', () => {
    const user = 'system:serviceaccount:pgtape-system:pgtape-controller';
    const used = new Set<string>();
    const refused = new Set<string>();
    for (const line of readFileSync(auditLog, 'utf8').trim().split('\n')) {
      const { user: by, verb, objectRef, responseStatus } = JSON.parse(line) as AuditLine;
      if (by.username !== user || objectRef === undefined) continue;
      const { resource, subresource, apiGroup = '' } = objectRef;
      // Who one is may be asked by everybody (system:basic-user).
      if (resource === 'selfsubjectreviews') continue;
      const what = `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`} ${apiGroup}`;
      // An API server that starts refuses everybody until it knows the roles.
      if (responseStatus?.code === 403) refused.add(what);
      else used.add(what);
    }
    const granted = new Set<string>();
    for (const { metadata, rules = [] } of roles()) {
      if (metadata.name !== 'pgtape-controller') continue;
      for (const { apiGroups, resources, verbs } of rules)
        for (const resource of resources)
          for (const verb of verbs) granted.add(`${verb} ${resource} ${apiGroups[0]}`);
    }
    // Asked for by server-side apply and logged as `patch`; and what repeated Events need, after ten seconds at the earliest.
    const asPatch = [
      'create configmaps ',
      'create services ',
      ...[
        'mutatingwebhookconfigurations',
        'validatingadmissionpolicies',
        'validatingadmissionpolicybindings',
      ].map((resource) => `create ${resource} admissionregistration.k8s.io`),
    ];
    expect({
      used: [...new Set([...used, ...asPatch, 'patch events events.k8s.io'])].sort(),
      refused: [...refused].filter((what) => !granted.has(what)),
    }).toEqual({
      used: [...granted].sort(),
      refused: [],
    });
  });
});

interface Role {
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Rule[];
}

interface AuditLine {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}
