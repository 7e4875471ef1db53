import pg from 'pg';
import { verifiedReels, watchedReels } from './archiveAnswers.ts';
import { password } from './postgresObjects.ts';
import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** A pod that is gone at once, with a session open: how its tape ended is told, and it never just stops. */
const cluster = sharedCluster();
const namespace = 'ends';
let database: RecordedDatabase;

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, { namespace, name: 'orders' });
}, 300_000);

afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

/** The reel of a session that is open, with a transaction under way, when the pod is killed. */
async function killedWhileOpen(): Promise<string> {
  const client = new pg.Client({
    host: await database.address(),
    user: 'postgres',
    password,
    database: 'postgres',
  });
  client.on('error', () => undefined);
  await client.connect();
  const mark = `open when the pod is killed, ${Date.now()}`;
  await client.query('BEGIN');
  await client.query(`SELECT '${mark}'`);
  const { reel } = await database.taped(mark);
  const now = ['--grace-period=0', '--force'];
  await cluster.done(['-n', namespace, 'delete', 'pod', database.pod, '--timeout=60s', ...now]);
  await client.end().catch(() => undefined);
  return reel;
}

it('a pod is killed with a session open: its tape is complete, or the vault says crashed; it is never silent', async () => {
  const reel = await killedWhileOpen();
  let how = '';
  await cluster.eventually('it is told how the tape ended', 90_000, async () => {
    // The vault watches what has no end.
    how = (await watchedReels(cluster)).find((one) => one.reel === reel)?.state ?? 'ended';
    if (how === 'crashed' || how === 'ended') return true;
    throw new Error(how);
  });
  const found = (await verifiedReels(cluster, `${namespace}/orders-0`)).find((one) => one.reel === reel);
  process.stderr.write(`a pod that was killed: ${how}, verified as ${found?.verdict}\n`);
  expect(found?.verdict).toBe(how === 'crashed' ? 'open' : found?.closed ? 'complete' : 'crashed');
}, 200_000);
