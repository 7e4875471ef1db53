/** A search's worker thread: reads objects of the archive by key and sends back what matched, in the order asked. */
import { parentPort, workerData } from 'node:worker_threads';
import { decodeObject } from '@pgtape/evidence';
import type { ListedObject } from './archive.ts';
import { isSet, type StopFlag } from './cooperation.ts';
import { CommandError } from './exitCode.ts';
import { type ScanTask, type SegmentHits, searcher } from './searchScan.ts';
import { openSource, type StoreSource } from './storeSource.ts';

export interface SearchTask extends ScanTask {
  readonly source: StoreSource;
}

/** What a worker is to search. */
export interface SearchItem {
  readonly index: number;
  readonly object: ListedObject;
}

export interface SearchAnswer {
  readonly index: number;
  readonly key: string;
  readonly found: SegmentHits | null;
  /** Why the object could not be read. */
  readonly trouble: string | null;
  /** Why nothing can be read any more: the vault's word, or that it is gone. */
  readonly ended: { readonly code: string; readonly message: string } | null;
}

const { task, flag } = workerData as { task: SearchTask; flag: StopFlag };
const opening = openSource(task.source);
// Whoever reads first is told.
opening.catch(() => undefined);
const search = searcher(task);

async function answer({ index, object: { key, version } }: SearchItem): Promise<SearchAnswer> {
  try {
    const object = await (await opening).get(key, version);
    if (isSet(flag)) return { index, key, found: null, trouble: 'stopped', ended: null };
    const found = search(decodeObject(object));
    return { index, key, found, trouble: null, ended: null };
  } catch (error) {
    const trouble = error instanceof Error ? error.message : String(error);
    const ended = error instanceof CommandError ? { code: error.code, message: error.message } : null;
    return { index, key, found: null, trouble, ended };
  }
}

parentPort?.on('message', (wanted: SearchItem | null) => {
  if (wanted === null) parentPort?.close();
  if (wanted === null || isSet(flag)) return;
  void answer(wanted).then((given) => {
    const { found } = given;
    if (isSet(flag)) return;
    const moved = found === null ? [] : [found.text.buffer, found.ends.buffer, found.sessionOf.buffer];
    parentPort?.postMessage(given, moved);
  });
});
