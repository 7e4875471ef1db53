/**
 * Owns the file a reel's decoding is taken up from after a crash: written whole or not at all, the one before kept beside it, so that
 * a damaged file costs nothing. It lies in the reel's journal directory, which is memory-backed: it may hold parts of statements.
 */
import { join } from 'node:path';
import type { DraftRecord } from '@pgtape/evidence';
import type { SpanSession } from '@pgtape/otlp';
import type { DecoderSettings, DecoderSnapshot } from './decoder.ts';
import type { DeferredState } from './deferredInput.ts';
import type { TypesEntry } from './journalFormat.ts';
import type { JournalPosition } from './journalReader.ts';
import type { ChainHead } from './sealer.ts';
import type { SessionDecoderSnapshot } from './sessionDecoder.ts';
import { decodeLines, encodeLines, lineBytesMax, SnapshotDamaged, SnapshotTooLong } from './snapshotText.ts';
import { isMissing, type SpoolDisk, temporarySuffix, writeDurably } from './spoolDisk.ts';

export const snapshotVersion = 3;
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

/** Makes the lines of a DecoderSnapshot, none for null, anew at each call. */
export type DecoderLines = () => Iterable<string>;

/** What a line of the file says; `frontend`, `backend` and `deferred` belong to the session before them. */
interface Line {
  readonly head?: SnapshotHead;
  readonly decoder?: Omit<DecoderSnapshot, 'sessions' | 'types'>;
  readonly types?: TypesEntry;
  readonly session?: SessionDecoderSnapshot;
  readonly frontend?: string;
  readonly backend?: string;
  readonly deferred?: DeferredState;
}

/**
 * Made and written bit by bit: what is saved is never in memory twice.
 * @throws ErrnoException or SnapshotTooLong, then the newest is still readable
 */
export function writeSnapshot(
  disk: SpoolDisk,
  dir: string,
  head: SnapshotHead,
  decoder: DecoderLines,
  lineMax: number = lineBytesMax,
): void {
  const path = join(dir, snapshotName);
  try {
    disk.rename(path, join(dir, previousSnapshotName));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    writeDurably(disk, path, encodeLines(allLines(head, decoder), lineMax));
  } catch (error) {
    // JSON.stringify throws a RangeError where the text would be too long for a string.
    if (!(error instanceof SnapshotTooLong) && !(error instanceof RangeError)) throw error;
    disk.unlink(path + temporarySuffix);
    throw error instanceof RangeError ? new SnapshotTooLong(error.message, { cause: error }) : error;
  }
}

function* allLines(head: SnapshotHead, decoder: DecoderLines): Generator<string> {
  yield `{"head":${JSON.stringify(head)}}`;
  yield* decoder();
}

/**
 * The newest readable one; null when there is none. A newest one that cannot be read is removed only where the one before is good, lest
 * it take its place; else both stay as they are.
 * @throws ErrnoException, or SnapshotTooLong: it is whole, but this process cannot read it, and there is no other
 */
export function readSnapshot(disk: SpoolDisk, dir: string, lineMax: number = lineBytesMax): Snapshot | null {
  const path = join(dir, snapshotName);
  const newest = readOne(disk, path, lineMax);
  if (isRead(newest)) return newest;
  const previous = readOne(disk, join(dir, previousSnapshotName), lineMax);
  if (isRead(previous)) {
    if (newest !== 'missing') disk.unlink(path);
    return previous;
  }
  if (newest instanceof SnapshotTooLong) throw newest;
  if (previous instanceof SnapshotTooLong) throw previous;
  return null;
}

type Reading = Snapshot | 'missing' | SnapshotDamaged | SnapshotTooLong;

function isRead(reading: Reading): reading is Snapshot {
  return reading !== 'missing' && !(reading instanceof Error);
}

function readOne(disk: SpoolDisk, path: string, lineMax: number): Reading {
  let fd: number;
  try {
    fd = disk.open(path, 'read');
  } catch (error) {
    if (isMissing(error)) return 'missing';
    throw error;
  }
  try {
    return parse(decodeLines(disk, fd, lineMax));
  } catch (error) {
    if (error instanceof SnapshotDamaged || error instanceof SnapshotTooLong) return error;
    throw error;
  } finally {
    disk.close(fd);
  }
}

/** A file that has its end line was written whole; of another version it is of no use. @throws SnapshotDamaged */
function parse(lines: Iterable<string>): Snapshot {
  let head: SnapshotHead | null = null;
  let decoder: Omit<DecoderSnapshot, 'sessions' | 'types'> | null = null;
  const types: TypesEntry[] = [];
  const sessions: SessionDecoderSnapshot[] = [];
  let extra = newExtra();
  for (const text of lines) {
    const line = parseLine(text);
    if (line.head !== undefined) head = line.head;
    else if (line.decoder !== undefined) decoder = line.decoder;
    else if (line.types !== undefined) types.push(line.types);
    else if (line.session !== undefined) {
      extra = newExtra();
      sessions.push({ ...line.session, held: extra.held });
    } else if (line.frontend !== undefined) extra.held.frontend.push(Buffer.from(line.frontend, 'base64'));
    else if (line.backend !== undefined) extra.held.backend.push(Buffer.from(line.backend, 'base64'));
    else if (line.deferred !== undefined) {
      if (extra.deferred.push(line.deferred) > 1) continue;
      const last = sessions.pop();
      if (last !== undefined) sessions.push({ ...last, deferred: extra.deferred });
    }
  }
  if (head?.v !== snapshotVersion) throw new SnapshotDamaged('it is of another version');
  return { ...head, decoder: decoder === null ? null : { ...decoder, types, sessions } };
}

function newExtra(): { held: { frontend: Buffer[]; backend: Buffer[] }; deferred: DeferredState[] } {
  return { held: { frontend: [], backend: [] }, deferred: [] };
}

function parseLine(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch (error) {
    throw new SnapshotDamaged('a line does not parse', { cause: error });
  }
}
