import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** A namespace that enforces Pod Security `restricted`, and a guard that refuses what came out without a recorder. */
const cluster = sharedCluster();
const namespace = 'restricted';
let database: RecordedDatabase;

const containerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  runAsUser: 999,
  seccompProfile: { type: 'RuntimeDefault' },
};

beforeAll(async () => {
  await installPgtape(cluster);
}, 200_000);

it('a pod that is allowed there is allowed with its recorder', async () => {
  database = await recordDatabase(cluster, {
    namespace,
    name: 'orders',
    namespaceLabels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    spec: { enforcement: { admission: 'Required' } },
    container: { securityContext: containerSecurity },
  });
  const mark = 'under restricted';
  const host = await database.address();
  expect(await database.ask(host, `SELECT '${mark}'`)).toBe(mark);
  expect(await database.ask(host, 'SELECT 1', { given: 'wrong' })).toBe('28P01');
  await database.taped(mark);
  await database.conditionIs('Ready', 'True');
}, 150_000);

it('a covered pod that would come out without a recorder is refused, and others are not', async () => {
  const pod = (name: string, labels: object): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: {
        // Nothing can be injected into a pod without PostgreSQL's container.
        containers: [{ name: 'other', image: 'pgtape.test/none', securityContext: containerSecurity }],
      },
    });
  const covered = await cluster.kubectl(
    ['create', '--dry-run=server', '-f', '-'],
    pod('covered', { app: 'orders' }),
  );
  expect(covered).toMatchObject({ status: 1, err: expect.stringMatching(/recorder/i) });
  const other = await cluster.kubectl(
    ['create', '--dry-run=server', '-f', '-'],
    pod('other', { app: 'other' }),
  );
  expect(other).toMatchObject({ status: 0 });
}, 60_000);
