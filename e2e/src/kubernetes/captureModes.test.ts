import { namespaceObject } from './postgresObjects.ts';
import { RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';
import { invalidPassword, wholeCapture } from './wholeCapture.ts';

/** The ways of leading clients through the recorder that are not AddressSwap. */
const cluster = sharedCluster();
const namespace = 'modes';

/** The pod's Service, so that its target port is a name, or another one to the recorder's own port. */
function serviceTo(name: string, targetPort: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ name: 'postgres', port: 5432, targetPort }] },
  };
}

async function podAddress(database: RecordedDatabase): Promise<string> {
  return (await database.podObject()).status.podIP;
}

beforeAll(async () => {
  await installPgtape(cluster);
}, 200_000);

describe('Redirect', () => wholeCapture(cluster, namespace, 'Redirect'));

describe('NamedPort', () => {
  let database: RecordedDatabase;

  it('the Service leads to the recorder, which has the name of the port', async () => {
    const name = 'named';
    // The injector reads the Service: it is there before the pod.
    await cluster.apply(namespaceObject(namespace), serviceTo(name, 'postgres'));
    database = await recordDatabase(cluster, {
      namespace,
      name,
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

  it('who goes past it is listed as a bypass within 15 seconds', async () => {
    const direct = await podAddress(database);
    const began = performance.now();
    expect(await database.ask(direct, "SELECT 'past it' FROM pg_sleep(6)")).toBe('past it');
    await cluster.eventually(
      'the bypass is counted',
      15_000,
      async () => ((await database.object()).status?.bypasses ?? 0) > 0,
    );
    process.stderr.write(`a bypass was in status after ${Math.round(performance.now() - began)} ms\n`);
  }, 60_000);
});
