/**
 * Ends worker threads between two pieces of work. `Worker.terminate` may strike while zlib opens a stream, and then
 * takes the whole process with it: an assertion of node's own.
 */
import { Worker } from 'node:worker_threads';

/** Shared with the workers of one task; set once, never cleared. */
export type StopFlag = Int32Array<SharedArrayBuffer>;

export function stopFlag(): StopFlag {
  return new Int32Array(new SharedArrayBuffer(4));
}

/** Whether the work is to end here. */
export function isSet(flag: StopFlag): boolean {
  return Atomics.load(flag, 0) !== 0;
}

/** Starts a worker of this build. */
export function startWorker(file: string, workerData: object): Worker {
  return new Worker(new URL(file, import.meta.url), { workerData });
}

/** Lets the workers end after the piece of work they have in hand, and waits until they have. */
export async function endWorkers(workers: readonly Worker[], flag: StopFlag): Promise<void> {
  Atomics.store(flag, 0, 1);
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise<void>((resolve) => {
          worker.once('exit', () => resolve());
          worker.removeAllListeners('message');
          worker.on('error', () => {});
          // A worker that has ended takes no message and says so only by its thread id.
          if (worker.threadId === -1) resolve();
          else worker.postMessage(null);
        }),
    ),
  );
}
