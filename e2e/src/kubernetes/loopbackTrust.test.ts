import pg from 'pg';
import { testImages } from './images.ts';
import { namespaceObject, password, postgresObjects } from './postgresObjects.ts';
import { sharedCluster } from './sharedCluster.ts';
import type { PortForward } from './testCluster.ts';

/** What everything else stands on, without anything of pgtape: pods, Services, names, and the trap that R6 is about. */
const cluster = sharedCluster();
const namespace = 'bare';
let address: string;
let forward: PortForward;

async function whoAmI(host: string, port: number, given: string): Promise<string> {
  const client = new pg.Client({ host, port, user: 'postgres', password: given, database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query('SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user')).rows[0]
      .rolsuper;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  await cluster.apply(namespaceObject(namespace));
  await cluster.apply(...postgresObjects({ namespace, name: 'orders', image: testImages().postgres.name }));
  await cluster.done(['-n', namespace, 'rollout', 'status', 'statefulset/orders', '--timeout=60s']);
  forward = await cluster.portForward(namespace, 'svc/orders', 5432);
}, 90_000);

afterAll(async () => {
  await forward?.stop();
});

it('a StatefulSet of PostgreSQL is ready, and its Service leads to it', async () => {
  const service = await cluster.get<{ spec: { clusterIP: string } }>('service', 'orders', namespace);
  address = service?.spec.clusterIP as string;
  expect(await whoAmI(address, 5432, password)).toBe('true');
});

it('names of Services resolve in pods', async () => {
  const found = await cluster.exec(
    namespace,
    'orders-0',
    'postgres',
    'getent',
    'hosts',
    'orders.bare.svc.cluster.local',
  );
  expect(found).toMatchObject({ status: 0, out: expect.stringContaining(address) });
});

it('a wrong password is refused through the Service', async () => {
  expect(await whoAmI(address, 5432, 'wrong')).toBe('28P01');
});

it('a wrong password is a superuser through port-forward: loopback is trusted', async () => {
  expect(await whoAmI('127.0.0.1', forward.port, 'wrong')).toBe('true');
});
