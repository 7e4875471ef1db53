/** A worker thread that checks reels, one after the other, and says how far it is. */
import { parentPort, workerData } from 'node:worker_threads';
import { isSet, type StopFlag } from './cooperation.ts';
import { type ReelReading, type ReelTask, readReel } from './reelReading.ts';
import { openSource, type StoreSource } from './storeSource.ts';

export type ReelMessage =
  | { readonly kind: 'segments'; readonly count: number }
  | { readonly kind: 'reading'; readonly index: number; readonly reading: ReelReading }
  | { readonly kind: 'trouble'; readonly code: string; readonly message: string };

/** Messages about progress are for eyes: a few each second are enough. */
const tellMs = 100;

const { source, flag } = workerData as { source: StoreSource; flag: StopFlag };
const opening = openSource(source);
// Whoever reads first is told.
opening.catch(() => undefined);
const say = (message: ReelMessage): void => parentPort?.postMessage(message);
let count = 0;
let toldAt = 0;

function onSegment(): void {
  if (isSet(flag)) throw new Error('stopped');
  count += 1;
  const now = performance.now();
  if (now - toldAt < tellMs) return;
  say({ kind: 'segments', count });
  toldAt = now;
  count = 0;
}

parentPort?.on('message', (wanted: { index: number; task: ReelTask } | null) => {
  if (wanted === null) parentPort?.close();
  if (wanted === null || isSet(flag)) return;
  const { index, task } = wanted;
  opening
    .then((store) => readReel(store, task, onSegment))
    .then(
      (reading) => say({ kind: 'reading', index, reading }),
      (error: Error & { code?: unknown }) =>
        say({ kind: 'trouble', code: String(error.code ?? 'ARCHIVE_READ'), message: error.message }),
    );
});
