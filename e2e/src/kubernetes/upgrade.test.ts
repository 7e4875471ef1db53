import { password } from './postgresObjects.ts';
import { type PodObject, type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** `recorder.upgrade: InPlace`: another recorder in a pod that runs, and a PostgreSQL that does not notice. */
const cluster = sharedCluster();
const namespace = 'upgrades';
const name = 'orders';
let database: RecordedDatabase;
let before: PodObject;

const startedAt = 'SELECT pg_postmaster_start_time()::text';

function imageOf({ spec }: PodObject): string | undefined {
  return spec.initContainers?.find((one) => one.name === 'pgtape-recorder')?.image;
}

function restartsOf({ status }: PodObject, container: string): number | undefined {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return all.find((one) => one.name === container)?.restartCount;
}

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, {
    namespace,
    name,
    spec: { recorder: { upgrade: 'InPlace' } },
  });
  before = await database.podObject();
}, 300_000);

afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

it('the recorder of the running pod is another, and PostgreSQL was never started anew', async () => {
  const host = await database.address();
  const since = await database.ask(host, startedAt);
  const { repository, version } = cluster.pgtape;
  const image = `${repository}:${version}`;
  expect(imageOf(before)).not.toBe(image);
  const began = performance.now();
  const patch = JSON.stringify({ spec: { recorder: { image } } });
  await cluster.done(['-n', namespace, 'patch', 'recdb', name, '--type=merge', '-p', patch]);
  await cluster.eventually('the pod has the new recorder', 60_000, async () => {
    const now = await database.podObject();
    return imageOf(now) === image && restartsOf(now, 'pgtape-recorder') === 1;
  });
  await cluster.eventually('it is reached again', 30_000, async () => {
    return (await database.ask(host, 'SELECT 1')) === '1';
  });
  process.stderr.write(`upgraded in place after ${Math.round(performance.now() - began)} ms\n`);
  const now = await database.podObject();
  expect({ uid: now.metadata.uid, restarts: restartsOf(now, 'postgres') }).toEqual({
    uid: before.metadata.uid,
    restarts: 0,
  });
  expect(await database.ask(host, startedAt)).toBe(since);
}, 120_000);

it('it records, asks for passwords, and status and Event say that it was upgraded', async () => {
  const host = await database.address();
  const mark = 'after the upgrade';
  expect(await database.ask(host, `SELECT '${mark}'`)).toBe(mark);
  expect(await database.ask(host, 'SELECT 1', { given: `not ${password}` })).toBe('28P01');
  await database.taped(mark);
  await database.conditionIs('UpToDate', 'True');
  await database.conditionIs('Ready', 'True');
  const events = await cluster.list<{ reason: string }>('events', namespace);
  expect(events.map(({ reason }) => reason)).toContain('RecorderUpgraded');
}, 150_000);
