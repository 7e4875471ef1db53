import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** A namespace that enforces Pod Security `restricted`: nobody is root there, and nobody may change the network. */
const cluster = sharedCluster();
const namespace = 'tight';
const user = 999;
let database: RecordedDatabase;

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, {
    namespace,
    name: 'orders',
    namespaceLabels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    spec: { spool: { outboxVolume: 'Ephemeral' } },
    pod: {
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user,
        runAsGroup: user,
        fsGroup: user,
        seccompProfile: { type: 'RuntimeDefault' },
      },
    },
    container: {
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      env: [
        { name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name: 'orders', key: 'password' } } },
        // The volume's own folder belongs to root, and who is not root may not change it.
        { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' },
      ],
    },
  });
}, 300_000);

afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

it('AddressSwap is achieved, and every session recorded', async () => {
  const host = await database.address();
  const mark = 'in a restricted namespace';
  expect(await database.ask(host, `SELECT '${mark}'`)).toBe(mark);
  expect(await database.ask(host, 'SELECT 1', { given: 'wrong' })).toBe('28P01');
  await database.taped(mark);
  await database.conditionIs('Ready', 'True', 90_000);
  expect((await database.object()).status).toMatchObject({
    mode: 'AddressSwap',
    coverage: '100%',
    bypasses: 0,
  });
}, 150_000);

it('the outbox on a volume of the pod is written by the group of the pod', async () => {
  const listed = await cluster.exec(
    namespace,
    database.pod,
    'pgtape-recorder',
    'ls',
    '/var/lib/pgtape/outbox',
  );
  expect(listed.out).toContain('last-config.yaml');
}, 30_000);
