/**
 * Owns the sealed segments that are not yet acknowledged: `<outbox>/<reel>/<8 digits>.otlp.zst`, the exact bytes to send, durable before
 * anything else happens with them. Of each reel the newest segment stays, renamed `.acked`, until the reel's journal is gone:
 * whoever takes up the reel after a crash reads there how far it was sealed. Knows no journal and no network.
 */
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { sealDigest, sealHead } from '@pgtape/evidence';
import { readSegmentRequest } from '@pgtape/otlp';
import { type ChainHead, emptyChain, type SealedSegment } from './sealer.ts';
import {
  fsyncDirectory,
  readWhole,
  type SpoolDisk,
  spoolDisk,
  temporarySuffix,
  writeDurably,
} from './spoolDisk.ts';

export const segmentSuffix = '.otlp.zst';
const ackedSuffix = '.acked';
const damagedSuffix = '.damaged';
const reelPattern = /^[0-9a-f]{32}$/;
const filePattern = /^(\d{8,})(\.otlp\.zst|\.acked)$/;
/** Far above any segment; only the recorder's own files are read. */
const requestBytesMax = 512 * 1024 * 1024;

interface ReelBox {
  /** Numbers of segments not acknowledged, rising. */
  readonly pending: number[];
  readonly bytes: Map<number, number>;
  /** The newest segment, kept though acknowledged; 0: none. */
  acked: number;
  /** The reel's journal is gone: nothing of it will be sealed any more. */
  complete: boolean;
}

export class Outbox {
  readonly #dir: string;
  readonly #disk: SpoolDisk;
  readonly #reels = new Map<string, ReelBox>();
  segments = 0;
  bytes = 0;

  /** Reads what is there; `hasJournal` tells of a reel whether more may be sealed. @throws ErrnoException */
  constructor(dir: string, hasJournal: (reel: string) => boolean, disk: SpoolDisk = spoolDisk) {
    this.#dir = dir;
    this.#disk = disk;
    disk.mkdir(dir);
    for (const name of disk.list(dir)) {
      if (reelPattern.test(name)) this.#scan(name, !hasJournal(name));
    }
  }

  /** Reels with segments to send. */
  reels(): string[] {
    const waiting: string[] = [];
    for (const [reel, box] of this.#reels) if (box.pending.length > 0) waiting.push(reel);
    return waiting;
  }

  /** Number of the reel's oldest segment not acknowledged; 0 when there is none. */
  next(reel: string): number {
    return this.#reels.get(reel)?.pending[0] ?? 0;
  }

  /** A segment's bytes; null when somebody took the file away. @throws ErrnoException */
  read(reel: string, segment: number): Buffer | null {
    return readWhole(this.#disk, this.#path(reel, segment, segmentSuffix));
  }

  /** Durable when it returns; on a throw nothing has changed and it may be tried again. @throws ErrnoException */
  write(reel: string, { segment, bytes }: SealedSegment): void {
    let box = this.#reels.get(reel);
    if (box === undefined) {
      this.#disk.mkdir(join(this.#dir, reel));
      fsyncDirectory(this.#disk, this.#dir);
      box = { pending: [], bytes: new Map(), acked: 0, complete: false };
      this.#reels.set(reel, box);
    }
    writeDurably(this.#disk, this.#path(reel, segment, segmentSuffix), [bytes]);
    this.#add(box, segment, bytes.length);
  }

  /** The vault has it: never sent again. @throws ErrnoException; the segment is then sent once more after a restart */
  acknowledged(reel: string, segment: number): void {
    const box = this.#reels.get(reel);
    if (box === undefined || box.pending[0] !== segment) return;
    this.#remove(box, segment);
    const path = this.#path(reel, segment, segmentSuffix);
    if (box.pending.length > 0) {
      this.#disk.unlink(path);
    } else if (box.complete) {
      this.#forget(reel);
    } else {
      this.#disk.rename(path, this.#path(reel, segment, ackedSuffix));
      const before = box.acked;
      box.acked = segment;
      if (before > 0) this.#disk.unlink(this.#path(reel, before, ackedSuffix));
    }
  }

  /** Forgets a segment whose file is gone; the vault will name the hole. */
  vanished(reel: string, segment: number): void {
    const box = this.#reels.get(reel);
    if (box !== undefined) this.#remove(box, segment);
  }

  /** The reel's journal is gone: after its last acknowledgement nothing of it stays. @throws ErrnoException */
  complete(reel: string): void {
    const box = this.#reels.get(reel);
    if (box === undefined) return;
    box.complete = true;
    if (box.pending.length === 0) this.#forget(reel);
  }

  /**
   * The newest segment the reel has here, sent or not. One that does not read back was never sent whole; it is set aside and the one
   * before it counts. @throws ErrnoException
   */
  head(reel: string): ChainHead {
    const box = this.#reels.get(reel);
    if (box === undefined) return emptyChain;
    while (box.pending.length > 0) {
      const segment = box.pending.at(-1)!;
      const head = chainHeadOf(this.read(reel, segment));
      if (head !== null && head.segment === segment) return head;
      const path = this.#path(reel, segment, segmentSuffix);
      this.#disk.rename(path, path + damagedSuffix);
      this.#remove(box, segment);
    }
    if (box.acked === 0) return emptyChain;
    return chainHeadOf(readWhole(this.#disk, this.#path(reel, box.acked, ackedSuffix))) ?? emptyChain;
  }

  #scan(reel: string, complete: boolean): void {
    const box: ReelBox = { pending: [], bytes: new Map(), acked: 0, complete };
    for (const name of this.#disk.list(join(this.#dir, reel))) {
      const path = join(this.#dir, reel, name);
      if (name.endsWith(temporarySuffix)) this.#disk.unlink(path);
      const match = filePattern.exec(name);
      if (match === null) continue;
      const segment = Number(match[1]);
      if (match[2] === segmentSuffix) {
        this.#add(box, segment, this.#sizeOf(path));
      } else {
        if (box.acked > 0) this.#disk.unlink(this.#path(reel, box.acked, ackedSuffix));
        box.acked = segment;
      }
    }
    this.#reels.set(reel, box);
    if (complete && box.pending.length === 0) this.#forget(reel);
  }

  #sizeOf(path: string): number {
    const fd = this.#disk.open(path, 'read');
    try {
      return this.#disk.size(fd);
    } finally {
      this.#disk.close(fd);
    }
  }

  #add(box: ReelBox, segment: number, bytes: number): void {
    const known = box.bytes.get(segment);
    if (known === undefined) {
      box.pending.push(segment);
      box.pending.sort((a, b) => a - b);
      this.segments += 1;
    } else this.bytes -= known;
    box.bytes.set(segment, bytes);
    this.bytes += bytes;
  }

  #remove(box: ReelBox, segment: number): void {
    const at = box.pending.indexOf(segment);
    if (at < 0) return;
    box.pending.splice(at, 1);
    this.segments -= 1;
    this.bytes -= box.bytes.get(segment) ?? 0;
    box.bytes.delete(segment);
  }

  /** A directory that holds anything set aside stays for people to look at. */
  #forget(reel: string): void {
    this.#reels.delete(reel);
    const dir = join(this.#dir, reel);
    if (this.#disk.list(dir).some((name) => name.endsWith(damagedSuffix))) return;
    this.#disk.removeTree(dir);
  }

  #path(reel: string, segment: number, suffix: string): string {
    return join(this.#dir, reel, `${String(segment).padStart(8, '0')}${suffix}`);
  }
}

/** What a segment's seal says; null when the bytes are no segment. */
function chainHeadOf(bytes: Buffer | null): ChainHead | null {
  if (bytes === null) return null;
  try {
    const reading = readSegmentRequest(zstdDecompressSync(bytes, { maxOutputLength: requestBytesMax }));
    if (reading.kind !== 'segment') return null;
    const line = reading.lines.at(-1)!;
    const head = sealHead(line);
    return head === null ? null : { ...head, digest: sealDigest(line) };
  } catch {
    return null;
  }
}
