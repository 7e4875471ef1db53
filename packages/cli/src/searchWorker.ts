/** A search's worker thread: reads objects of the archive by key and sends back what matched, in the order asked. */
import { parentPort, workerData } from 'node:worker_threads';
import { decodeObject } from '@pgtape/evidence';
import { fileStore } from '@pgtape/store';
import { isSet, type StopFlag } from './cooperation.ts';
import { type ScanTask, type SegmentHits, searcher } from './searchScan.ts';

export interface SearchTask extends ScanTask {
  /** Directory of the archive. */
  readonly root: string;
}

export interface SearchAnswer {
  readonly index: number;
  readonly key: string;
  readonly found: SegmentHits | null;
  /** Why the object could not be read. */
  readonly trouble: string | null;
}

const { task, flag } = workerData as { task: SearchTask; flag: StopFlag };
const store = fileStore(task.root);
const search = searcher(task);

async function answer(index: number, key: string): Promise<SearchAnswer> {
  try {
    const object = await store.get(key);
    if (isSet(flag)) return { index, key, found: null, trouble: 'stopped' };
    const text = decodeObject(object);
    const found = search(Buffer.from(text.buffer, text.byteOffset, text.byteLength));
    return { index, key, found, trouble: null };
  } catch (error) {
    return { index, key, found: null, trouble: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (wanted: { index: number; key: string } | null) => {
  if (wanted === null) parentPort?.close();
  if (wanted === null || isSet(flag)) return;
  void answer(wanted.index, wanted.key).then((given) => {
    const { found } = given;
    if (isSet(flag)) return;
    const moved = found === null ? [] : [found.text.buffer, found.ends.buffer, found.sessionOf.buffer];
    parentPort?.postMessage(given, moved);
  });
});
