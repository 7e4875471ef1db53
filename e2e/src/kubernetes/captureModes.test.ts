import { namespaceObject, password } from './postgresObjects.ts';
import { RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** Each way of leading clients through the recorder, on a stock image that trusts loopback (R6). */
const cluster = sharedCluster();
const namespace = 'modes';
const invalidPassword = '28P01';

/** The pod's Service, so that its target port is a name, or another one to the recorder's own port. */
function serviceTo(name: string, targetPort: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ name: 'postgres', port: 5432, targetPort }] },
  };
}

async function started(name: string, mode: string): Promise<RecordedDatabase> {
  return await recordDatabase(cluster, { namespace, name, spec: { capture: { mode } } });
}

async function podAddress(database: RecordedDatabase): Promise<string> {
  return (await database.podObject()).status.podIP;
}

async function throughForward(database: RecordedDatabase, given: string, sql: string): Promise<string> {
  const forward = await cluster.portForward(namespace, `pod/${database.pod}`, 5432);
  try {
    return await database.ask('127.0.0.1', sql, { port: forward.port, given });
  } finally {
    await forward.stop();
  }
}

beforeAll(async () => {
  await installPgtape(cluster);
}, 200_000);

describe.each(['AddressSwap', 'Redirect'])('%s', (mode) => {
  const name = mode.toLowerCase();
  let database: RecordedDatabase;

  it('comes up with the recorder, and is achieved', async () => {
    database = await started(name, mode);
    await cluster.eventually('the mode is achieved', 60_000, async () => {
      const { status } = await database.object();
      if (status?.mode === mode) return true;
      throw new Error(JSON.stringify(status));
    });
  }, 120_000);

  it.each([
    ['the Service', async () => await database.address()],
    ['the address of the pod', async () => await podAddress(database)],
  ])(
    'a client of %s is recorded, and a wrong password is refused',
    async (_, addressOf) => {
      const host = await addressOf();
      const mark = `via ${host}`;
      expect(await database.ask(host, `SELECT '${mark}'`)).toBe(mark);
      expect(await database.ask(host, 'SELECT 1', { given: 'wrong' })).toBe(invalidPassword);
      await database.taped(mark);
    },
    60_000,
  );

  it('a client of port-forward is recorded, and a wrong password is refused', async () => {
    const mark = `via port-forward of ${name}`;
    expect(await throughForward(database, password, `SELECT '${mark}'`)).toBe(mark);
    expect(await throughForward(database, 'wrong', 'SELECT 1')).toBe(invalidPassword);
    await database.taped(mark);
  }, 60_000);

  it('every session counts as covered', async () => {
    await database.conditionIs('Ready', 'True');
    const { status } = await database.object();
    expect({ coverage: status?.coverage, bypasses: status?.bypasses }).toEqual({
      coverage: '100%',
      bypasses: 0,
    });
  }, 90_000);
});

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
    database = await started(name, 'Service');
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
