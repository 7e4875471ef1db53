/** Checks reels, in worker threads where there is enough to do, and shows on a terminal how far it is. */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { Archive, ReelKeys } from './archive.ts';
import { endWorkers, startWorker, stopFlag } from './cooperation.ts';
import { CommandError, exitCode, Stopped, throwIfStopped } from './exitCode.ts';
import type { Io, StopReason } from './io.ts';
import type { Paint } from './paint.ts';
import { Progress } from './progress.ts';
import { type ReelReading, type ReelTask, readReel } from './reelReading.ts';
import type { ReelMessage } from './reelWorker.ts';
import { storeFailure } from './storeFailure.ts';

export type ReelOptions = Partial<Omit<ReelTask, 'reel' | 'known'>> & {
  /** What came of a reel before; null: nothing that is known. */
  readonly knownOf?: (reel: ReelKeys) => ReelReading | null;
  /** Told of each reel as soon as it was read. */
  readonly onReading?: (reading: ReelReading) => void;
};

/** Below this, compressed, starting a thread takes longer than the check itself. */
const inThisThreadBytesMax = 1024 * 1024;

/**
 * Readings of `reels`, in their order.
 * @throws Stopped, and CommandError with the store's code where an object cannot be read
 */
export async function readReels(
  io: Io,
  archive: Archive,
  reels: readonly ReelKeys[],
  options: ReelOptions,
  paint: Paint,
): Promise<ReelReading[]> {
  const { knownOf = () => null, onReading = () => {}, ...given } = options;
  const tasks = reels.map((reel): ReelTask => {
    const known = knownOf(reel);
    return { strict: false, trustedKeys: [], session: null, facts: false, ...given, reel, known };
  });
  const segments = reels.reduce((sum, reel) => sum + reel.keys.length, 0);
  const bytes = reels.reduce((sum, reel) => sum + reel.bytes, 0);
  const progress = new Progress(io.err, paint, () => io.now());
  let seen = 0;
  const onSegments = (count: number): void => {
    seen += count;
    progress.passing(`checking segment ${Math.min(seen + 1, segments)} of ${segments}`);
  };
  onSegments(0);
  try {
    return bytes < inThisThreadBytesMax
      ? await readHere(io, archive, tasks, onSegments, onReading)
      : await readInThreads(io, archive, tasks, onSegments, onReading);
  } finally {
    progress.clear();
  }
}

async function readHere(
  io: Io,
  archive: Archive,
  tasks: readonly ReelTask[],
  onSegments: (count: number) => void,
  onReading: (reading: ReelReading) => void,
): Promise<ReelReading[]> {
  const readings: ReelReading[] = [];
  const onSegment = (): void => {
    throwIfStopped(io);
    onSegments(1);
  };
  for (const task of tasks) {
    const reading = await readReel(archive.store, task, onSegment).catch((error: unknown) => {
      throw storeFailure(error);
    });
    onReading(reading);
    readings.push(reading);
  }
  return readings;
}

/** The largest reels first, so that no thread is left alone with a large one at the end. */
function readInThreads(
  io: Io,
  archive: Archive,
  tasks: readonly ReelTask[],
  onSegments: (count: number) => void,
  onReading: (reading: ReelReading) => void,
): Promise<ReelReading[]> {
  const order = [...tasks.keys()].sort((a, b) => (tasks[b]?.reel.bytes ?? 0) - (tasks[a]?.reel.bytes ?? 0));
  const readings = new Array<ReelReading>(tasks.length);
  const workers: Worker[] = [];
  const flag = stopFlag();
  let left = tasks.length;
  const done = new Promise<ReelReading[]>((resolve, reject) => {
    const onStop = (): void => reject(new Stopped(io.stop.reason as StopReason));
    if (io.stop.aborted) onStop();
    io.stop.addEventListener('abort', onStop, { once: true });
    const start = (): void => {
      const worker = startWorker('./reelWorker.js', { source: archive.source, flag });
      workers.push(worker);
      const give = (): void => {
        const index = order.shift();
        if (index !== undefined) worker.postMessage({ index, task: tasks[index] });
      };
      worker.on('error', reject);
      worker.on('message', (message: ReelMessage) => {
        if (message.kind === 'segments') onSegments(message.count);
        else if (message.kind === 'trouble') {
          reject(new CommandError(message.code, message.message, { exit: exitCode.environment }));
        } else {
          readings[message.index] = message.reading;
          onReading(message.reading);
          left -= 1;
          if (left === 0) resolve(readings);
          else give();
        }
      });
      give();
    };
    for (let at = 0; at < Math.min(availableParallelism(), 8, tasks.length); at += 1) start();
  });
  return done.finally(() => endWorkers(workers, flag));
}
