/** Spreads a search over worker threads and gives the answers back in the archive's order, the first as soon as it is there. */
import { Worker } from 'node:worker_threads';
import type { SearchAnswer, SearchTask } from './searchWorker.ts';

/** Tasks each worker has ahead of it: enough to keep it busy, few enough to bound memory. */
const aheadPerWorker = 3;

/** Answers for `keys`, in their order. */
export async function* searchObjects(
  task: SearchTask,
  keys: readonly string[],
  threads: number,
): AsyncGenerator<SearchAnswer> {
  const ready = new Map<number, SearchAnswer>();
  let wake: () => void = () => {};
  let failure: Error | null = null;
  let next = 0;
  const workers = Array.from({ length: Math.min(threads, Math.max(1, keys.length)) }, () => {
    const worker = new Worker(new URL('./searchWorker.js', import.meta.url), { workerData: task });
    const give = (): void => {
      if (next >= keys.length) return;
      worker.postMessage({ index: next, key: keys[next] });
      next += 1;
    };
    worker.on('message', (answer: SearchAnswer) => {
      ready.set(answer.index, answer);
      wake();
      if (ready.size < threads * aheadPerWorker * 4) give();
      else setTimeout(give, 5);
    });
    worker.on('error', (error: Error) => {
      failure = error;
      wake();
    });
    for (let ahead = 0; ahead < aheadPerWorker; ahead += 1) give();
    return worker;
  });
  try {
    for (let index = 0; index < keys.length; index += 1) {
      while (!ready.has(index)) {
        if (failure !== null) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const answer = ready.get(index) as SearchAnswer;
      ready.delete(index);
      yield answer;
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
