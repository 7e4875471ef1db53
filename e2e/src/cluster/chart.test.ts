/** The chart on a real API server: `helm install` succeeds whatever CRDs are there before. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments, stringify } from 'yaml';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { chartDir, helm } from './helm.ts';
import { kubectlAt } from './kubectl.ts';

const root = join(import.meta.dirname, '../../..');
const crds = ['recordeddatabases.pgtape.dev', 'recordingarchives.pgtape.dev'];
let plane: ControlPlane;

function done(args: readonly string[], input?: string): string {
  const { status, out, err } = kubectlAt(plane, args, input);
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${err}`);
  return out;
}

function helmDone(args: readonly string[]): string {
  const { status, out, err } = helm(args, plane);
  if (status !== 0) throw new Error(`helm ${args.join(' ')}: ${err}`);
  return out;
}

const install = (release: string, namespace: string, more: readonly string[] = []): string =>
  helmDone(['install', release, chartDir, '-n', namespace, ...more]);

beforeAll(async () => {
  plane = await startControlPlane();
  for (const name of ['pgtape-system', 'audit-system', 'shop', 'billing'])
    done(['create', 'namespace', name]);
  for (const name of ['pgtape-system', 'audit-system'])
    done(['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted']);
}, 120_000);

afterAll(async () => {
  await plane?.stop();
}, 30_000);

interface Definition {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly versions: readonly { readonly schema: unknown }[] };
}

const definition = (name: string): Definition =>
  JSON.parse(done(['get', 'crd', name, '-o', 'json'])) as Definition;
const ownerOf = (name: string): string =>
  definition(name).metadata.annotations?.['meta.helm.sh/release-name'] ?? 'nobody';
const definitions = (): string => done(['get', 'crds', '-o', 'name']).trim();

async function withoutDefinitions(): Promise<void> {
  done(['delete', 'crds', '--all', '--wait=true']);
  for (let waited = 0; definitions() !== '' && waited < 10_000; waited += 100) await sleep(100);
}

describe('helm install', () => {
  afterEach(async () => {
    for (const namespace of ['pgtape-system', 'audit-system']) {
      const releases = helmDone(['list', '-q', '-n', namespace]).trim().split('\n');
      for (const release of releases.filter((name) => name !== ''))
        helmDone(['uninstall', release, '-n', namespace]);
    }
    await withoutDefinitions();
  }, 60_000);

  it('brings the CRDs, upgrades them, and leaves them when it goes', () => {
    install('pgtape', 'pgtape-system');
    expect(crds.map(ownerOf)).toEqual(['pgtape', 'pgtape']);
    done([
      'patch',
      'crd',
      crds[0] as string,
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/names/categories"}]',
    ]);
    helmDone(['upgrade', 'pgtape', chartDir, '-n', 'pgtape-system', '--set', 'webhook.replicas=3']);
    expect(
      done(['get', 'deploy', '-n', 'pgtape-system', 'pgtape-webhook', '-o', 'jsonpath={.spec.replicas}']),
    ).toBe('3');
    helmDone(['uninstall', 'pgtape', '-n', 'pgtape-system']);
    expect(definitions().split('\n')).toHaveLength(2);
  }, 60_000);

  it('succeeds where crds/ was applied before, and says whose they are', () => {
    done(['apply', '--server-side', '-f', join(root, 'crds')]);
    const said = install('pgtape', 'pgtape-system');
    expect(crds.map(ownerOf)).toEqual(['nobody', 'nobody']);
    for (const name of crds)
      expect(said).toContain(
        `The CustomResourceDefinition ${name} was there before and is not this release's`,
      );
    helmDone(['upgrade', 'pgtape', chartDir, '-n', 'pgtape-system']);
    expect(crds.map(ownerOf)).toEqual(['nobody', 'nobody']);
    done(['apply', '--server-side', '-f', join(root, 'crds')]);
  }, 60_000);

  it('succeeds after an earlier release left its CRDs: again by the same name, and by another elsewhere', () => {
    install('pgtape', 'pgtape-system');
    helmDone(['uninstall', 'pgtape', '-n', 'pgtape-system']);
    const said = install('pgtape', 'pgtape-system');
    expect(said).not.toContain('was there before');
    helmDone(['uninstall', 'pgtape', '-n', 'pgtape-system']);
    expect(install('evidence', 'audit-system')).toContain('was there before');
    expect(crds.map(ownerOf)).toEqual(['pgtape', 'pgtape']);
    const names = done(['get', 'deploy,sts', '-n', 'audit-system', '-o', 'name']).trim().split('\n');
    expect(names).toEqual([
      'deployment.apps/evidence-pgtape-controller',
      'deployment.apps/evidence-pgtape-webhook',
      'statefulset.apps/evidence-pgtape-vault',
    ]);
  }, 60_000);

  it('brings a vault for a second archive beside the first release', () => {
    install('pgtape', 'pgtape-system');
    const said = install('evidence', 'audit-system', ['--set', 'operator.enabled=false,vault.archive=audit']);
    expect(said).toContain('create secret generic evidence-pgtape-vault-log --from-file=log.key=/dev/stdin');
    const own = ['-l', 'app.kubernetes.io/instance=evidence', '-o', 'name'];
    const kinds = 'deploy,sts,cm,role,rolebinding,sa,netpol,svc,clusterrole,clusterrolebinding';
    expect(
      done(['get', kinds, '-n', 'audit-system', ...own])
        .trim()
        .split('\n'),
    ).toEqual([
      'statefulset.apps/evidence-pgtape-vault',
      'configmap/evidence-pgtape-vault',
      'role.rbac.authorization.k8s.io/evidence-pgtape-reader',
      'serviceaccount/evidence-pgtape-reader',
      'serviceaccount/evidence-pgtape-vault',
      'networkpolicy.networking.k8s.io/evidence-pgtape-vault',
      'service/evidence-pgtape-vault',
      'clusterrole.rbac.authorization.k8s.io/evidence-pgtape-vault',
      'clusterrolebinding.rbac.authorization.k8s.io/evidence-pgtape-vault',
    ]);
    expect(crds.map(ownerOf)).toEqual(['pgtape', 'pgtape']);
  }, 60_000);

  it('takes CRDs over where asked to', () => {
    done(['apply', '--server-side', '-f', join(root, 'crds')]);
    install('pgtape', 'pgtape-system', ['--take-ownership', '--set', 'crds.adopt=true']);
    expect(crds.map(ownerOf)).toEqual(['pgtape', 'pgtape']);
    helmDone(['upgrade', 'pgtape', chartDir, '-n', 'pgtape-system']);
    expect(crds.map(ownerOf)).toEqual(['pgtape', 'pgtape']);
  }, 60_000);

  it('has the schema of crds/, number by number', () => {
    install('pgtape', 'pgtape-system');
    const [byHelm] = [crds.map((name) => definition(name).spec)];
    done(['apply', '--server-side', '--force-conflicts', '-f', join(root, 'crds')]);
    expect(crds.map((name) => definition(name).spec)).toEqual(byHelm);
  }, 60_000);

  it('needs no cluster-wide right in restricted mode', () => {
    done(['apply', '--server-side', '-f', join(root, 'deploy/cluster-scoped.yaml')]);
    const rule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
    for (const namespace of ['pgtape-system', 'shop']) {
      const metadata = { name: 'owner', namespace };
      const apiVersion = 'rbac.authorization.k8s.io/v1';
      done(['apply', '-f', '-'], stringify({ apiVersion, kind: 'Role', metadata, rules: [rule] }));
      done(['-n', namespace, 'create', 'rolebinding', 'owner', '--role=owner', '--user=tenant']);
    }
    const restricted = ['--set', 'rbac.namespaced=true,rbac.namespaces={shop}'];
    install('pgtape', 'pgtape-system', [...restricted, '--kube-as-user', 'tenant']);
    const kinds = done([
      'get',
      'role',
      '-n',
      'shop',
      '-l',
      'app.kubernetes.io/instance=pgtape',
      '-o',
      'name',
    ]);
    expect(kinds.trim().split('\n')).toEqual([
      'role.rbac.authorization.k8s.io/pgtape-controller-databases',
      'role.rbac.authorization.k8s.io/pgtape-vault-databases',
      'role.rbac.authorization.k8s.io/pgtape-webhook-databases',
    ]);
    done(['delete', '-f', join(root, 'deploy/cluster-scoped.yaml')]);
  }, 60_000);
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

describe('roles of the chart', () => {
  const roles = parseAllDocuments(readFileSync(join(root, 'deploy/pgtape.yaml'), 'utf8'))
    .map(
      (document) =>
        document.toJSON() as { kind: string; metadata: { name: string }; rules?: readonly Rule[] } | null,
    )
    .filter((object) => object?.kind === 'Role' || object?.kind === 'ClusterRole')
    .filter((object) => object !== null);

  it('name every verb, kind and group; nothing stands for all of them', () => {
    const words = roles.flatMap(({ rules = [] }) =>
      rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]),
    );
    expect(words.length).toBeGreaterThan(40);
    expect(words.filter((word) => word.includes('*'))).toEqual([]);
  });

  it('reach Secrets in the own namespace alone, by name wherever the verb allows', () => {
    const onSecrets = roles.flatMap(({ kind, metadata, rules = [] }) =>
      rules
        .filter(({ resources }) => resources.includes('secrets'))
        .map(({ verbs, resourceNames = [] }) =>
          `${kind}/${metadata.name}: ${verbs.join()} ${resourceNames.join()}`.trim(),
        ),
    );
    expect(onSecrets).toEqual([
      'Role/pgtape-controller: create',
      'Role/pgtape-controller: list,watch,update pgtape-webhook,pgtape-vault-tls,pgtape-vault-log',
      'Role/pgtape-webhook: list,watch pgtape-webhook',
    ]);
  });
});
