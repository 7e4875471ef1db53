/** What must be true of a mode that catches every client of the pod, on an image that trusts loopback (R6). */
import { password } from './postgresObjects.ts';
import { type RecordedDatabase, recordDatabase } from './recordedDatabase.ts';
import type { TestCluster } from './testCluster.ts';

export const invalidPassword = '28P01';

async function throughForward(database: RecordedDatabase, given: string, sql: string): Promise<string> {
  const forward = await database.cluster.portForward(database.namespace, `pod/${database.pod}`, 5432);
  try {
    return await database.ask('127.0.0.1', sql, { port: forward.port, given });
  } finally {
    await forward.stop();
  }
}

export function wholeCapture(cluster: TestCluster, namespace: string, mode: string): void {
  const name = mode.toLowerCase();
  let database: RecordedDatabase;
  const marks: string[] = [];

  it('comes up with the recorder, and is achieved', async () => {
    database = await recordDatabase(cluster, { namespace, name, spec: { capture: { mode } } });
    await cluster.eventually('the mode is achieved', 120_000, async () => {
      const { status } = await database.object();
      if (status?.mode === mode) return true;
      throw new Error(JSON.stringify(status));
    });
    // Sessions count from the first look on.
    await database.conditionIs('BypassFree', 'True');
  }, 600_000);

  it.each([
    ['the Service', async () => await database.address()],
    ['the address of the pod', async () => (await database.podObject()).status.podIP],
  ])('a client of %s gets in, and with a wrong password does not', async (_, addressOf) => {
    const host = await addressOf();
    const mark = `via ${host}`;
    expect(await database.ask(host, `SELECT '${mark}'`)).toBe(mark);
    expect(await database.ask(host, 'SELECT 1', { given: 'wrong' })).toBe(invalidPassword);
    marks.push(mark);
  });

  it('a client of port-forward gets in, and with a wrong password does not', async () => {
    const mark = `via port-forward of ${name}`;
    expect(await throughForward(database, password, `SELECT '${mark}'`)).toBe(mark);
    expect(await throughForward(database, 'wrong', 'SELECT 1')).toBe(invalidPassword);
    marks.push(mark);
  });

  it('what each of them said is on tape', async () => {
    expect(marks).toHaveLength(3);
    for (const mark of marks) await database.taped(mark);
  });

  it('every session counts as covered', async () => {
    await database.conditionIs('Ready', 'True');
    await cluster.eventually('coverage is whole', 120_000, async () => {
      const { status } = await database.object();
      if (status?.coverage === '100%' && status.bypasses === 0) return true;
      throw new Error(JSON.stringify({ coverage: status?.coverage, bypasses: status?.bypasses }));
    });
  }, 300_000);
}
