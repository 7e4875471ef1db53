/**
 * `make fuzz`: so many inputs against @pgtape/wire and @pgtape/session, on as many threads as asked for. Fails on a throw, on an input that
 * takes longer than ten seconds, and on a thread that outgrows its heap; what failed is kept in the corpus.
 *
 * Arguments: how many inputs (5,000,000), the seed (random), threads (2).
 */
import { randomInt } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { keep, readCorpus } from './fuzzCorpus.testing.ts';
import { inputOf } from './fuzzInputs.testing.ts';
import type { FuzzFinding, FuzzShare } from './fuzzWorker.testing.ts';

const [inputsText = '5000000', seedText = '', threadsText = '2'] = process.argv.slice(2);
const inputs = Number(inputsText);
const seed = seedText === '' ? randomInt(2 ** 31) : Number(seedText);
const threads = Number(threadsText);
const hangMs = 10_000;
const heapMebibytes = 192;
const findingsMax = 20;

const corpus = readCorpus().map(({ input }) => input);
const say = (line: string): void => void process.stderr.write(`fuzz: ${line}\n`);
const findings = new Map<string, string>();

function found(why: string, index: number, message: string): void {
  const head = message.split('\n').slice(0, 2).join(' ');
  if (findings.has(head)) return;
  const name = keep(inputOf(seed, index, corpus), why);
  findings.set(head, name);
  say(`${why} at input ${index}, kept as ${name}: ${message}`);
}

/** Runs one thread's share to its end, in a new thread after each that died. */
async function share(thread: number): Promise<Int32Array> {
  const at = new Int32Array(new SharedArrayBuffer(4));
  at[0] = thread;
  void (async () => {
    for (let from = thread; from < inputs && findings.size < findingsMax; ) {
      const last = await oneLife({ seed, from, stride: threads, end: inputs, at });
      from = last === null ? inputs : last + threads;
    }
    at[0] = inputs;
  })();
  return at;
}

/** The input at which the thread died; null when it came to its end. */
function oneLife(data: FuzzShare): Promise<number | null> {
  const worker = new Worker(new URL('./fuzzWorker.testing.js', import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: heapMebibytes },
  });
  let before = -1;
  let hung = false;
  const watch = setInterval(() => {
    const now = Atomics.load(data.at, 0);
    hung = now === before && now < data.end;
    before = now;
    if (hung) void worker.terminate();
  }, hangMs);
  worker.on('message', ({ index, message }: FuzzFinding) => found('throw', index, message));
  return new Promise((resolve) => {
    const died = (why: string, message: string): void => {
      clearInterval(watch);
      const index = Atomics.load(data.at, 0);
      found(why, index, message);
      resolve(index);
    };
    worker.on('error', (error) => died('memory', String(error)));
    worker.on('exit', () => {
      if (hung) died('hang', `longer than ${hangMs} ms`);
      clearInterval(watch);
      resolve(null);
    });
  });
}

say(`${inputs} inputs, seed ${seed}, ${threads} threads, ${corpus.length} of the corpus`);
const started = performance.now();
const places = await Promise.all(Array.from({ length: threads }, (_, thread) => share(thread)));
const done = (): number => Math.min(inputs, Math.min(...places.map((at) => at[0] as number)));
for (let shown = 0; done() < inputs; ) {
  await new Promise((resolve) => setTimeout(resolve, 250));
  if (performance.now() - started < shown * 5000) continue;
  shown += 1;
  const seconds = (performance.now() - started) / 1000;
  const megabytes = Math.round(process.memoryUsage.rss() / 1e6);
  say(
    `${done()} of ${inputs}, ${Math.round(done() / seconds)} a second, ${megabytes} MB, ${findings.size} findings`,
  );
}
const seconds = Math.round((performance.now() - started) / 1000);
say(
  `${inputs} inputs in ${seconds} s, seed ${seed}: ${findings.size === 0 ? 'nothing found' : `${findings.size} findings`}`,
);
process.exitCode = findings.size === 0 ? 0 : 1;
