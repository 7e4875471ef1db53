/**
 * Owns finding the reels of dead recorders and deciding which of them can be decoded again; those that cannot are set aside with a gap
 * in their own chain. The decoding itself is the pipeline's. Crash-safe: everything it does may be done twice.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type DraftRecord, monoText, wallText } from '@pgtape/evidence';
import { entryHeaderBytes, entryKind, type ReelEntry } from './journalFormat.ts';
import { JournalReader } from './journalReader.ts';
import { reelOpened } from './reelOpened.ts';
import { damagedSuffix, doneSuffix, type PipelineOptions, ReelPipeline } from './reelPipeline.ts';
import { type SealedSegment, SegmentSealer } from './sealer.ts';
import { SnapshotTooLong } from './snapshotText.ts';
import { fsyncDirectory, type SpoolDisk } from './spoolDisk.ts';

const reelPattern = /^[0-9a-f]{32}$/;

/** Reels in `journalDir` but the living one; what a removal left half done is removed. @throws ErrnoException */
export function deadReels(disk: SpoolDisk, journalDir: string, living: string): string[] {
  const dead: string[] = [];
  for (const name of disk.list(journalDir)) {
    if (name.endsWith(doneSuffix)) disk.removeTree(join(journalDir, name));
    else if (reelPattern.test(name) && name !== living) dead.push(name);
  }
  return dead;
}

/**
 * A pipeline that decodes a dead reel to its end; null when its journal cannot be taken up, which is then sealed as a gap and kept
 * under another name. @throws ErrnoException, SnapshotTooLong
 */
export function recoverReel(options: Omit<PipelineOptions, 'isDead'>): ReelPipeline | null {
  try {
    return new ReelPipeline({ ...options, isDead: true });
  } catch (error) {
    // A snapshot too long to be read is whole: its journal stays as it is.
    if ((error as NodeJS.ErrnoException).syscall !== undefined || error instanceof SnapshotTooLong)
      throw error;
    setAside(options, (error as Error).message);
    return null;
  }
}

/** Seals what is known: that the journal of this reel was there and could not be read. */
function setAside(options: Omit<PipelineOptions, 'isDead'>, detail: string): void {
  const { dir, disk, outbox, segment: limits, wallUs, onSealed, onRecord } = options;
  const first = firstTurn(disk, dir);
  if (first !== null) {
    const { reel, ms } = first;
    const queue: SealedSegment[] = [];
    const head = outbox.head(reel.reel);
    const sealer = new SegmentSealer({
      // Numbers were given out that nobody knows any more: their salts must not be used again.
      saltSeed: randomBytes(16).toString('hex'),
      reel,
      limits,
      recovered: true,
      head,
      nextSeq: head.lastSeq + 1,
      spans: [],
      openSessions: 0,
      wallUs,
      sealed: (sealed) => queue.push(sealed),
    });
    const now = { monoNs: ms * 1e6, wallUs: Math.round(reel.wallUs + ms * 1000) };
    const gap = { kind: 'gap', at: wallText(now), mono: monoText(now) } as const;
    const drafts: DraftRecord[] = [
      // A reel of which nothing is sealed yet opens here, as any other.
      ...(sealer.nextSeq === 1 ? [reelOpened(reel, now)] : []),
      { ...gap, reason: 'journal_damaged', detail },
      { ...gap, reason: 'recorder_crashed', detail: 'the recorder ended without closing the reel' },
    ];
    for (const draft of drafts) {
      onRecord?.(draft, sealer.nextSeq, true);
      sealer.record(draft, now.monoNs);
    }
    sealer.seal();
    for (const sealed of queue) {
      outbox.write(reel.reel, sealed);
      onSealed?.(sealed);
    }
  }
  disk.rename(dir, dir + damagedSuffix);
  fsyncDirectory(disk, join(dir, '..'));
  if (first !== null) outbox.complete(first.reel.reel);
}

/** The `reel` entry that every journal file opens with, of the first file that can be read. */
function firstTurn(disk: SpoolDisk, dir: string): { reel: ReelEntry; ms: number } | null {
  const files = new JournalReader(dir, null, 0, disk).files();
  for (const file of files) {
    const reader = new JournalReader(dir, { file, offset: 0 }, 0, disk);
    try {
      if (reader.read() !== 'turn' || reader.buffer[reader.start] !== entryKind.reel) continue;
      const from = reader.start + entryHeaderBytes;
      const length = reader.buffer.readUInt32LE(reader.start + 8);
      return {
        reel: JSON.parse(reader.buffer.toString('utf8', from, from + length)) as ReelEntry,
        ms: reader.ms,
      };
    } finally {
      reader.close();
    }
  }
  return null;
}

/** Whether more of a reel may be sealed: its journal is still there. */
export function journalTest(disk: SpoolDisk, journalDir: string, living: string): (reel: string) => boolean {
  const reels = new Set([living, ...deadReels(disk, journalDir, living)]);
  return (reel) => reels.has(reel);
}
