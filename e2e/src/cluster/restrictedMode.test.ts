/**
 * `rbac.namespaced`: the operator with Roles in two namespaces alone. What is missing is said; with what an administrator applies once,
 * nothing is.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@pgtape/testkit';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { seenEventually } from './eventually.ts';
import { rendered } from './helm.ts';
import { kubectlDone } from './kubectl.ts';
import { type OperatorReplica, replicaLogs, startReplica } from './operatorReplicas.ts';
import { type ServiceAddress, startServiceAddress } from './serviceAddress.ts';

const root = join(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'pgtape-restricted-'));
const own = 'pgtape-system';
let plane: ControlPlane;
let address: ServiceAddress;
const replicas: OperatorReplica[] = [];

function done(args: readonly string[], input?: string): string {
  return kubectlDone(plane, args, input);
}

async function eventually(what: string, look: () => unknown, wanted: unknown): Promise<void> {
  await seenEventually(what, look, wanted, { ms: 60_000, logs: () => replicaLogs(replicas) });
}

/** A process of a role, with the account that the chart gives it. */
async function addReplica(role: 'webhook' | 'controller'): Promise<void> {
  const token = done(['-n', own, 'create', 'token', `pgtape-${role}`, '--duration', '2h']).trim();
  const config = JSON.parse(readFileSync(plane.kubeconfig, 'utf8')) as object;
  const kubeconfig = join(dir, `${role}.kubeconfig`);
  writeFileSync(kubeconfig, JSON.stringify({ ...config, users: [{ name: 'admin', user: { token } }] }), {
    mode: 0o600,
  });
  const port = await freePort();
  const replica = await startReplica({
    dir,
    name: role,
    kubeconfig,
    servicePort: address.port,
    args: ['--role', role],
    more: {
      namespaces: ['shop'],
      ownerClusterRole: 'pgtape-controller',
      serviceAccounts: ['pgtape-webhook', 'pgtape-controller'],
      vault: {
        url: 'https://pgtape-vault.pgtape-system.svc:4317',
        caSecret: 'pgtape-vault-tls',
        logSecret: 'pgtape-vault-log',
      },
      webhook: { host: '127.0.0.1', port, url: `https://127.0.0.1:${address.port}`, drainSeconds: 0 },
      lease: { name: 'pgtape-controller', durationSeconds: 4, renewSeconds: 3, retrySeconds: 1 },
    },
  });
  replicas.push(replica);
  if (role === 'webhook') address.ports.add(port);
}

beforeAll(async () => {
  plane = await startControlPlane();
  address = await startServiceAddress();
  for (const name of [own, 'shop', 'other']) {
    done(['create', 'namespace', name]);
    done(['-n', name, 'create', 'serviceaccount', 'default']);
  }
  done(['apply', '--server-side', '-f', join(root, 'crds')]);
  const restricted = ['--set', 'rbac.namespaced=true,rbac.namespaces={shop}'];
  done(['apply', '-f', '-'], rendered([...restricted, '--show-only', 'templates/roles.yaml']));
  for (const role of ['webhook', 'controller'] as const) {
    done(['-n', own, 'create', 'serviceaccount', `pgtape-${role}`]);
    await addReplica(role);
  }
}, 120_000);

afterAll(async () => {
  for (const replica of replicas) if (replica.isRunning) await replica.end('SIGKILL');
  await address?.stop();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

function database(namespace: string): string {
  return JSON.stringify({
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name: 'orders', namespace },
    spec: { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'default' },
  });
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function conditions(namespace: string): readonly Condition[] {
  const text = done(['-n', namespace, 'get', 'recdb', 'orders', '-o', 'json']);
  return (JSON.parse(text) as { status?: { conditions: Condition[] } }).status?.conditions ?? [];
}

function condition(type: string): string {
  const found = conditions('shop').find((one) => one.type === type);
  return found === undefined ? 'none' : `${found.status}/${found.reason}`;
}

function outcome(namespace: string): string {
  const pod = readFileSync(join(root, 'testdata/pods/plain.json'), 'utf8');
  const object = {
    ...(JSON.parse(pod) as object),
    metadata: { name: 'orders-0', namespace, labels: { app: 'orders' } },
  };
  const args = ['create', '--validate=false', '--dry-run=server', '-o', 'json', '-f', '-'];
  const { spec } = JSON.parse(done(args, JSON.stringify(object))) as {
    spec: { initContainers?: { name: string }[] };
  };
  return (spec.initContainers ?? []).some(({ name }) => name === 'pgtape-recorder') ? 'recorded' : 'bare';
}

describe('the operator in restricted mode', () => {
  it('says what it may not, and does what it may', async () => {
    for (const namespace of ['shop', 'other']) done(['apply', '-f', '-'], database(namespace));
    await eventually('PolicyAccepted', () => condition('PolicyAccepted'), 'True/Accepted');
    await eventually('the injector', () => condition('InjectorAvailable'), 'False/WebhookNotWritten');
    const said = conditions('shop').find(({ type }) => type === 'InjectorAvailable')?.message;
    expect(said).toContain("lacks 'list' on 'mutatingwebhookconfigurations'");
    await eventually('the guard', () => condition('Guarded'), 'False/GuardNotWritten');
    await eventually('Ready', () => condition('Ready').split('/')[0], 'False');
    done(['-n', 'shop', 'get', 'configmap', 'pgtape-orders']);
    for (const secret of ['pgtape-webhook', 'pgtape-vault-tls', 'pgtape-vault-log'])
      done(['-n', own, 'get', 'secret', secret]);
    expect(outcome('shop')).toBe('bare');
  }, 150_000);

  it('is whole once an administrator has applied deploy/cluster-scoped.yaml, without being started again', async () => {
    done(['apply', '--server-side', '--force-conflicts', '-f', join(root, 'deploy/cluster-scoped.yaml')]);
    await eventually('the injector', () => condition('InjectorAvailable'), 'True/CanaryInjected');
    await eventually('the guard', () => condition('Guarded'), 'True/Warning');
    await eventually('a pod', () => outcome('shop'), 'recorded');
    const owners = '{.metadata.ownerReferences[*].name}';
    const configuration = [
      'get',
      'mutatingwebhookconfiguration',
      'pgtape-injector',
      '-o',
      `jsonpath=${owners}`,
    ];
    await eventually('its owner', () => done(configuration), 'pgtape-controller');
  }, 150_000);

  it('has nothing to do with databases of other namespaces', () => {
    expect(conditions('other')).toEqual([]);
    expect(outcome('other')).toBe('bare');
  });
});
