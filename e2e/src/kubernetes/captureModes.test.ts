import { RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';
import { invalidPassword, wholeCapture } from './wholeCapture.ts';

/** The ways of leading clients through the recorder that are not AddressSwap. */
const cluster = sharedCluster();
const namespace = 'modes';

beforeAll(async () => {
  await installPgtape(cluster);
}, 200_000);

describe('Redirect', () => wholeCapture(cluster, namespace, 'Redirect'));

describe('NamedPort', () => {
  let database: RecordedDatabase;

  it('the Service leads to the recorder, which has the name of the port', async () => {
    database = await recordDatabase(cluster, {
      namespace,
      name: 'named',
      servicePort: 'postgres',
      spec: { capture: { mode: 'NamedPort' } },
    });
    const mark = 'through the named port';
    expect(await database.ask(await database.address(), `SELECT '${mark}'`)).toBe(mark);
    expect(await database.ask(await database.address(), 'SELECT 1', { given: 'wrong' })).toBe(
      invalidPassword,
    );
    await database.taped(mark);
  }, 120_000);
});

describe('Service', () => {
  let database: RecordedDatabase;

  it('the Service that the operator makes leads clients to the recorder', async () => {
    const name = 'own-service';
    database = await recordDatabase(cluster, { namespace, name, spec: { capture: { mode: 'Service' } } });
    const recorded = new RecordedDatabase(cluster, { namespace, name: `${name}-recorded` });
    const mark = 'through a Service of its own';
    const host = await recorded.address();
    await cluster.eventually(
      'the Service leads there',
      20_000,
      async () => (await database.ask(host, `SELECT '${mark}'`)) === mark,
    );
    expect(await database.ask(host, 'SELECT 1', { given: 'wrong' })).toBe(invalidPassword);
    await database.taped(mark);
  }, 120_000);
});
