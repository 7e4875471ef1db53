import { password } from './postgresObjects.ts';
import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { seenBypass } from './seenBypass.ts';
import { sharedCluster } from './sharedCluster.ts';

/**
 * Who comes past the recorder: by the unix socket where it has every address of the pod; by the pod's own address where the mode leaves
 * PostgreSQL's port alone, from outside and from another replica or pod.
 */
const cluster = sharedCluster();
const namespace = 'bypasses';
/** Of this run: what an earlier one said lies in the same archive. */
const run = Date.now();
/** Longer than a look of the recorder at the server's sessions. */
const goAndStay = "SELECT coalesce(host(inet_client_addr()), '') FROM pg_sleep(5)";

const openModes = ['NamedPort', 'Service'] as const;
/** At the recorder's own port: at PostgreSQL's, which trusts loopback, each round would be a session past the recorder. */
const throughRecorder = {
  exec: { command: ['pg_isready', '-U', 'postgres', '-h', '127.0.0.1', '-p', '6432'] },
  periodSeconds: 1,
  timeoutSeconds: 5,
};
const container = { readinessProbe: throughRecorder };
type OpenMode = (typeof openModes)[number];
let swapped: RecordedDatabase;
const open = new Map<OpenMode, RecordedDatabase>();

async function recorded(name: string, mode: string, more: object = {}): Promise<RecordedDatabase> {
  const database = await recordDatabase(cluster, {
    ...{ namespace, name, ...more },
    spec: { capture: { mode } },
  });
  await database.conditionIs('BypassFree', 'True', 60_000);
  return database;
}

/** psql in a pod's own container, in its network. @returns what it printed */
async function psql(pod: string, application: string, ...args: readonly string[]): Promise<string> {
  const env = [`PGAPPNAME=${application}`, `PGPASSWORD=${password}`, 'PGUSER=postgres'];
  const command = ['env', ...env, 'psql', '-XAt', ...args];
  const { status, out, err } = await cluster.exec(namespace, pod, 'postgres', ...command);
  if (status !== 0) throw new Error(`psql in ${pod}: ${err}`);
  return out.trim();
}

/** The second replica of the database in NamedPort: a client in it is one in another replica there, and in another pod for the others. */
const elsewhere = 'named-1';

async function addressOf(database: RecordedDatabase, pod = database.pod): Promise<string> {
  return (await database.podObject(pod)).status.podIP;
}

beforeAll(async () => {
  await installPgtape(cluster);
  const named = { servicePort: 'postgres', replicas: 2, container };
  const [orders, ofPort, ofService] = await Promise.all([
    recorded('orders', 'AddressSwap'),
    recorded('named', 'NamedPort', named),
    recorded('service', 'Service', { container }),
  ]);
  swapped = orders;
  open.set('NamedPort', ofPort).set('Service', ofService);
}, 400_000);

afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

it('AddressSwap: psql in the container, by the unix socket, is seen', async () => {
  const { pod } = swapped;
  const application = `by the socket, ${run}`;
  const go = async (): Promise<string> => await psql(pod, application, '-c', goAndStay);
  await seenBypass(swapped, { application, pod, count: 1, go });
}, 120_000);

it('AddressSwap: a client in another pod gets past nothing: it is on tape', async () => {
  const mark = `from the other pod, ${run}`;
  const host = await addressOf(swapped);
  expect(await psql(elsewhere, mark, '-h', host, '-c', `SELECT '${mark}'`)).toBe(mark);
  await swapped.taped(mark);
  expect((await swapped.object()).status?.bypasses).toBe(1);
}, 60_000);

describe.each(openModes)('%s', (mode) => {
  it("a client of the pod's own address is seen", async () => {
    const database = open.get(mode) as RecordedDatabase;
    const application = `past ${mode}, ${run}`;
    const host = await addressOf(database);
    const go = async (): Promise<string> => await database.ask(host, goAndStay, { application });
    await seenBypass(database, { application, pod: database.pod, count: 1, go });
  }, 120_000);

  it('a client in another pod, of the own address of the pod, is seen', async () => {
    const database = open.get(mode) as RecordedDatabase;
    const application = `past ${mode} from a pod, ${run}`;
    const host = await addressOf(database);
    let from = '';
    const go = async (): Promise<string> => {
      from = await psql(elsewhere, application, '-h', host, '-c', goAndStay);
      return from;
    };
    await seenBypass(database, { application, pod: database.pod, count: 2, go });
    expect(from).toBe(await addressOf(database, elsewhere));
  }, 120_000);
});
