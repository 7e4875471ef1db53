/** What a session past a recorder must become, and how soon: the condition, Events, both metrics, and the record. */
import { metricsAt } from '../probes.ts';
import type { ArchivedRecord } from '../stack.ts';
import type { PodObject, RecordedDatabase } from './recordedDatabase.ts';
import { systemNamespace } from './release.ts';

/** From the session's beginning. */
const seenMs = 15_000;
/** A segment is sealed, sent and stored. */
const storedMs = 60_000;
const recorderMetric = 'pgtape_recorder_bypasses_total{how="activity"}';
const ports = { recorder: 7418, operator: 7419 } as const;

/** One session that went past the recorder of a pod. */
export interface Passer {
  /** What it calls itself; of no other. */
  readonly application: string;
  readonly pod: string;
  /** Bypasses of its database, which are the pod's own, with it. */
  readonly count: number;
  /** Goes there, stays for some seconds. @returns where it came from as PostgreSQL says, '' by the unix socket */
  go(): Promise<string>;
}

interface EventObject {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

/** Resolves when all of it is so. @throws Error with what was not so in time */
export async function seenBypass(database: RecordedDatabase, passer: Passer): Promise<void> {
  const { podIP } = (await database.podObject(passer.pod)).status;
  const beganMs = Date.now();
  const went = passer.go();
  const within: Looks = async (what, look) => {
    await database.cluster.eventually(`${passer.application}: ${what}`, seenMs, look);
    return Date.now() - beganMs;
  };
  const [address, ...took] = await Promise.all([
    went,
    inStatus(database, passer, within),
    inEvents(database, passer, within),
    inMetrics(database, passer, podIP, within),
  ]);
  const [condition, events, metrics] = took;
  process.stderr.write(
    `${passer.application}: condition after ${condition} ms, Events ${events} ms, metrics ${metrics} ms\n`,
  );
  await onRecord(database, passer, beganMs, address);
}

type Looks = (what: string, look: () => Promise<boolean>) => Promise<number>;

function inStatus(database: RecordedDatabase, { pod, count }: Passer, within: Looks): Promise<number> {
  return within('a condition', async () => {
    const { status } = await database.object();
    const condition = status?.conditions?.find(({ type }) => type === 'BypassFree');
    const ofPod = status?.pods?.find(({ name }) => name === pod)?.bypasses ?? 0;
    const isSo =
      condition?.status === 'False' && condition.reason === 'BypassDetected' && status?.bypasses === count;
    if (isSo && condition.message.includes(`; ${count} in all`) && ofPod > 0) return true;
    throw new Error(JSON.stringify({ condition, bypasses: status?.bypasses, ofPod }));
  });
}

/** One on the pod, and one on its database. */
function inEvents(database: RecordedDatabase, { application, pod }: Passer, within: Looks): Promise<number> {
  const wanted = [`Pod/${pod}`, `RecordedDatabase/${database.name}`];
  return within('Events', async () => {
    const events = await database.cluster.list<EventObject>('events', database.namespace);
    const found = events
      .filter(({ reason, message }) => reason === 'BypassDetected' && message.includes(application))
      .map(({ involvedObject: { kind, name } }) => `${kind}/${name}`);
    if (wanted.every((one) => found.includes(one))) return true;
    throw new Error(`only on ${found.join(', ')}`);
  });
}

/** Of the recorder, and of the operator that leads. */
async function inMetrics(
  { cluster, namespace, name }: RecordedDatabase,
  { count }: Passer,
  recorder: string,
  within: Looks,
): Promise<number> {
  const labels = 'app.kubernetes.io/component=controller';
  const controllers = await cluster.list<PodObject>('pods', systemNamespace, '-l', labels);
  return await within('metrics', async () => {
    const { [recorderMetric]: ofRecorder = 0 } = await metricsAt(ports.recorder, recorder);
    const all = await Promise.all(controllers.map(({ status }) => metricsAt(ports.operator, status.podIP)));
    const ofOperator = all.map(
      (metrics) => metrics[`pgtape_operator_bypasses_total{database="${namespace}/${name}"}`] ?? 0,
    );
    if (ofRecorder === count && ofOperator.includes(count)) return true;
    throw new Error(`recorder: ${ofRecorder}, operators: ${ofOperator.join(', ')}, and not ${count}`);
  });
}

async function onRecord(
  database: RecordedDatabase,
  { application }: Passer,
  beganMs: number,
  address: string,
): Promise<void> {
  const isIt = (record: ArchivedRecord): boolean =>
    record.kind === 'bypass' && record.application === application;
  const record = await database.record(`the bypass of ${application}`, storedMs, isIt);
  const { at, started, how, sessions, user, database: where, address: from } = record;
  expect({ how, sessions, user, where, from }).toEqual({
    ...{ how: 'activity', sessions: 1, user: 'postgres', where: 'postgres' },
    from: address,
  });
  const ms = (ns: unknown): number => Number(BigInt(String(ns)) / 1_000_000n);
  expect(Math.abs(ms(started) - beganMs)).toBeLessThan(seenMs);
  expect(ms(at) - beganMs).toBeLessThan(seenMs);
}
