/** For fuzzing: a thread that runs one input in so many, and says in shared memory at which it is. */
import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './fuzzCorpus.testing.ts';
import { inputOf } from './fuzzInputs.testing.ts';
import { runInput } from './fuzzTargets.testing.ts';

export interface FuzzShare {
  readonly seed: number;
  /** First input, and how many lie between two of this thread's. */
  readonly from: number;
  readonly stride: number;
  readonly end: number;
  /** Of this thread: the input it is at. */
  readonly at: Int32Array;
}

export interface FuzzFinding {
  readonly index: number;
  readonly message: string;
}

const { seed, from, stride, end, at } = workerData as FuzzShare;
const corpus = readCorpus().map(({ input }) => input);
for (let index = from; index < end; index += stride) {
  Atomics.store(at, 0, index);
  try {
    runInput(inputOf(seed, index, corpus));
  } catch (error) {
    const finding: FuzzFinding = {
      index,
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
    parentPort?.postMessage(finding);
  }
}
Atomics.store(at, 0, end);
