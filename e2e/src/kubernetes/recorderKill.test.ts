import { setTimeout as sleep } from 'node:timers/promises';
import { nodeStartMs, outageMsMax } from '../outageBound.ts';
import { type BenchTape, startBench } from './benchTape.ts';
import { eatersScript, eaterWord, oomCountOf } from './containerMemory.ts';
import { outageAfter } from './outage.ts';
import { password } from './postgresObjects.ts';

import {
  askAt,
  type PodObject,
  type RecordedDatabase,
  recordDatabase,
  restartsOf,
} from './recordedDatabase.ts';
import { podProcesses, recorderPid } from './recorderProcess.ts';
import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';

/** R1 in a pod: the recorder's process dies under pgbench, by a signal or for want of memory, and nothing answered is lost. */
const cluster = sharedCluster();
const namespace = 'kills';
const name = 'orders';
const kills = 10;
let database: RecordedDatabase;
let bench: BenchTape;
let host: string;
let before: PodObject;

/** A recorder that is not `former`. */
async function nextRecorder(former: number | null): Promise<number> {
  for (let waited = 0; waited < 30_000; waited += 10) {
    const pid = recorderPid(before.metadata.uid);
    if (pid !== null && pid !== former) return pid;
    await sleep(10);
  }
  throw new Error('no recorder was started again');
}

const isAnswered = async (): Promise<boolean> => (await askAt(host, 5432, password, 'SELECT 1')) === '1';

beforeAll(async () => {
  await installPgtape(cluster);
  database = await recordDatabase(cluster, {
    namespace,
    name,
    // Without a request of its own the pod is BestEffort, and the recorder has no limit.
    container: { resources: { requests: { cpu: '100m', memory: '128Mi' } } },
  });
  before = await database.podObject();
  host = await database.address();
  bench = await startBench(cluster, database);
}, 300_000);

afterAll(async () => {
  await bench?.stop();
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
}, 30_000);

it(`${kills} kills in a row: clients are back within a second each time`, async () => {
  const outages: number[] = [];
  let nodeMs = 0;
  let former: number | null = null;
  for (let kill = 0; kill < kills; kill += 1) {
    const pid: number = await nextRecorder(former);
    const back = outageAfter(pid, isAnswered);
    process.kill(pid, 'SIGKILL');
    outages.push(await back);
    nodeMs = Math.max(nodeMs, await nodeStartMs());
    former = pid;
  }
  process.stderr.write(`unreachable after kill -9: ${outages.join(', ')} ms\n`);
  expect(Math.max(...outages)).toBeLessThan(outageMsMax(nodeMs));
}, 120_000);

it('the pod and its containers go on as if nothing was', async () => {
  const now = await database.podObject();
  expect(now.metadata.uid).toBe(before.metadata.uid);
  expect(restartsOf(now)).toEqual({ 'pgtape-recorder': 0, postgres: 0 });
});

/** Uses up the memory of the recorder's container until the kernel has killed the recorder. */
async function killForMemory(pid: number): Promise<void> {
  const eating = database.cluster.exec(namespace, database.pod, 'pgtape-recorder', 'sh', '-c', eatersScript);
  const { uid } = before.metadata;
  for (let waited = 0; waited < 15_000 && recorderPid(uid) === pid; waited += 10) await sleep(10);
  for (const eater of podProcesses(uid, eaterWord)) process.kill(eater, 'SIGKILL');
  await eating;
}

it('out of memory: killed by the kernel at the limit of its container, and back', async () => {
  const pid = await nextRecorder(null);
  const oom = oomCountOf(pid);
  const back = outageAfter(pid, isAnswered);
  await killForMemory(pid);
  const outage = await back;
  process.stderr.write(`unreachable after an OOM kill: ${outage} ms\n`);
  expect(await nextRecorder(pid)).not.toBe(pid);
  // One of the eaters may have been chosen, too.
  expect(oom.kills()).toBeGreaterThan(0);
  expect(restartsOf(await database.podObject())).toEqual({ 'pgtape-recorder': 0, postgres: 0 });
}, 60_000);

it('every transaction that was answered is on tape, once', async () => {
  await bench.stop();
  expect(await bench.taped(60_000)).toEqual([]);
  expect(bench.answered.size).toBeGreaterThan(kills * 20);
  process.stderr.write(`${bench.answered.size} statements answered, each on tape once\n`);
}, 90_000);
