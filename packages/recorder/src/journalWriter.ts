/**
 * Owns the write side of the journal: entries of one event-loop turn, one write for all sessions, the next
 * file when one is full, and going on after a failed write. Knows no sockets. Format: journalFormat.ts.
 */
import { type JournalDisk, JournalFile, journalDisk, journalFileBytesMax } from './journalFile.ts';
import {
  type BypassEntry,
  type CancelledEntry,
  type CloseEntry,
  type ConfiguredEntry,
  entryKind,
  type GapEntry,
  type MechanismEntry,
  type OpenEntry,
  type PassedEntry,
  type ReelEntry,
  type SecuredEntry,
  type TypesEntry,
} from './journalFormat.ts';
import { TurnBuffer } from './turnBuffer.ts';

export interface JournalOptions {
  /** Directory of this reel, must exist. */
  readonly dir: string;
  readonly reel: ReelEntry;
  /** Milliseconds since the reel started. */
  readonly nowMs: () => number;
  /** Float64Array over WorkerPlan.progress. */
  readonly progress: Float64Array;
  readonly disk?: JournalDisk;
  readonly fileBytesMax?: number;
}

const nothing = new Uint8Array(0);
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

export class JournalWriter {
  /** The turn being filled; sessions write their streams straight into it. */
  readonly turn = new TurnBuffer();
  /** What the last write failed with; null while the journal works. */
  failure: NodeJS.ErrnoException | null = null;
  readonly #file: JournalFile;
  readonly #reel: Buffer;
  readonly #nowMs: () => number;
  readonly #progress: Float64Array;
  readonly #fileBytesMax: number;
  /** What a failed write left over; written before anything else. */
  #rest: Buffer | null = null;
  #anchorMs = 0;
  #anchorUs: number;

  /** Creates the first file. @throws ErrnoException */
  constructor(options: JournalOptions) {
    this.#file = new JournalFile(options.dir, options.disk ?? journalDisk);
    this.#reel = json(options.reel);
    this.#nowMs = options.nowMs;
    this.#progress = options.progress;
    this.#fileBytesMax = options.fileBytesMax ?? journalFileBytesMax;
    this.#anchorUs = options.reel.wallUs;
    this.#rotate();
    if (this.failure !== null) throw this.failure;
  }

  /** Bytes of the turn that a flush would write. */
  get turnBytes(): number {
    return this.turn.end;
  }

  get journaledBytes(): number {
    return this.#file.totalBytes;
  }

  open(session: number, entry: OpenEntry): void {
    this.turn.entry(entryKind.open, 0, session, json(entry));
  }

  startup(session: number, packet: Uint8Array): void {
    this.turn.entry(entryKind.startup, 0, session, packet);
  }

  secured(session: number, entry: SecuredEntry): void {
    this.turn.entry(entryKind.secured, 0, session, json(entry));
  }

  mechanism(session: number, entry: MechanismEntry): void {
    this.turn.entry(entryKind.mechanism, 0, session, json(entry));
  }

  cancelled(session: number, entry: CancelledEntry): void {
    this.turn.entry(entryKind.cancelled, 0, session, json(entry));
  }

  close(session: number, entry: CloseEntry): void {
    this.turn.entry(entryKind.close, 0, session, json(entry));
  }

  gap(session: number, entry: GapEntry): void {
    this.turn.entry(entryKind.gap, 0, session, json(entry));
  }

  passed(entry: PassedEntry): void {
    this.turn.entry(entryKind.passed, 0, 0, json(entry));
  }

  bypass(entry: BypassEntry): void {
    this.turn.entry(entryKind.bypass, 0, 0, json(entry));
  }

  configured(entry: ConfiguredEntry): void {
    this.turn.entry(entryKind.configured, 0, 0, json(entry));
  }

  types(entry: TypesEntry): void {
    this.turn.entry(entryKind.types, 0, 0, json(entry));
  }

  /** Once a second; `wallUs` anchors wall time anew when the clocks have drifted apart by over 2 ms. */
  tick(wallUs: number): void {
    const nowMs = this.#nowMs();
    const expectedUs = this.#anchorUs + (nowMs - this.#anchorMs) * 1000;
    if (Math.abs(wallUs - expectedUs) > 2000) {
      this.#anchorUs = wallUs;
      this.#anchorMs = nowMs;
      this.turn.entry(entryKind.clock, 0, 0, Buffer.from(Float64Array.of(wallUs).buffer));
    }
    this.turn.entry(entryKind.tick, 0, 0, nothing);
  }

  /** The reel's last entry. */
  end(): void {
    this.turn.entry(entryKind.end, 0, 0, json({ why: 'stopped' }));
  }

  /**
   * Puts the turn into the kernel; one write(2) unless a file is full or a write falls short.
   * @returns false: nothing of this turn may be forwarded yet; `failure` says why, and a later flush goes on.
   */
  flush(): boolean {
    if (this.#rest !== null && !this.#write(this.#rest, this.#rest.length)) return false;
    const turn = this.turn;
    if (turn.isEmpty) return true;
    if (this.#file.fileBytes >= this.#fileBytesMax && !this.#rotate()) return false;
    turn.finish(this.#nowMs());
    const written = this.#write(turn.bytes, turn.end);
    turn.clear();
    return written;
  }

  /** Once a second: goes on in a new file when the one being written was removed. @returns whether it was */
  replaceRemoved(): boolean {
    if (this.failure !== null || !this.#file.isGone || !this.flush() || !this.#rotate()) return false;
    const detail = 'the journal was removed while it was written; it goes on in a new file';
    this.gap(0, { reason: 'journal_damaged', detail });
    return true;
  }

  dispose(): void {
    this.#file.close();
  }

  /** The next file: header, then a turn with the reel and the clock, so that it can be read alone. */
  #rotate(): boolean {
    let header: Buffer;
    try {
      header = this.#file.next();
    } catch (error) {
      this.failure = error as NodeJS.ErrnoException;
      return false;
    }
    const nowMs = this.#nowMs();
    const opening = new TurnBuffer();
    opening.entry(entryKind.reel, 0, 0, this.#reel);
    const wallUs = this.#anchorUs + (nowMs - this.#anchorMs) * 1000;
    opening.entry(entryKind.clock, 0, 0, Buffer.from(Float64Array.of(wallUs).buffer));
    opening.finish(nowMs);
    const start = Buffer.concat([header, opening.bytes.subarray(0, opening.end)]);
    return this.#write(start, start.length);
  }

  #write(bytes: Buffer, length: number): boolean {
    let offset = 0;
    try {
      while (offset < length) offset += this.#file.append(bytes, offset, length - offset);
    } catch (error) {
      this.failure = error as NodeJS.ErrnoException;
      const left = bytes.subarray(offset, length);
      // The turn's buffer is filled again; what was left over before is kept already, and tried again with every turn.
      this.#rest = bytes === this.#rest ? left : Buffer.from(left);
      this.#progress[0] = this.#file.totalBytes;
      return false;
    }
    this.failure = null;
    this.#rest = null;
    this.#progress[0] = this.#file.totalBytes;
    return true;
  }
}
