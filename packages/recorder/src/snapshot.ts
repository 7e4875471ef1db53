/**
 * Owns the file a reel's decoding is taken up from after a crash: written whole or not at all, the one before kept beside it, so that
 * a damaged file costs nothing. It lies in the reel's journal directory, which is memory-backed: it may hold parts of statements.
 */
import { join } from 'node:path';
import type { DraftRecord } from '@pgtape/evidence';
import type { SpanSession } from '@pgtape/otlp';
import type { DecoderSettings, DecoderSnapshot } from './decoder.ts';
import type { JournalPosition } from './journalReader.ts';
import type { ChainHead } from './sealer.ts';
import { isMissing, readWhole, type SpoolDisk, writeDurably } from './spoolDisk.ts';

export const snapshotVersion = 1;
export const snapshotName = 'snapshot.json';
export const previousSnapshotName = 'snapshot.previous.json';

/** State between two turns of the journal. */
export interface SnapshotHead {
  readonly v: typeof snapshotVersion;
  readonly settings: DecoderSettings;
  readonly position: JournalPosition;
  /** Bytes of the reel's journal before `position`. */
  readonly consumed: number;
  readonly chain: ChainHead;
  /** Records decoded before `position` that no segment holds yet; they are numbered from `nextSeq`. */
  readonly pending: readonly DraftRecord[];
  readonly pendingSinceNs: number;
  readonly nextSeq: number;
  readonly openSessions: number;
  readonly spans: readonly SpanSession[];
}

/** `decoder` is null before the journal's first turn. */
export interface Snapshot extends SnapshotHead {
  readonly decoder: DecoderSnapshot | null;
}

/** `decoder`: pieces of the JSON of a DecoderSnapshot, or of null. @throws ErrnoException, then the newest is still readable */
export function writeSnapshot(
  disk: SpoolDisk,
  dir: string,
  head: SnapshotHead,
  decoder: readonly string[],
): void {
  const pieces: Buffer[] = [];
  let text = `${JSON.stringify(head).slice(0, -1)},"decoder":`;
  for (const piece of decoder) {
    text += piece;
    if (text.length < 1 << 20) continue;
    pieces.push(Buffer.from(text));
    text = '';
  }
  pieces.push(Buffer.from(`${text}}\n`));
  const path = join(dir, snapshotName);
  try {
    disk.rename(path, join(dir, previousSnapshotName));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  writeDurably(disk, path, pieces);
}

/**
 * The newest readable one; null when there is none. A damaged newest one is removed, lest it take the place of the good one before it.
 * @throws ErrnoException
 */
export function readSnapshot(disk: SpoolDisk, dir: string): Snapshot | null {
  const path = join(dir, snapshotName);
  const bytes = readWhole(disk, path);
  const newest = parse(bytes);
  if (newest !== null) return newest;
  if (bytes !== null) disk.unlink(path);
  return parse(readWhole(disk, join(dir, previousSnapshotName)));
}

/** A file that parses to its closing brace was written whole; of another version it is of no use. */
function parse(bytes: Buffer | null): Snapshot | null {
  if (bytes === null) return null;
  try {
    const snapshot = JSON.parse(bytes.toString()) as Snapshot;
    return snapshot.v === snapshotVersion ? snapshot : null;
  } catch {
    return null;
  }
}
