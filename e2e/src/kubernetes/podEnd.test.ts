import pg from 'pg';
import { crashedReel, verifiedReels, watchedReels } from './archiveAnswers.ts';
import { namespaceObject, password } from './postgresObjects.ts';
import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import { podProcesses } from './recorderProcess.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** A pod that is gone at once, with a session open: how its tape ended is told, and it never just stops. */
const cluster = sharedCluster();
const namespace = 'ends';
/** By the database's name, what its outbox lies on. */
const outboxes = { orders: 'EmptyDir', ephemeral: 'Ephemeral', claimed: 'Claim' } as const;
type Name = keyof typeof outboxes;
const names = Object.keys(outboxes) as Name[];
const claimName = 'outbox';
const databases = new Map<Name, RecordedDatabase>();

const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: claimName, namespace },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

async function started(name: Name): Promise<void> {
  const outboxVolume = outboxes[name];
  const spool = { outboxVolume, ...(outboxVolume === 'Claim' && { claimName }) };
  databases.set(name, await recordDatabase(cluster, { namespace, name, spec: { spool } }));
}

beforeAll(async () => {
  await installPgtape(cluster);
  await cluster.apply(namespaceObject(namespace), claim);
  await Promise.all(names.map(started));
}, 300_000);

afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

/** The recorder has no time left: it is stopped where it is, and never goes on. */
function freeze(podUid: string): void {
  const processes = podProcesses(podUid, 'pgtape/recorder/main.js');
  expect(processes).not.toEqual([]);
  for (const pid of processes) process.kill(pid, 'SIGSTOP');
}

/** The reel of a session that is open, with a transaction under way, when the pod is killed; `before` is done with it shortly before. */
async function killedWhileOpen(
  database: RecordedDatabase,
  before: (podUid: string) => void = () => undefined,
): Promise<string> {
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
  before((await database.podObject()).metadata.uid);
  const now = ['--grace-period=0', '--force'];
  await cluster.done(['-n', namespace, 'delete', 'pod', database.pod, '--timeout=60s', ...now]);
  await client.end().catch(() => undefined);
  return reel;
}

/** What the vault says, which watches what has no end. */
async function howItEnded(reel: string): Promise<string> {
  let how = '';
  await cluster.eventually('it is told how the tape ended', 90_000, async () => {
    how = (await watchedReels(cluster)).find((one) => one.reel === reel)?.state ?? 'ended';
    if (how === 'crashed' || how === 'ended') return true;
    throw new Error(how);
  });
  return how;
}

it('a pod is killed with a session open: its tape is complete, or crashed for the vault and verify; it is never silent', async () => {
  const database = databases.get('orders') as RecordedDatabase;
  const reel = await killedWhileOpen(database);
  const how = await howItEnded(reel);
  const pod = `${namespace}/${database.pod}`;
  const found = (await verifiedReels(cluster, pod)).find((one) => one.reel === reel);
  process.stderr.write(`a pod that was killed: ${how}, verified as ${found?.verdict}\n`);
  if (how === 'ended') expect(found?.verdict).toBe(found?.closed ? 'complete' : 'crashed');
  else expect(await crashedReel(cluster, pod, reel)).toEqual({ reasons: ['pod_gone'], open: ['crashed'] });
  await cluster.done(['-n', namespace, 'rollout', 'status', 'statefulset/orders', '--timeout=90s']);
}, 300_000);

it.each(names)(
  'a pod whose recorder could do nothing any more (%s): verify says crashed, by the word of the vault',
  async (name) => {
    const database = databases.get(name) as RecordedDatabase;
    const reel = await killedWhileOpen(database, freeze);
    expect(await howItEnded(reel)).toBe('crashed');
    expect(await crashedReel(cluster, `${namespace}/${database.pod}`, reel)).toEqual({
      reasons: ['pod_gone'],
      open: ['crashed'],
    });
  },
  200_000,
);
