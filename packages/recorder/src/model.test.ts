/**
 * The model check: sequences of messages, legal and not, played against a real PostgreSQL directly and through the relay. The replies are
 * the same byte for byte, and the records say what the server said and kept.
 *
 * `PGTAPE_SEED=<seed>[:<path>]` plays what a failure printed; `PGTAPE_MODEL_SEQUENCES` is how many are played (nightly: `make model`), in
 * batches of 100; `PGTAPE_MODEL_FROM` is the first batch, to go on from where a run was stopped.
 */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { type Exchange, masked, messageOf } from './exchange.testing.ts';
import { checkTape } from './modelOracle.testing.ts';
import { type Move, prelude, type Sequence, schema, sequences, told } from './modelSequences.testing.ts';
import { RelayBench } from './relayBench.testing.ts';

const [seedText = '', path] = (process.env.PGTAPE_SEED ?? '').split(/:(.*)/s);
const seed = seedText === '' ? randomInt(2 ** 31) : Number(seedText);
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
}, 120_000);
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

async function play(way: 'direct' | 'recorded', { moves, sizes }: Sequence): Promise<Play> {
  runs += 1;
  const run = `${runs}`;
  const client = await bench.open(way, { options: `-c pgtape.run=${run}` });
  await client.send(messageOf(`Q ${prelude}`));
  await client.hear(3);
  for (const move of moves) {
    await client.send(Buffer.concat(move.lines.map(messageOf)), sizes);
    await wait(move.pause, client);
  }
  client.socket.end(Buffer.concat(epilogue.map(messageOf)));
  await client.ended();
  client.socket.destroy();
  return { client, run, heard: Buffer.concat(client.frames.map(masked)) };
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

/** Each is told, also those behind Terminate, which nobody reads: they are lost. */
const executesOf = ({ moves }: Sequence): number =>
  moves.flatMap(({ lines }) => lines).filter((line) => /^!?E( |$)/.test(line)).length;

async function check(sequence: Sequence): Promise<void> {
  const direct = await play('direct', sequence);
  const recorded = await play('recorded', sequence);
  if (!recorded.heard.equals(direct.heard))
    throw new Error(
      `the replies differ:\n${direct.heard.toString('latin1')}\n${recorded.heard.toString('latin1')}`,
    );
  const records = await bench.closedSession(recorded.client.pid);
  try {
    checkTape(recorded.client.frames, records, executesOf(sequence), await marksOf(recorded.run));
  } catch (fault) {
    const lines = await bench.taped(recorded.client.pid);
    throw new Error(`${(fault as Error).message}\n${lines.join('\n')}`);
  }
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
      if (wanted > 200)
        process.stderr.write(
          `model: batch ${batch} of ${batches.length + from} holds, seed ${seed + batch}\n`,
        );
    },
    600_000,
  );
});
