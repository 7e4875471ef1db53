/**
 * Owns one reel from its journal to its outbox: read, decode, seal, outbox, snapshot, trim, in this order, so that a crash anywhere is
 * made good by doing it again. Used for the living reel and for those of dead recorders. Never waits: who calls it does.
 */
import { basename, dirname } from 'node:path';
import type { DraftRecord } from '@pgtape/evidence';
import { type DecoderSettings, ReelDecoder } from './decoder.ts';
import { type JournalPosition, JournalReader } from './journalReader.ts';
import type { Outbox } from './outbox.ts';
import type { Reserve } from './reserve.ts';
import { type ChainHead, type SealedSegment, type SegmentLimits, SegmentSealer } from './sealer.ts';
import {
  type DecoderLines,
  readSnapshot,
  type Snapshot,
  type SnapshotHead,
  snapshotVersion,
  writeSnapshot,
} from './snapshot.ts';
import { SnapshotTooLong } from './snapshotText.ts';
import { fsyncDirectory, type SpoolDisk } from './spoolDisk.ts';
import type { TypeWanted } from './typeBook.ts';

export interface PipelineOptions {
  /** The reel's journal directory; its name is the reel's id. */
  readonly dir: string;
  /** Its writer is dead: the end of the journal is the end of the reel. */
  readonly isDead: boolean;
  /** Of a reel that begins; one that is taken up keeps its own. */
  readonly settings: DecoderSettings;
  readonly segment: SegmentLimits;
  readonly outbox: Outbox;
  readonly disk: SpoolDisk;
  readonly wallUs: () => number;
  /** Monotonic, milliseconds: paces snapshots, decides nothing that is recorded. */
  readonly nowMs: () => number;
  /** Journal at which a snapshot is taken; absent, 8 MiB. */
  readonly snapshotBytes?: number;
  /** Time between two snapshots, as a multiple of what the last one took; absent, 20. */
  readonly snapshotPace?: number;
  /** Room for a snapshot on a volume that is full. */
  readonly reserve?: Reserve;
  /** `isNew`: no sealed segment held it before. */
  readonly onRecord?: (draft: DraftRecord, seq: number, isNew: boolean) => void;
  readonly onSealed?: (segment: SealedSegment) => void;
  /** Of a dead reel, at its journal's end: pids of the sessions that its recorder had open. */
  readonly onCrashed?: (pids: readonly number[]) => void;
  /** Hears of types that are not known. */
  readonly onTypeWanted?: TypeWanted;
}

/**
 * `busy`: more to read at once; `idle`: read to the journal's end; `stalled`: `failure` keeps a segment from the outbox, and nothing is
 * decoded until it is there; `ended`: the reel is sealed to its end and its journal is gone.
 */
export type PipelineState = 'busy' | 'idle' | 'stalled' | 'ended';

/** A removed journal's directory is first renamed to this, so that half of it is never taken for a journal. */
export const doneSuffix = '.done';
/** A journal that cannot be taken up is kept under this name. */
export const damagedSuffix = '.damaged';
/** A snapshot is written with the first seal after this time, and after this many times what the last one took ... */
const snapshotMs = 250;
const snapshotPace = 20;
/** ... or when this much journal waits for one, sealing what there is. */
const snapshotBytesMax = 8 * 1024 * 1024;
/** Between two attempts to make room on a journal volume that is full. */
const relieveMs = 1000;

export class ReelPipeline {
  readonly reel: string;
  /** What the last write failed with; null while all is well. */
  failure: NodeJS.ErrnoException | null = null;
  /** Why the newest snapshot could not be written; it only means that less journal can be trimmed. */
  snapshotFailure: NodeJS.ErrnoException | null = null;
  records = 0;
  readonly #options: PipelineOptions;
  readonly #settings: DecoderSettings;
  readonly #reader: JournalReader;
  readonly #decoder: ReelDecoder;
  /** What the sealer goes on from; null when it begins. */
  readonly #from: SnapshotHead | null;
  readonly #head: ChainHead;
  readonly #recovered: boolean;
  #sealer: SegmentSealer | null = null;
  /** Sealed, not yet in the outbox; at most what one turn seals. */
  #queue: SealedSegment[] = [];
  #sealFault: Error | null = null;
  #sealedThisTurn = false;
  /** Records of this turn after its last seal. */
  #pending: DraftRecord[] = [];
  #snapshotPosition: JournalPosition = { file: 1, offset: 0 };
  #trimmedTo = 1;
  #snapshotMs: number;
  /** Least time to the next one. */
  #snapshotPauseMs = snapshotMs;
  /** Whatever it costs: the journal is full. */
  #mustSnapshot = false;
  #finished = false;
  #settled = 0;
  /** Journal bytes before the last snapshot, whether it could be written or not. */
  #snapshotTried = 0;
  readonly #snapshotBytes: number;

  /** Takes the reel up where its snapshot and its outbox say. @throws ErrnoException */
  constructor(options: PipelineOptions) {
    const { dir, disk, outbox } = options;
    this.#options = options;
    this.#snapshotBytes = options.snapshotBytes ?? snapshotBytesMax;
    this.reel = basename(dir);
    const from = readSnapshot(disk, dir);
    const sealed = outbox.head(this.reel);
    this.#from = from === null || from.decoder === null ? null : headOf(from);
    this.#head = from !== null && from.chain.segment > sealed.segment ? from.chain : sealed;
    this.#recovered = options.isDead || this.#head.segment > 0 || (from !== null && from.decoder !== null);
    this.#settings = from?.settings ?? options.settings;
    this.#reader = new JournalReader(dir, from?.position ?? null, from?.consumed ?? 0, disk);
    this.#decoder = new ReelDecoder(
      this.#settings,
      (draft) => this.#record(draft),
      from?.decoder ?? null,
      options.onTypeWanted ?? null,
    );
    this.#snapshotMs = options.nowMs();
    if (from === null) this.#begin();
    else this.#resume(from);
  }

  /** Journal bytes that are no longer needed. */
  get settledBytes(): number {
    return this.#settled;
  }

  get sessionsOpen(): number {
    return this.#decoder.openSessions;
  }

  get statements(): number {
    return this.#decoder.totals.statements;
  }

  get decodeLost(): number {
    return this.#decoder.totals.decodeLost;
  }

  /** Decodes about `budget` bytes of journal. @throws ErrnoException when the journal cannot be read */
  step(budget: number): PipelineState {
    if (!this.#flush()) return 'stalled';
    if (this.#finished) return 'ended';
    const until = this.#reader.consumed + budget;
    while (this.#reader.consumed < until) {
      const found = this.#reader.read();
      if (found === 'none') {
        if (!this.#options.isDead) return 'idle';
        this.#options.onCrashed?.(this.#decoder.openPids);
        this.#decoder.crashed();
        return this.#end();
      }
      if (found === 'damaged') this.#decoder.damaged(this.#reader.damage);
      else this.#decoder.turn(this.#reader.ms, this.#reader.buffer, this.#reader.start, this.#reader.end);
      if (this.#sealFault !== null) throw this.#sealFault;
      if (this.#decoder.ended) return this.#end();
      this.#sealer?.turnEnd(this.#decoder.now.monoNs);
      if (this.#reader.consumed - this.#snapshotTried >= this.#snapshotBytes) {
        this.#sealer?.seal();
        this.#sealedThisTurn = true;
      }
      if (!this.#flush()) return 'stalled';
    }
    return 'busy';
  }

  /**
   * Called while idle: seals and takes a snapshot, so that journal can be trimmed, when the last one failed or the journal is full.
   * Twice in a row it trims up to the end. At most once a second.
   */
  relieve(isFull: boolean): void {
    if (!isFull && this.snapshotFailure === null) return;
    const waitMs = isFull ? relieveMs : Math.max(relieveMs, this.#snapshotPauseMs);
    if (this.#finished || this.#options.nowMs() - this.#snapshotMs < waitMs) return;
    this.#mustSnapshot = true;
    this.#sealer?.seal();
    if (this.#sealFault !== null) throw this.#sealFault;
    this.#sealedThisTurn = true;
    this.#flush();
  }

  close(): void {
    this.#reader.close();
  }

  /** A reel without a snapshot gets one before anything of it is sealed: it keeps the settings the numbering depends on. */
  #begin(): void {
    const files = this.#reader.files();
    if (files.length > 0 && files[0] !== 1) {
      throw Object.assign(
        new Error(`journal ${this.reel} begins at file ${files[0]} and has no readable snapshot`),
        {
          code: 'JOURNAL_UNREADABLE',
        },
      );
    }
    this.#options.disk.mkdir(this.#options.dir);
    this.#trySnapshot();
  }

  #resume(from: Snapshot): void {
    this.#snapshotPosition = from.position;
    this.#settled = from.consumed;
    this.#snapshotTried = from.consumed;
    if (from.decoder === null) return;
    this.#sealer = this.#newSealer();
    for (const draft of from.pending) this.#sealer.record(draft, from.pendingSinceNs);
  }

  #newSealer(): SegmentSealer {
    const { segment, wallUs } = this.#options;
    const from = this.#from;
    return new SegmentSealer({
      reel: this.#decoder.reel!,
      limits: segment,
      recovered: this.#recovered,
      head: this.#head,
      nextSeq: from?.nextSeq ?? 1,
      spans: from?.spans ?? [],
      openSessions: from?.openSessions ?? 0,
      wallUs,
      sealed: (sealed) => {
        this.#queue.push(sealed);
        this.#pending = [];
        this.#sealedThisTurn = true;
      },
    });
  }

  #record(draft: DraftRecord): void {
    if (this.#sealFault !== null) throw this.#sealFault;
    this.#sealer ??= this.#newSealer();
    const { nextSeq } = this.#sealer;
    this.#options.onRecord?.(draft, nextSeq, nextSeq > this.#head.lastSeq);
    this.records += 1;
    try {
      this.#sealer.record(draft, this.#decoder.now.monoNs);
    } catch (error) {
      // A session takes what throws inside it for its own fault; this one leaves the segment unfit to be sealed.
      this.#sealFault = error as Error;
      throw error;
    }
    // After the record that sealed nothing is pending: #sealedThisTurn was set inside the call above.
    if (this.#sealedThisTurn && this.#sealer.isOpen) this.#pending.push(draft);
  }

  /** Seals to the end; the journal goes when its last segment stands in the outbox. */
  #end(): PipelineState {
    if (this.#sealFault !== null) throw this.#sealFault;
    this.#sealer?.seal();
    this.#finished = true;
    if (!this.#flush()) return 'stalled';
    return 'ended';
  }

  /** Outbox first, then the snapshot, then trimming. False: the outbox takes nothing, try again later. */
  #flush(): boolean {
    if (this.#queue.length === 0 && !this.#sealedThisTurn && !this.#finished) return true;
    const { outbox, onSealed } = this.#options;
    try {
      while (this.#queue.length > 0) {
        const sealed = this.#queue[0]!;
        outbox.write(this.reel, sealed);
        this.#queue.shift();
        onSealed?.(sealed);
      }
      if (this.#finished) this.#removeJournal();
    } catch (error) {
      this.failure = errnoOf(error);
      return false;
    }
    this.failure = null;
    if (!this.#finished && this.#sealedThisTurn && this.#snapshotIsDue()) this.#trySnapshot();
    this.#sealedThisTurn = false;
    this.#pending = [];
    return true;
  }

  #snapshotIsDue(): boolean {
    const waiting = this.#reader.consumed - this.#snapshotTried;
    if (this.#mustSnapshot || waiting >= this.#snapshotBytes) return true;
    return this.#options.nowMs() - this.#snapshotMs >= this.#snapshotPauseMs;
  }

  /** Without one nothing is lost: the journal stays, and the next seal tries again. */
  #trySnapshot(): void {
    const { nowMs, reserve } = this.#options;
    const sealer = this.#sealer;
    if (sealer === null && this.#reader.consumed > 0) return;
    const startedMs = nowMs();
    this.#snapshotMs = startedMs;
    this.#mustSnapshot = false;
    this.#snapshotTried = this.#reader.consumed;
    const position = this.#reader.position;
    const head = {
      v: snapshotVersion,
      settings: this.#settings,
      position,
      consumed: this.#reader.consumed,
      chain: sealer?.head ?? this.#head,
      pending: this.#pending,
      pendingSinceNs: this.#decoder.now.monoNs,
      nextSeq: (sealer?.nextSeq ?? 1) - this.#pending.length,
      openSessions: sealer?.openSessions ?? 0,
      spans: sealer?.spans ?? [],
    } as const;
    try {
      this.#writeSnapshot(head, sealer === null ? () => [] : () => this.#decoder.saved());
      this.#settled = head.consumed;
      const previous = this.#snapshotPosition;
      this.#snapshotPosition = position;
      if (previous.file > this.#trimmedTo) this.#reader.trim(previous);
      this.#trimmedTo = previous.file;
      this.snapshotFailure = null;
      reserve?.make(nowMs());
    } catch (error) {
      this.snapshotFailure = error instanceof SnapshotTooLong ? error : errnoOf(error);
    }
    const { snapshotPace: pace = snapshotPace } = this.#options;
    this.#snapshotMs = nowMs();
    this.#snapshotPauseMs = Math.max(snapshotMs, pace * (this.#snapshotMs - startedMs));
  }

  /** A full volume gets one more attempt, in the room that is kept for it. */
  #writeSnapshot(head: SnapshotHead, decoder: DecoderLines): void {
    const { disk, dir, nowMs, reserve } = this.#options;
    try {
      writeSnapshot(disk, dir, head, decoder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC' || reserve?.give(nowMs()) !== true) throw error;
      writeSnapshot(disk, dir, head, decoder);
    }
  }

  #removeJournal(): void {
    const { disk, dir, outbox } = this.#options;
    this.#reader.close();
    disk.rename(dir, dir + doneSuffix);
    fsyncDirectory(disk, dirname(dir));
    disk.removeTree(dir + doneSuffix);
    outbox.complete(this.reel);
    this.#settled = this.#reader.consumed;
  }
}

/** Without the sessions and records, which are in use elsewhere by now: it is kept as long as the reel. */
function headOf(snapshot: Snapshot): SnapshotHead {
  const { decoder: _decoder, ...head } = snapshot;
  return { ...head, pending: [] };
}

/** The error of a system call; anything else is a fault of ours and goes on up. */
function errnoOf(error: unknown): NodeJS.ErrnoException {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof Error && code !== undefined && syscall !== undefined) return error;
  throw error;
}
