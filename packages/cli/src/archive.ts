/** Reads an archive as `sessions`, `search`, `play` and `verify` need it: reels in order, their objects one at a time. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseSegmentKey, type StoredSegment } from '@pgtape/evidence';
import { fileStore, type Store } from '@pgtape/store';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';

export interface ReelKeys {
  readonly recorder: string;
  readonly reel: string;
  readonly keys: readonly string[];
  /** Compressed bytes of all its objects. */
  readonly bytes: number;
}

export interface Archive {
  readonly root: string;
  readonly store: Store;
  /** Keys under `reel/` that no segment has; each is a finding of `verify`. */
  readonly strangers: readonly string[];
  readonly reels: readonly ReelKeys[];
}

/** Where commands look when --archive is not given: PGTAPE_ARCHIVE, else what `pgtape up` makes. */
export function archiveRoot(io: Io, flag: string | undefined): string {
  return resolve(io.cwd, flag ?? io.env.PGTAPE_ARCHIVE ?? join('.pgtape', 'archive'));
}

/**
 * Lists an archive; reads no object.
 * @throws CommandError `NO_ARCHIVE`
 */
export async function openArchive(io: Io, flag: string | undefined): Promise<Archive> {
  const root = archiveRoot(io, flag);
  if (!existsSync(root)) {
    throw new CommandError('NO_ARCHIVE', `there is no archive at ${root}`, {
      exit: exitCode.environment,
      advice: "Name it with --archive DIRECTORY or PGTAPE_ARCHIVE, or start with './pgtape up'.",
    });
  }
  const store = fileStore(root);
  const reels = new Map<string, { recorder: string; reel: string; keys: string[]; bytes: number }>();
  const strangers: string[] = [];
  for await (const { key, bytes } of store.list('reel/')) {
    const name = parseSegmentKey(key);
    if (name === null) {
      strangers.push(key);
      continue;
    }
    const id = `${name.recorder}/${name.reel}`;
    const entry = reels.get(id) ?? { recorder: name.recorder, reel: name.reel, keys: [], bytes: 0 };
    entry.keys.push(key);
    entry.bytes += bytes;
    reels.set(id, entry);
  }
  return { root, store, strangers, reels: [...reels.values()] };
}

/** The objects of a reel, in the order of their keys. */
export async function* segmentsOf(archive: Archive, reel: ReelKeys): AsyncGenerator<StoredSegment> {
  for (const key of reel.keys) yield { key, object: await archive.store.get(key) };
}
