import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startBench } from './benchTape.ts';
import { password } from './postgresObjects.ts';
import { type RecordedDatabase, recordDatabase, restartsOf } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';
import { sessionsOf } from './tapes.ts';

/** A recorder whose image is changed in a running pod, and one that goes with its pod: nothing answered is lost, nothing ends unsaid. */
const cluster = sharedCluster();
const namespace = 'changes';
let database: RecordedDatabase;

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, { namespace, name: 'orders' });
}, 250_000);

it('replaced by another image in the running pod', async () => {
  const { repository, version, digest } = cluster.pgtape;
  const [byTag, byDigest] = [`${repository}:${version}`, `${repository}@${digest}`];
  const now = (await database.podObject()).spec.initContainers?.[0]?.image;
  const bench = await startBench(cluster, database);
  await sleep(1500);
  const path = '/spec/initContainers/0/image';
  const patch = JSON.stringify([{ op: 'replace', path, value: now === byTag ? byDigest : byTag }]);
  await cluster.done(['-n', namespace, 'patch', 'pod', database.pod, '--type=json', '-p', patch]);
  await cluster.eventually('the recorder was started anew', 60_000, async () => {
    return (restartsOf(await database.podObject())['pgtape-recorder'] ?? 0) > 0;
  });
  await cluster.done([
    '-n',
    namespace,
    'wait',
    `pod/${database.pod}`,
    '--for=condition=Ready',
    '--timeout=60s',
  ]);
  await sleep(3000);
  await bench.stop();
  expect(restartsOf(await database.podObject())).toEqual({ 'pgtape-recorder': 1, postgres: 0 });
  expect(await bench.taped(90_000)).toEqual([]);
  expect(bench.answered.size).toBeGreaterThan(100);
}, 200_000);

it('deleted with its pod while a session is open: the tape says how it ended', async () => {
  const user = { user: 'postgres', password, database: 'postgres' };
  const client = new pg.Client({ host: await database.address(), application_name: 'left open', ...user });
  client.on('error', () => undefined);
  await client.connect();
  await client.query("SELECT 'open when the pod goes'");
  await cluster.done(['-n', namespace, 'delete', 'pod', database.pod, '--timeout=60s']);
  await client.end().catch(() => undefined);
  await cluster.eventually('the session has a verdict', 60_000, async () => {
    const sessions = await sessionsOf(cluster);
    const mine = sessions.filter(({ application }) => application === 'left open');
    if (mine.length === 1 && ['complete', 'crashed'].includes(mine[0]?.verdict ?? '')) {
      tell(`the session that was open is ${mine[0]?.verdict}`);
      return true;
    }
    throw new Error(JSON.stringify(mine));
  });
  await cluster.done(['-n', namespace, 'rollout', 'status', 'statefulset/orders', '--timeout=90s']);
}, 200_000);
