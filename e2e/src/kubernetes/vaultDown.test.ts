import { setTimeout as sleep } from 'node:timers/promises';
import { readArchive } from '../stack.ts';
import { crashedReel, verifiedReels, watchedReels } from './archiveAnswers.ts';
import { type BenchTape, startBench } from './benchTape.ts';
import { namespaceObject } from './postgresObjects.ts';
import { type PodObject, type RecordedDatabase, recordDatabase, restartsOf } from './recordedDatabase.ts';
import { bucketDir, installPgtape, systemNamespace } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** The vault is away for minutes: databases go on, and what was recorded meanwhile comes when it is back, unless the pod is gone with it. */
const cluster = sharedCluster();
const namespace = 'vaultless';
/** The pods of these are deleted while the vault is away; what becomes of their outboxes. */
const outboxes = { empty: 'EmptyDir', ephemeral: 'Ephemeral', claimed: 'Claim' } as const;
type Deleted = keyof typeof outboxes;
const deleted = Object.keys(outboxes) as Deleted[];
const claimName = 'outbox';
/** At least. */
const awayMs = 120_000;

/** Under load all the time. */
let stays: RecordedDatabase;
let bench: BenchTape;
let staying: PodObject;
let awaySince: number;
/** Of this run: what an earlier one said lies in the same archive. */
const run = Date.now();
const databases = new Map<Deleted, RecordedDatabase>();
const former = new Map<Deleted, { readonly uid: string; readonly reel: string }>();

const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: claimName, namespace },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

async function started(name: Deleted): Promise<void> {
  const outboxVolume = outboxes[name];
  const spool = { outboxVolume, ...(outboxVolume === 'Claim' && { claimName }) };
  databases.set(name, await recordDatabase(cluster, { namespace, name, spec: { spool } }));
}

function of(name: Deleted): RecordedDatabase {
  return databases.get(name) as RecordedDatabase;
}

async function say(database: RecordedDatabase, mark: string): Promise<void> {
  expect(await database.ask(await database.address(), `SELECT '${mark}'`)).toBe(mark);
}

async function scaleVault(replicas: number): Promise<void> {
  const statefulSet = 'statefulset/pgtape-vault';
  await cluster.done(['-n', systemNamespace, 'scale', statefulSet, `--replicas=${replicas}`]);
  await cluster.done(['-n', systemNamespace, 'rollout', 'status', statefulSet, '--timeout=90s']);
  if (replicas === 0)
    await cluster.done([
      '-n',
      systemNamespace,
      'wait',
      '--for=delete',
      'pod/pgtape-vault-0',
      '--timeout=70s',
    ]);
}

beforeAll(async () => {
  await installPgtape(cluster);
  await cluster.apply(namespaceObject(namespace), claim);
  const keeps = recordDatabase(cluster, { namespace, name: 'stays' });
  await Promise.all([keeps, ...deleted.map(started)]);
  stays = await keeps;
  for (const name of deleted) {
    const mark = `before, of ${name}, ${run}`;
    await say(of(name), mark);
    const { reel } = await of(name).taped(mark);
    former.set(name, { uid: (await of(name).podObject()).metadata.uid, reel });
  }
  staying = await stays.podObject();
  bench = await startBench(cluster, stays);
}, 300_000);

afterAll(async () => {
  await bench?.stop();
  await scaleVault(1);
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
}, 120_000);

it('without a vault databases go on', async () => {
  await scaleVault(0);
  awaySince = performance.now();
  for (const database of [stays, ...databases.values()])
    await say(database, `meanwhile, of ${database.name}, ${run}`);
}, 90_000);

it('pods that are deleted meanwhile end in time, and come back recorded', async () => {
  const pods = deleted.map((name) => of(name).pod);
  const began = performance.now();
  await cluster.done(['-n', namespace, 'delete', 'pod', ...pods, '--timeout=60s']);
  process.stderr.write(`three pods ended after ${Math.round(performance.now() - began)} ms\n`);
  for (const name of deleted) {
    const statefulSet = `statefulset/${name}`;
    await cluster.done(['-n', namespace, 'rollout', 'status', statefulSet, '--timeout=90s']);
    expect((await of(name).podObject()).metadata.uid).not.toBe(former.get(name)?.uid);
    await say(of(name), `afterwards, of ${name}, ${run}`);
  }
}, 150_000);

it('status says that evidence waits, and for how long', async () => {
  await stays.conditionIs('Archiving', 'False', 120_000);
  const { status } = await stays.object();
  expect(status?.lagSeconds).toBeGreaterThanOrEqual(60);
  expect(await stays.condition('Archiving')).toMatchObject({ reason: 'Lagging' });
}, 130_000);

it(`the vault is back after ${awayMs / 1000} s: all that was answered meanwhile arrives, and status says so`, async () => {
  await sleep(Math.max(0, awayMs - (performance.now() - awaySince)));
  const away = Math.round((performance.now() - awaySince) / 1000);
  await scaleVault(1);
  const began = performance.now();
  await bench.stop();
  await stays.taped(`meanwhile, of stays, ${run}`, 60_000);
  expect(await bench.taped(120_000)).toEqual([]);
  const caughtUp = Math.round((performance.now() - began) / 1000);
  const { size } = bench.answered;
  process.stderr.write(`away for ${away} s, ${size} statements answered, all arrived ${caughtUp} s after\n`);
  expect(size).toBeGreaterThan(1000);
  const now = await stays.podObject();
  expect({ uid: now.metadata.uid, restarts: restartsOf(now) }).toEqual({
    uid: staying.metadata.uid,
    restarts: restartsOf(staying),
  });
  for (const type of ['Archiving', 'Ready']) await stays.conditionIs(type, 'True', 90_000);
}, 400_000);

it('an outbox on a claim outlives its pod: the tape is complete', async () => {
  const { reel } = former.get('claimed') as { reel: string };
  expect(await of('claimed').taped(`meanwhile, of claimed, ${run}`, 60_000)).toMatchObject({ reel });
  await cluster.eventually('its reel has its end', 60_000, async () => {
    const found = (await verifiedReels(cluster, `${namespace}/claimed-0`)).find((one) => one.reel === reel);
    if (found?.verdict === 'complete') return true;
    throw new Error(JSON.stringify(found));
  });
}, 130_000);

it.each<Deleted>(['empty', 'ephemeral'])(
  'an outbox that went with its pod (%s): the vault says crashed, and so does verify',
  async (name) => {
    const { reel } = former.get(name) as { reel: string };
    await of(name).taped(`afterwards, of ${name}, ${run}`, 60_000);
    await cluster.eventually('the vault says so', 90_000, async () => {
      const found = (await watchedReels(cluster)).find((one) => one.reel === reel);
      if (found?.state === 'crashed') return true;
      throw new Error(JSON.stringify(found ?? 'it does not know the reel'));
    });
    const alerts = (): Record<string, unknown>[] =>
      [...readArchive(bucketDir(cluster), 'vault')].filter(
        (record) => record.kind === 'alert' && record.of_reel === reel,
      );
    // Status is told at once, the record when its segment is stored.
    await cluster.eventually('its alert is in the archive', 15_000, async () => alerts().length > 0);
    expect(alerts().at(-1)).toMatchObject({
      state: 'raised',
      reason: 'reel_silent',
      detail: `its pod ${namespace}/${name}-0 is gone, and its end did not come`,
    });
    expect((await crashedReel(cluster, `${namespace}/${name}-0`, reel)).reasons).toEqual(['pod_gone']);
  },
  200_000,
);
