import { join } from 'node:path';
import { chartDir } from '../cluster/helm.ts';
import { namespaceObject } from './postgresObjects.ts';
import { recordDatabase } from './recordedDatabase.ts';
import { applyArchive, helm, install, installPgtape, systemNamespace, values } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** Releases that come and go: a test of the release's own, an uninstall that keeps what must stay, another name, definitions that were applied before. Last of all files. */
const cluster = sharedCluster();
const crds = ['recordeddatabases.pgtape.dev', 'recordingarchives.pgtape.dev'];
const other = 'evidence';
/** Of this checkout, for `kubectl apply`. */
const crdsDir = join(chartDir, '../../crds');

const names = async (...args: string[]): Promise<string[]> =>
  (await cluster.done(['get', ...args, '-o', 'name'])).split('\n').filter((line) => line !== '');

beforeAll(async () => {
  await installPgtape(cluster);
}, 200_000);

it('helm test of the release passes: a pod made as a dry run comes back with a recorder', async () => {
  await helm(cluster, ['test', 'pgtape', '-n', systemNamespace, '--timeout', '90s']);
}, 120_000);

it('uninstalled: definitions, archives and Secrets stay, nothing stands in the way of pods', async () => {
  await helm(cluster, ['uninstall', 'pgtape', '-n', systemNamespace, '--wait', '--timeout', '120s']);
  expect(await names('crds')).toEqual(
    crds.map((name) => `customresourcedefinition.apiextensions.k8s.io/${name}`),
  );
  expect(await names('recordingarchives')).toEqual(['recordingarchive.pgtape.dev/default']);
  expect(await names('-n', systemNamespace, 'secrets', 'pgtape-vault-tls', 'pgtape-vault-log')).toHaveLength(
    2,
  );
  await cluster.eventually('webhooks and policies are gone', 60_000, async () => {
    const left = await names(
      'mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings',
    );
    if (left.length === 0) return true;
    throw new Error(left.join(', '));
  });
}, 150_000);

it('another name, in another namespace, over the definitions that stayed', async () => {
  const namespace = 'evidence-system';
  await cluster.apply(namespaceObject(namespace, { 'pod-security.kubernetes.io/enforce': 'restricted' }));
  await helm(cluster, [
    'install',
    other,
    chartDir,
    '-n',
    namespace,
    ...values(cluster),
    '--set',
    'vault.enabled=false',
    '--set',
    'crds.adopt=false',
  ]);
  for (const role of ['controller', 'webhook'])
    await cluster.done([
      '-n',
      namespace,
      'rollout',
      'status',
      `deployment/${other}-pgtape-${role}`,
      '--timeout=90s',
    ]);
  await helm(cluster, ['test', other, '-n', namespace, '--timeout', '90s']);
  await helm(cluster, ['uninstall', other, '-n', namespace, '--wait', '--timeout', '120s']);
}, 250_000);

it('`kubectl apply -f crds/` before: they stay whose they are, and the release works with them', async () => {
  await cluster.done(['delete', 'crd', ...crds, '--timeout=60s']);
  await cluster.done(['apply', '-f', crdsDir]);
  await cluster.done(['wait', 'crd', ...crds, '--for=condition=Established', '--timeout=30s']);
  // With the archive that the vault waits for, an installation may be waited for.
  await applyArchive(cluster);
  await install(cluster, ['--wait', '--timeout', '120s']);
  for (const crd of crds) {
    const found = await cluster.get<{ metadata: { annotations: Record<string, string> } }>('crd', crd);
    expect(Object.keys(found?.metadata.annotations ?? {})).toContain(
      'kubectl.kubernetes.io/last-applied-configuration',
    );
    expect(Object.keys(found?.metadata.annotations ?? {}).join(' ')).not.toContain('helm.sh');
  }
  const database = await recordDatabase(cluster, { namespace: 'crds-first', name: 'orders' });
  const mark = `with definitions of somebody else, ${Date.now()}`;
  expect(await database.ask(await database.address(), `SELECT '${mark}'`)).toBe(mark);
  await database.taped(mark);
  await database.conditionIs('Ready', 'True', 90_000);
  await helm(cluster, ['uninstall', 'pgtape', '-n', systemNamespace, '--wait', '--timeout', '120s']);
  expect(await names('crds')).toHaveLength(crds.length);
}, 400_000);
