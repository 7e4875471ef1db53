/**
 * Owns one direction of one session: received chunks are cut into the journal's turn, then forwarded as
 * received (R2), never before the turn is written (R1). Knows neither startup nor authentication.
 */
import type { Socket } from 'node:net';
import type { FrameCutter } from '@pgtape/wire';
import type { Forwarder, RelayTurn } from './relayTurn.ts';
import type { SessionJournal } from './sessionJournal.ts';
import { WriteThrough } from './writeThrough.ts';

/** Why a source is not read; it is read again when none is left. */
export const hold = {
  /** The target's buffer is full, or its pending write still needs the source's reused buffer. */
  target: 1,
  /** Too much journal is not yet sealed. */
  backlog: 2,
  /** The journal cannot be written. */
  journal: 4,
  /** The spool is full, and clients are to wait. */
  spool: 16,
  /** The server has not asked for authentication yet (R6): until then nothing of the client may reach it. */
  authentication: 8,
} as const;

const empty = Buffer.alloc(0);

export interface PumpParts {
  readonly source: Socket;
  readonly target: Socket;
  /** null: the direction is relayed raw. */
  readonly cutter: FrameCutter | null;
  readonly turn: RelayTurn;
  readonly journal: SessionJournal;
  /** Framing is broken: called once, before the chunk is queued. */
  readonly onBroken: () => void;
}

export class Pump implements Forwarder {
  /** Bytes received and queued for the target. */
  bytes = 0;
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #turn: RelayTurn;
  readonly #onBroken: () => void;
  readonly #journal: SessionJournal;
  #cutter: FrameCutter | null;
  #first: Buffer | null = null;
  #more: Buffer[] | null = null;
  /** `#first` lies in the source's read buffer, which the next read overwrites. */
  #borrowed = false;
  /** The last view of the source's read buffer. */
  #view: Buffer = empty;
  readonly #through: WriteThrough;
  #isScheduled = false;
  #ending = false;
  #held = 0;
  readonly #release = (): void => this.release(hold.target);

  constructor(parts: PumpParts) {
    this.#source = parts.source;
    this.#target = parts.target;
    this.#cutter = parts.cutter;
    this.#turn = parts.turn;
    this.#onBroken = parts.onBroken;
    this.#journal = parts.journal;
    this.#target.on('drain', this.#release);
    this.#through = new WriteThrough(parts.target, this.#release);
  }

  /** True while a chunk in the source's read buffer waits: another read would overwrite it. */
  get isBorrowing(): boolean {
    return this.#borrowed;
  }

  /**
   * `buffer[0, bytes)` was read; it stays as it is until the next read, for which `mayBeReadTwice` says that
   * it may come before this turn's end. Not to be called while `isBorrowing`.
   */
  read(bytes: number, buffer: Buffer, mayBeReadTwice: boolean): void {
    if (bytes === buffer.length) {
      this.take(buffer, true);
      // A read that filled the buffer may be followed by another one in the same turn.
      this.#turn.run();
      return;
    }
    // Messages of one kind have one length more often than not.
    if (this.#view.length !== bytes) this.#view = buffer.subarray(0, bytes);
    if (mayBeReadTwice) this.take(Buffer.from(this.#view), false);
    else this.take(this.#view, true);
  }

  /** What it forwards waits for no journal. */
  get isPassing(): boolean {
    return this.#journal.isPassing;
  }

  get isHeld(): boolean {
    return this.#held !== 0;
  }

  /** No more cutting: the rest of this direction is forwarded unrecorded, which a gap has to cover. */
  goRaw(): void {
    this.#cutter = null;
  }

  /** `borrowed`: the chunk is valid only until the source is read again. */
  take(chunk: Buffer, borrowed: boolean): void {
    this.bytes += chunk.length;
    if (this.#cutter !== null && !this.#cutter.push(chunk)) this.#onBroken();
    if (this.#journal.isPassing) this.#journal.settle();
    if (this.#first === null) {
      this.#first = chunk;
      this.#borrowed = borrowed;
    } else if (this.#more === null) this.#more = [chunk];
    else this.#more.push(chunk);
    this.#schedule();
  }

  /** The source has ended: forward what is queued, then tell the target. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#schedule();
    this.#turn.run();
  }

  forward(): void {
    this.#isScheduled = false;
    if (this.#first !== null) this.#write(this.#first);
    if (this.#ending && !this.#target.writableEnded) this.#target.end();
  }

  hold(reason: number): void {
    if (this.#held === 0) this.#source.pause();
    this.#held |= reason;
  }

  release(reason: number): void {
    if ((this.#held & reason) === 0) return;
    this.#held &= ~reason;
    if (this.#held === 0 && !this.#source.destroyed) this.#source.resume();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#turn.schedule(this);
  }

  #write(first: Buffer): void {
    const target = this.#target;
    const more = this.#more;
    const wasBorrowed = this.#borrowed;
    this.#first = null;
    this.#borrowed = false;
    if (more === null) {
      if (this.#through.isReady) {
        if (!this.#through.write(first)) this.hold(hold.target);
        return;
      }
      target.write(first);
    } else {
      this.#more = null;
      target.cork();
      target.write(first);
      for (const chunk of more) target.write(chunk);
      target.uncork();
    }
    if (target.writableLength === 0) return;
    if (wasBorrowed) {
      // The kernel did not take it all and the rest still lies in the source's buffer: an empty write ends
      // when it is gone.
      this.hold(hold.target);
      target.write(empty, this.#release);
    } else if (target.writableNeedDrain) this.hold(hold.target);
  }
}
