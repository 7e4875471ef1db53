import { installCloudNativePg, type RecordedCluster, recordCluster } from './cloudNativePg.ts';
import type { PodObject } from './recordedDatabase.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** Clusters of a real CloudNativePG: it makes their pods itself, and looks whether they still are as it made them. */
const cluster = sharedCluster();

interface Made extends PodObject {
  readonly metadata: PodObject['metadata'] & { readonly annotations: Readonly<Record<string, string>> };
}

async function only(database: RecordedCluster): Promise<Made> {
  const pods = await database.instances();
  expect(pods).toHaveLength(1);
  return pods[0] as Made;
}

async function through(database: RecordedCluster, service: string, mark: string): Promise<void> {
  const { status, out, err } = await database.psql(service, `SELECT '${mark}'`);
  expect({ status, out, err }).toEqual({ status: 0, out: `${mark}\n`, err: '' });
  await database.taped(mark);
}

async function achieved(database: RecordedCluster, mode: string): Promise<void> {
  await cluster.eventually('the mode is achieved', 60_000, async () => {
    const { status } = await database.object();
    if (status?.mode === mode) return true;
    throw new Error(JSON.stringify(status));
  });
}

beforeAll(async () => {
  await Promise.all([installPgtape(cluster), installCloudNativePg(cluster)]);
}, 300_000);

describe('one instance, Redirect', () => {
  let database: RecordedCluster;
  let uid = '';

  it("comes up with the recorder beside CloudNativePG's own containers, which are as it made them", async () => {
    const shape = { namespace: 'cnpg-one', name: 'orders', instances: 1 };
    database = await recordCluster(cluster, { ...shape, spec: { capture: { mode: 'Redirect' } } });
    const pod = await only(database);
    uid = pod.metadata.uid;
    const made = JSON.parse(pod.metadata.annotations['cnpg.io/podSpec'] ?? '{}') as PodObject['spec'];
    const withoutOurs = pod.spec.initContainers?.filter(({ name }) => !name.startsWith('pgtape-'));
    expect(pod.spec.initContainers?.map(({ name }) => name)).toEqual([
      'pgtape-redirect',
      'pgtape-recorder',
      'bootstrap-controller',
    ]);
    // What the API server filled in, and the token of the service account, are more than it wrote.
    expect(withoutOurs).toMatchObject(withoutMounts(made.initContainers));
    expect(pod.spec.containers).toMatchObject(withoutMounts(made.containers));
    await achieved(database, 'Redirect');
  }, 150_000);

  it("psql by the Cluster's Service, bound to its certificate, is on tape; a wrong password is refused", async () => {
    await through(database, 'orders-rw', 'by orders-rw');
    const wrong = await database.psql('orders-rw', 'SELECT 1', 'wrong');
    expect({ status: wrong.status, out: wrong.out }).toEqual({ status: 2, out: '' });
    expect(wrong.err).toMatch(/password authentication failed for user "app"/);
  }, 60_000);

  it("CloudNativePG's own sessions are allowed: the database is Ready, nothing went past, coverage is whole", async () => {
    await database.conditionIs('Ready', 'True');
    await database.conditionIs('TLSMatched', 'True');
    await database.conditionIs('BypassFree', 'True');
    await cluster.eventually('coverage is whole', 60_000, async () => {
      const { status } = await database.object();
      if (status?.coverage === '100%' && status.bypasses === 0) return true;
      throw new Error(JSON.stringify({ coverage: status?.coverage, bypasses: status?.bypasses }));
    });
  }, 120_000);

  it('an operator that starts anew compares the pod with what it would make, and leaves it', async () => {
    const deployment = 'deployment/cnpg-controller-manager';
    await cluster.done(['-n', 'cnpg-system', 'rollout', 'restart', deployment]);
    await cluster.done(['-n', 'cnpg-system', 'rollout', 'status', deployment, '--timeout=90s']);
    // What pods inherit is written into those that run; the second time the first look at them is over.
    for (const round of ['first', 'second']) await database.inherited('looked-at', round, 90_000);
    await database.healthy(1, 60_000);
    const { metadata, status } = await only(database);
    const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    expect({ uid: metadata.uid, restarts: containers.map(({ restartCount }) => restartCount) }).toEqual({
      uid,
      restarts: [0, 0, 0, 0],
    });
  }, 180_000);

  it("unmanaged, and restarted the owner's way, the pod is made anew without a recorder; no session of ours holds it up", async () => {
    const patch = JSON.stringify({ spec: { managementState: 'Unmanaged' } });
    const recdb = ['patch', 'recordeddatabase', database.name, '--type=merge', '-p', patch];
    await cluster.done(['-n', database.namespace, ...recdb]);
    await cluster.eventually('it is unmanaged', 20_000, async () => {
      return (await database.condition('InjectorAvailable'))?.reason === 'Unmanaged';
    });
    const began = performance.now();
    await database.restart();
    // CloudNativePG ends PostgreSQL by a smart shutdown, which waits three minutes for sessions that stay.
    await cluster.eventually('the pod is another', 90_000, async () => {
      const pods = await database.instances();
      return pods.length === 1 && pods[0]?.metadata.uid !== uid;
    });
    process.stderr.write(`made anew after ${Math.round((performance.now() - began) / 1000)} s\n`);
    await database.healthy(1, 60_000);
    const pod = await only(database);
    expect(pod.spec.initContainers?.map(({ name }) => name)).toEqual(['bootstrap-controller']);
    const { out } = await database.psql('orders-rw', "SELECT 'without a recorder'");
    expect(out).toBe('without a recorder\n');
  }, 250_000);
});

describe('two instances, Auto', () => {
  let database: RecordedCluster;

  it('is Service, although the namespace would admit Redirect: the replica, which logs in with a certificate, comes up', async () => {
    database = await recordCluster(cluster, { namespace: 'cnpg-two', name: 'orders', instances: 2 });
    await achieved(database, 'Service');
    await through(database, 'orders-recorded', 'by orders-recorded');
    await database.conditionIs('BypassFree', 'True');
  }, 250_000);

  it('after a switchover our Service leads to the new primary, and its recorder', async () => {
    const [before, other] = [await database.primary(), 'orders-2'];
    expect(before).toBe('orders-1');
    await database.promote(other);
    await cluster.eventually('it is the primary', 120_000, async () => (await database.primary()) === other);
    await database.healthy(2, 120_000);
    const sql = "SELECT 'after the switchover', pg_is_in_recovery()";
    await cluster.eventually('the Service leads there', 30_000, async () => {
      const { out, err } = await database.psql('orders-recorded', sql);
      if (out === 'after the switchover|f\n') return true;
      throw new Error(`${out}${err}`);
    });
    await database.taped('after the switchover');
  }, 300_000);

  it("who goes by the Cluster's own Service is a bypass", async () => {
    const began = performance.now();
    const { out } = await database.psql('orders-rw', "SELECT 'past it' FROM pg_sleep(6)");
    expect(out).toBe('past it\n');
    await database.conditionIs('BypassFree', 'False', 15_000);
    process.stderr.write(`a bypass was in status after ${Math.round(performance.now() - began)} ms\n`);
  }, 60_000);
});

/** The API server adds to the mounts, and a list must be as long as what it is compared with. */
function withoutMounts(containers: readonly object[] = []): object[] {
  return containers.map(({ volumeMounts: _, ...rest }: { readonly volumeMounts?: unknown }) => rest);
}
