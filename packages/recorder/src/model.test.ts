/**
 * The model check: sequences of messages, legal and not, played against a real PostgreSQL directly and through the relay. The replies are
 * the same byte for byte, and the records say what the server said and kept.
 *
 * `PGTAPE_SEED=<seed>[:<path>]` plays what a failure printed; `PGTAPE_MODEL_SEQUENCES` is how many are played (nightly: `make model`), in
 * batches of 100; `PGTAPE_MODEL_FROM` is the first batch, to go on from where a run was stopped.
 */
import type { DraftRecord } from '@pgtape/evidence';
import { testSeed } from '@pgtape/testkit';
import fc from 'fast-check';
import { type Exchange, masked, messageOf } from './exchange.testing.ts';
import { checkTape } from './modelOracle.testing.ts';
import {
  gidWord,
  type Move,
  prelude,
  type Sequence,
  schema,
  sequences,
  told,
} from './modelSequences.testing.ts';
import { RelayBench } from './relayBench.testing.ts';

const [seedText = '', path] = testSeed(process.env).split(/:(.*)/s);
const seed = Number(seedText);
const wanted = path === undefined ? Number(process.env.PGTAPE_MODEL_SEQUENCES ?? 200) : 1;
const perBatch = 100;
const from = Number(process.env.PGTAPE_MODEL_FROM ?? 0);
const batches = Array.from({ length: Math.max(1, Math.ceil(wanted / perBatch)) }, (_, place) => place).slice(
  from,
);

let bench: RelayBench;
beforeAll(async () => {
  bench = await RelayBench.start();
  for (const sql of schema) await bench.ask(sql);
});
afterAll(() => bench.stop());

const wait = (pause: Move['pause'], client: Exchange): Promise<void> => {
  if (pause === 'turn') return new Promise((resolve) => setImmediate(resolve));
  return pause === 'quiet' ? client.quiet(4) : Promise.resolve();
};

/** Ends whatever is open: a COPY, a skip window; asks for one more row; leaves. */
const epilogue = ['f the end', 'S', "Q select 'sentinel'", 'X'];

interface Play {
  readonly heard: Buffer;
  readonly client: Exchange;
  readonly run: string;
}

let runs = 0;
let plays = 0;
const totals = { sequences: 0, lost: 0, statements: 0, unknown: 0 };

async function play(way: 'direct' | 'recorded', sequence: Sequence, gid: string): Promise<Play> {
  const { moves, sizes, session, ending } = sequence;
  runs += 1;
  const run = `${runs}`;
  const client = await bench.open(
    way,
    { options: `-c pgtape.run=${run}`, ...(session === 'walsender' && { replication: 'database' }) },
    session === '3.2' ? 0x3_0002 : 0x3_0000,
  );
  await client.send(messageOf(`Q ${prelude}`));
  await client.hear(3);
  for (const move of moves) {
    await client.send(
      Buffer.concat(move.lines.map((line) => messageOf(line.replaceAll(gidWord, gid)))),
      sizes,
    );
    await wait(move.pause, client);
  }
  client.socket.end(Buffer.concat(ending === 'terminate' ? epilogue.map(messageOf) : []));
  await client.ended();
  client.socket.destroy();
  return { client, run, heard: Buffer.concat(client.frames.map(masked)) };
}

/** A transaction that was left prepared would be in the way of the next of its name. */
async function forget({ moves }: Sequence, gid: string): Promise<void> {
  if (!moves.some(({ lines }) => lines.some((line) => line.includes(gidWord)))) return;
  const left = await bench.ask(`select count(*) from pg_prepared_xacts where gid = '${gid}'`);
  if (left !== '0') await bench.ask(`rollback prepared '${gid}'`);
}

async function marksOf(run: string): Promise<Map<number, number>> {
  const text = await bench.ask(
    `select coalesce(string_agg(k || '=' || n, ' '), '') from (select k, count(*) n from mark where run = '${run}' group by k) m`,
  );
  return new Map(
    text
      .split(' ')
      .filter((one) => one !== '')
      .map((one): [number, number] => [Number(one.split('=')[0]), Number(one.split('=')[1])]),
  );
}

/** Each is told, also those behind Terminate, which nobody reads: they are skipped. */
const executesOf = ({ moves }: Sequence): number =>
  moves.flatMap(({ lines }) => lines).filter((line) => /^!?E( |$)/.test(line)).length;

const hasDied = (records: readonly DraftRecord[]): boolean =>
  records.some((draft) => draft.kind === 'closed' && (draft.error !== undefined || draft.why === 'error'));

/**
 * A server that dies with bytes of the client unread resets the connection, and the client's kernel may drop what it had received: such a
 * sequence is played again.
 */
async function check(sequence: Sequence): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const fault = await faultOf(sequence);
    if (fault === null) return;
    if (!fault.reset || tries === 5) throw fault.error;
  }
}

async function faultOf(
  sequence: Sequence,
): Promise<{ readonly error: Error; readonly reset: boolean } | null> {
  plays += 1;
  const gid = `prepared ${plays}`;
  const direct = await play('direct', sequence, gid);
  await forget(sequence, gid);
  const recorded = await play('recorded', sequence, gid);
  const records = await bench.closedSession(recorded.client.pid);
  const reset = hasDied(records);
  if (!recorded.heard.equals(direct.heard)) {
    const both = [direct, recorded].map(({ heard }) => heard.toString('latin1')).join('\n');
    return { error: new Error(`the replies differ:\n${both}`), reset };
  }
  try {
    const marks = await marksOf(recorded.run);
    await forget(sequence, gid);
    const checked = checkTape(recorded.client.frames, records, executesOf(sequence), marks);
    totals.sequences += 1;
    totals.lost += checked.lost ? 1 : 0;
    totals.statements += checked.statements;
    totals.unknown += checked.unknown;
  } catch (fault) {
    const lines = await bench.taped(recorded.client.pid);
    return { error: new Error(`${(fault as Error).message}\n${lines.join('\n')}`), reset };
  }
  return null;
}

describe('model', () => {
  it.each(batches)(
    `batch %d, seed ${seed}`,
    async (batch) => {
      await fc.assert(fc.asyncProperty(sequences, check), {
        seed: seed + batch,
        numRuns: path === undefined ? Math.min(perBatch, wanted) : 1,
        ...(path === undefined ? {} : { path }),
        reporter: (result) => {
          if (!result.failed) return;
          const shrunk = result.counterexample === null ? 'nothing' : told(result.counterexample[0]);
          throw new Error(
            `PGTAPE_SEED=${result.seed}:${result.counterexamplePath}\n${shrunk}\n${(result.errorInstance as Error | null)?.message}`,
          );
        },
      });
      if (wanted > 200) {
        const next = `PGTAPE_SEED=${seed} PGTAPE_MODEL_FROM=${batch + 1}`;
        process.stderr.write(
          `model: batch ${batch + 1} of ${batches.length + from} holds; go on with ${next}\n`,
        );
      }
    },
    600_000,
  );

  it('a decoder that is restored again and again makes the same records', () => {
    if (wanted > 200) return;
    const records = bench.records();
    for (const everyTurns of [1, 7]) expect(bench.recordsRestarted(everyTurns)).toEqual(records);
  });

  it('most of it can be held against the server', () => {
    if (path !== undefined) return;
    expect(totals.sequences).toBeGreaterThanOrEqual(Math.min(perBatch, wanted));
    // Decoding ends at a COPY that failed before messages of which nobody knows whether they were read.
    expect(totals.lost / totals.sequences).toBeLessThan(0.1);
    expect(totals.unknown / totals.statements).toBeLessThan(0.25);
    process.stderr.write(`model: ${JSON.stringify(totals)}\n`);
  });
});
