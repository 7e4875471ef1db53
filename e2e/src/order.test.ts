import { setTimeout as sleep } from 'node:timers/promises';
import { message, RawClient } from '@pgtape/testkit';
import pg from 'pg';
import { metricsAt, pgbench, tell, until, verify } from './probes.ts';
import { loggedStatements, logSettings, type TapedSession, tapedSessions } from './serverLog.ts';
import { type Stack, startStack } from './stack.ts';

const transactions = Number(process.env.PGTAPE_ORDER_TRANSACTIONS ?? 120);
const pipelines = 6;

/** Statements sent ahead of their answers by node-postgres, some failing, one after the other in the session. */
async function queued(stack: Stack, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: stack.url });
  client.on('error', () => {});
  await client.connect();
  const sent: Promise<unknown>[] = [];
  for (let index = 0; index < 60; index += 1) {
    const text = `SELECT $1::text || '${name} ${index}'`;
    sent.push(
      client.query(
        index % 3 === 0 ? { text, values: ['a'], name: `q${index % 9}-${index}` } : { text, values: ['b'] },
      ),
    );
    if (index % 7 === 0) sent.push(client.query(`SELECT 1 / (${index} - ${index})`).catch(() => null));
    if (index % 11 === 0) sent.push(client.query(`SELECT '${name}\n\tmany\nlines ${index}'`));
  }
  await Promise.all(sent);
  await client.end();
}

/** Real pipelines: many Parse/Bind/Execute before one Sync, with errors in the middle. */
async function pipelined(stack: Stack, name: string): Promise<void> {
  const client = await RawClient.connect({
    port: stack.ports.recorder,
    user: 'postgres',
    database: 'postgres',
    password: stack.postgres.password,
  });
  for (let round = 0; round < 20; round += 1) {
    const parts: Buffer[] = [];
    for (let index = 0; index < 15; index += 1) {
      const sql =
        round % 5 === 4 && index === 9 ? `SELECT 1 / 0 -- ${name}` : `SELECT ${round} * ${index} -- ${name}`;
      parts.push(message.parse('', sql), message.bind('', ''), message.execute(''));
    }
    parts.push(message.sync(), message.query(`SELECT 'after ${round}' -- ${name}`));
    const bytes = Buffer.concat(parts);
    const cut = (round * 37) % bytes.length;
    client.send(bytes.subarray(0, cut));
    if (round % 4 === 0) await sleep(1);
    client.send(bytes.subarray(cut));
    await client.until('Z', 2);
  }
  await client.end();
}

/** What of a session the server logs: not what it skipped, nor what failed before it was executed. */
function expectedLog(taped: TapedSession): string[] {
  return taped.records
    .filter(({ kind, outcome }) => kind === 'statement' && outcome !== 'skipped')
    .filter(
      ({ stage, part }) => stage !== 'parse' && stage !== 'bind' && ((part as number | undefined) ?? 1) === 1,
    )
    .map(({ sql }) => String(sql));
}

describe('order and completeness: the tape of each session is the server’s own log of it', () => {
  it('8 pgbench clients in three modes, queued and pipelined sessions, all at once', async () => {
    const stack = await startStack({ settings: logSettings, hba: ['host all all 127.0.0.1/32 password'] });
    try {
      pgbench(stack, stack.postgres.port, ['-i', '-q', '-s', '1']);
      const loads = [
        ...Array.from({ length: pipelines }, (_, index) => queued(stack, `queued${index}`)),
        ...Array.from({ length: pipelines }, (_, index) => pipelined(stack, `piped${index}`)),
      ];
      await Promise.all(loads);
      for (const mode of ['simple', 'extended', 'prepared'])
        pgbench(stack, stack.ports.recorder, [
          '-n',
          '-M',
          mode,
          '-c',
          '8',
          '-j',
          '2',
          '-t',
          `${transactions}`,
        ]);
      // pgbench goes without waiting: its last Terminate may still be on its way when it has ended.
      const open = async (): Promise<boolean> =>
        (await metricsAt(stack.ports.health)).pgtape_recorder_sessions_open === 0;
      await until('every session is closed', 60_000, open);
      await stack.settle();
      const records = stack.records();
      const sessions = tapedSessions(records);
      const logged = loggedStatements(stack);
      const differing = sessions.filter((taped) => {
        const own = logged.get(taped.pid) ?? [];
        return expectedLog(taped).join('\0') !== own.join('\0');
      });
      const first = differing[0];
      if (first !== undefined) expect(expectedLog(first)).toEqual(logged.get(first.pid));
      expect(differing).toEqual([]);
      // pgbench makes one session more per run, to look at the tables.
      expect(sessions.length).toBe(3 * 9 + 2 * pipelines);
      const statements = records.filter(({ kind }) => kind === 'statement');
      expect(statements.length).toBeGreaterThan(3 * 8 * transactions * 7 + pipelines * 20 * 14);
      tell(
        `${statements.length} statements of ${sessions.length} sessions are the server's log, in its order`,
      );
      expect(records.filter(({ kind }) => kind === 'gap')).toEqual([]);
      expect(statements.filter(({ outcome }) => outcome === 'lost')).toEqual([]);
      for (const { records: own } of sessions) {
        expect(own.map(({ n }) => n)).toEqual(own.map((_, index) => index + 1));
        expect(own.at(-1)).toMatchObject({ kind: 'closed', why: 'terminated' });
      }
      expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index + 1));
      expect(verify(stack.archiveDir).verdict).toBe('complete');
    } finally {
      await stack.stop();
    }
  });
});
