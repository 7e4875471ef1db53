/** Spreads a search over worker threads and gives the answers back in the archive's order, the first as soon as it is there. */
import type { ListedObject } from './archive.ts';
import { endWorkers, startWorker, stopFlag } from './cooperation.ts';
import type { SearchAnswer, SearchItem, SearchTask } from './searchWorker.ts';

/** Objects each worker may be ahead of the reader: enough to keep it busy, few enough to bound memory. */
const aheadPerWorker = 8;

/**
 * Answers for `objects`, in their order; ends early when `stop` is aborted. A worker takes an object only when the reader
 * has come near it, so a slow reader slows the search and memory is bounded by the window, not by the hits.
 * @throws what ended a worker
 */
export async function* searchObjects(
  task: SearchTask,
  objects: readonly ListedObject[],
  threads: number,
  stop: AbortSignal,
): AsyncGenerator<SearchAnswer> {
  const ready = new Map<number, SearchAnswer>();
  const failures: Error[] = [];
  let wake: () => void = () => {};
  const flag = stopFlag();
  const workers = Array.from({ length: Math.min(threads, objects.length) }, () => {
    const worker = startWorker('./searchWorker.js', { task, flag });
    worker.on('message', (answer: SearchAnswer) => {
      ready.set(answer.index, answer);
      wake();
    });
    worker.on('error', (error: Error) => {
      failures.push(error);
      wake();
    });
    return worker;
  });
  const onStop = (): void => wake();
  stop.addEventListener('abort', onStop);
  let given = 0;
  const giveUpTo = (end: number): void => {
    for (; given < Math.min(end, objects.length); given += 1) {
      workers[given % workers.length]?.postMessage({ index: given, object: objects[given] } as SearchItem);
    }
  };
  try {
    for (let index = 0; index < objects.length; index += 1) {
      giveUpTo(index + workers.length * aheadPerWorker);
      while (!ready.has(index)) {
        if (stop.aborted) return;
        if (failures.length > 0) throw failures[0];
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const answer = ready.get(index) as SearchAnswer;
      ready.delete(index);
      yield answer;
    }
  } finally {
    stop.removeEventListener('abort', onStop);
    await endWorkers(workers, flag);
  }
}
