import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** Who comes past the recorder although it has every address of the pod: the unix socket, through exec. */
const cluster = sharedCluster();
const namespace = 'bypasses';
/** From the session's beginning until status, Event and tape say so. */
const seenMs = 15_000;
let database: RecordedDatabase;

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, { namespace, name: 'orders' });
  await database.conditionIs('BypassFree', 'True', 60_000);
}, 250_000);

it('psql in the container, by the unix socket, is seen', async () => {
  const began = performance.now();
  const inside = cluster.exec(
    namespace,
    database.pod,
    'postgres',
    ...['psql', '-U', 'postgres', '-Atc', "SELECT 'past the recorder' FROM pg_sleep(8)"],
  );
  await database.conditionIs('BypassFree', 'False', seenMs);
  process.stderr.write(`the bypass was a condition after ${Math.round(performance.now() - began)} ms\n`);
  expect((await inside).out.trim()).toBe('past the recorder');
  expect((await database.object()).status?.bypasses).toBeGreaterThan(0);
}, 60_000);

it('it is an Event and a record, with who and from where', async () => {
  await cluster.eventually('an Event tells of it', seenMs, async () => {
    const events = await cluster.list<{ reason: string; message: string }>('events', namespace);
    return events.some(({ reason }) => /bypass/i.test(reason));
  });
  const record = await database.record('the bypass', 40_000, ({ kind }) => kind === 'bypass');
  expect(record).toMatchObject({ user: 'postgres', database: 'postgres', application: 'psql' });
}, 60_000);
