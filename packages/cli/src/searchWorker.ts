/** A search's worker thread: reads objects of the archive by key and sends back what matched, in the order asked. */
import { parentPort, workerData } from 'node:worker_threads';
import { decodeObject } from '@pgtape/evidence';
import { fileStore } from '@pgtape/store';
import type { SearchFilter } from './searchFilter.ts';
import { type SegmentHits, searcher } from './searchScan.ts';

export interface SearchTask {
  readonly root: string;
  readonly filter: SearchFilter;
}

export interface SearchAnswer {
  readonly index: number;
  readonly key: string;
  readonly found: SegmentHits | null;
  /** Why the object could not be read. */
  readonly trouble: string | null;
}

const { root, filter } = workerData as SearchTask;
const store = fileStore(root);
const search = searcher(filter);

async function answer(index: number, key: string): Promise<SearchAnswer> {
  try {
    const text = decodeObject(await store.get(key));
    return {
      index,
      key,
      found: search(Buffer.from(text.buffer, text.byteOffset, text.byteLength)),
      trouble: null,
    };
  } catch (error) {
    return { index, key, found: null, trouble: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (task: { index: number; key: string }) => {
  void answer(task.index, task.key).then((found) => parentPort?.postMessage(found));
});
