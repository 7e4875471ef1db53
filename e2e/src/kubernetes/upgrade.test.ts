import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chartDir } from '../cluster/helm.ts';
import { startBench } from './benchTape.ts';
import { password } from './postgresObjects.ts';
import { type PodObject, type RecordedDatabase, recordDatabase, restartsOf } from './recordedDatabase.ts';
import { bucketDir, helm, installPgtape, systemNamespace, values } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';
import { readArchive } from './tapes.ts';

/**
 * `recorder.upgrade: InPlace`: another recorder in a pod that runs, and a PostgreSQL that does not notice. `helm upgrade`: another operator
 * and vault, with the Secrets that were there, and recorders that do not notice.
 */
const cluster = sharedCluster();
const namespace = 'upgrades';
const name = 'orders';
let database: RecordedDatabase;
let before: PodObject;

const startedAt = 'SELECT pg_postmaster_start_time()::text';

function imageOf({ spec }: PodObject): string | undefined {
  return spec.initContainers?.find((one) => one.name === 'pgtape-recorder')?.image;
}

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, {
    namespace,
    name,
    spec: { recorder: { upgrade: 'InPlace' } },
  });
  before = await database.podObject();
}, 300_000);

afterAll(async () => {
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

it('the recorder of the running pod is another, and PostgreSQL was never started anew', async () => {
  const host = await database.address();
  const since = await database.ask(host, startedAt);
  const { repository, version } = cluster.pgtape;
  const image = `${repository}:${version}`;
  expect(imageOf(before)).not.toBe(image);
  const began = performance.now();
  const patch = JSON.stringify({ spec: { recorder: { image } } });
  await cluster.done(['-n', namespace, 'patch', 'recdb', name, '--type=merge', '-p', patch]);
  await cluster.eventually('the pod has the new recorder', 60_000, async () => {
    const now = await database.podObject();
    return imageOf(now) === image && restartsOf(now)['pgtape-recorder'] === 1;
  });
  await cluster.eventually('it is reached again', 30_000, async () => {
    return (await database.ask(host, 'SELECT 1')) === '1';
  });
  process.stderr.write(`upgraded in place after ${Math.round(performance.now() - began)} ms\n`);
  const now = await database.podObject();
  expect({ uid: now.metadata.uid, restarts: restartsOf(now).postgres }).toEqual({
    uid: before.metadata.uid,
    restarts: 0,
  });
  expect(await database.ask(host, startedAt)).toBe(since);
}, 120_000);

it('it records, asks for passwords, and status and Event say that it was upgraded', async () => {
  const host = await database.address();
  const mark = 'after the upgrade';
  expect(await database.ask(host, `SELECT '${mark}'`)).toBe(mark);
  expect(await database.ask(host, 'SELECT 1', { given: `not ${password}` })).toBe('28P01');
  await database.taped(mark);
  await database.conditionIs('UpToDate', 'True');
  await database.conditionIs('Ready', 'True');
  const events = await cluster.list<{ reason: string }>('events', namespace);
  expect(events.map(({ reason }) => reason)).toContain('RecorderUpgraded');
}, 150_000);

const secretNames = ['pgtape-vault-log', 'pgtape-vault-tls', 'pgtape-webhook'];

async function secrets(): Promise<Record<string, unknown>> {
  const all = await Promise.all(
    secretNames.map(async (secret) => await cluster.get<{ data: object }>('secret', secret, systemNamespace)),
  );
  return Object.fromEntries(all.map((secret, at) => [secretNames[at], secret?.data]));
}

interface LogVerdict {
  readonly verdict: string;
  readonly origin: string;
  readonly size: number;
  readonly findings: readonly { readonly verdict: string }[];
}

/** Of the archive's log as it is now, which must continue the checkpoint that an auditor kept. */
async function verifiedLog(checkpoint: string): Promise<LogVerdict> {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-checkpoint-'));
  try {
    writeFileSync(join(dir, 'checkpoint'), checkpoint);
    const args = ['verify', '--checkpoint', join(dir, 'checkpoint'), '-o', 'json'];
    const { out, err } = await readArchive(cluster, args);
    if (!out.startsWith('{')) throw new Error(`pgtape verify: ${err}${out}`);
    return (JSON.parse(out) as { log: LogVerdict }).log;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function releasePods(): Promise<string[]> {
  const labels = 'app.kubernetes.io/component in (webhook,controller,vault)';
  const pods = await cluster.list<PodObject>('pods', systemNamespace, '-l', labels);
  return pods.map(({ metadata }) => metadata.uid);
}

it('helm upgrade under load: keys and certificates stay byte for byte, the recorder goes on, and it is one log', async () => {
  const [kept, pod, former] = [await secrets(), await database.podObject(), await releasePods()];
  expect(Object.values(kept)).not.toContain(undefined);
  const checkpoint = readFileSync(join(bucketDir(cluster), 'log/checkpoint'), 'utf8');
  const bench = await startBench(cluster, database);
  try {
    const more = ['webhook', 'controller', 'vault'].flatMap((role) => [
      '--set-string',
      `${role}.podAnnotations.upgraded=${Date.now()}`,
    ]);
    const upgrade = ['upgrade', 'pgtape', chartDir, '-n', systemNamespace, ...values(cluster), ...more];
    await helm(cluster, [...upgrade, '--wait', '--timeout', '150s']);
    await cluster.eventually('every former pod of the release is gone', 90_000, async () => {
      const now = await releasePods();
      return !former.some((uid) => now.includes(uid));
    });
    const mark = `after the release was upgraded, ${Date.now()}`;
    expect(await database.ask(await database.address(), `SELECT '${mark}'`)).toBe(mark);
    await database.taped(mark, 60_000);
  } finally {
    await bench.stop();
  }
  expect(await bench.taped(60_000)).toEqual([]);
  expect(await secrets()).toEqual(kept);
  const now = await database.podObject();
  expect({ uid: now.metadata.uid, restarts: restartsOf(now) }).toEqual({
    uid: pod.metadata.uid,
    restarts: restartsOf(pod),
  });
  const [origin = '', size] = checkpoint.split('\n');
  const log = await verifiedLog(checkpoint);
  expect(log.origin).toBe(origin);
  // What was stored a moment ago is not logged yet.
  expect(log.findings.filter(({ verdict }) => verdict !== 'open')).toEqual([]);
  expect(log.size).toBeGreaterThan(Number(size));
  await database.conditionIs('Ready', 'True', 90_000);
}, 400_000);
