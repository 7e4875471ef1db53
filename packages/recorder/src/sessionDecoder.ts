/**
 * Owns one session while it is decoded: its two frame readers, its machine, and what is saved of them. Whatever throws inside ends
 * the decoding of this session alone (R8). Knows no journal.
 */
import type { DraftRecord, GapReason, Instant } from '@pgtape/evidence';
import {
  type SessionEnd,
  type SessionIdentity,
  type SessionLimits,
  SessionMachine,
  type SessionSnapshot,
} from '@pgtape/session';
import { FrameReader, type FrameReaderSnapshot } from '@pgtape/wire';

export interface SessionDecoderSnapshot {
  readonly number: number;
  readonly machine: SessionSnapshot;
  readonly frontend: FrameReaderSnapshot;
  readonly backend: FrameReaderSnapshot;
  readonly fromClient: number;
  readonly fromServer: number;
}

/** What a session needs of the reel it is in. */
export interface SessionSurroundings {
  readonly limits: SessionLimits;
  readonly inspectBytesMax: number;
  /** The moment of the turn being decoded. */
  readonly now: Instant;
  record(draft: DraftRecord): void;
  /** The machine itself failed: the session is not decoded any further and nothing can be said in its name. */
  abandoned(session: SessionDecoder, detail: string): void;
}

export class SessionDecoder {
  readonly number: number;
  /** Bytes that the journal knows of each direction; dropped authentication payloads are not among them. */
  fromClient = 0;
  fromServer = 0;
  readonly #around: SessionSurroundings;
  readonly #machine: SessionMachine;
  readonly #frontend: FrameReader;
  readonly #backend: FrameReader;
  /** JSON of the snapshot; null once anything has changed. */
  #saved: string | null = null;

  constructor(number: number, from: SessionIdentity | SessionDecoderSnapshot, around: SessionSurroundings) {
    this.number = number;
    this.#around = around;
    const sink = {
      record: (draft: DraftRecord): void => {
        this.#saved = null;
        around.record(draft);
      },
    };
    this.#machine =
      'machine' in from
        ? SessionMachine.restore(from.machine, around.limits, sink)
        : new SessionMachine(from, around.limits, sink, around.now);
    const machine = this.#machine;
    this.#frontend = new FrameReader('frontend', around.inspectBytesMax, (tag, body, bodyBytes, sha256) =>
      machine.frontend(tag, body, bodyBytes, sha256, around.now),
    );
    this.#backend = new FrameReader('backend', around.inspectBytesMax, (tag, body, bodyBytes, sha256) =>
      machine.backend(tag, body, bodyBytes, sha256, around.now),
    );
    if (!('machine' in from)) return;
    this.fromClient = from.fromClient;
    this.fromServer = from.fromServer;
    this.#frontend.restore(from.frontend);
    this.#backend.restore(from.backend);
  }

  get lastN(): number {
    return this.#machine.lastN;
  }

  startup(packet: Uint8Array): void {
    this.#saved = null;
    this.fromClient += packet.length;
    try {
      this.#machine.startup(packet, this.#around.now);
    } catch (error) {
      this.#failed(error);
    }
  }

  frontend(bytes: Uint8Array): void {
    this.#saved = null;
    this.fromClient += bytes.length;
    this.#push(this.#frontend, bytes);
  }

  backend(bytes: Uint8Array): void {
    this.#saved = null;
    this.fromServer += bytes.length;
    this.#push(this.#backend, bytes);
  }

  counted(isFrontend: boolean, tag: number, frames: number, bytes: number): void {
    this.#saved = null;
    if (isFrontend) this.fromClient += bytes;
    else this.fromServer += bytes;
    try {
      this.#machine.counted(isFrontend ? 'frontend' : 'backend', tag, frames, bytes, this.#around.now);
    } catch (error) {
      this.#failed(error);
    }
  }

  tail(isFrontend: boolean, tag: number, bodyBytes: number, sha256: Uint8Array): void {
    this.#saved = null;
    const rest = Math.max(0, bodyBytes - this.#around.inspectBytesMax);
    if (isFrontend) this.fromClient += rest;
    else this.fromServer += rest;
    const reader = isFrontend ? this.#frontend : this.#backend;
    try {
      reader.tail(tag, bodyBytes, sha256);
    } catch (error) {
      this.#failed(error);
    }
    this.#checkReader(reader);
  }

  lost(reason: GapReason, detail: string): void {
    this.#saved = null;
    try {
      this.#machine.lost(reason, detail, this.#around.now);
    } catch (error) {
      this.#around.abandoned(this, messageOf(error));
    }
  }

  tick(): void {
    try {
      this.#machine.tick(this.#around.now);
    } catch (error) {
      this.#failed(error);
    }
  }

  close(end: SessionEnd): void {
    try {
      this.#machine.close(end, this.#around.now);
    } catch (error) {
      this.#around.abandoned(this, messageOf(error));
    }
  }

  /** JSON of a SessionDecoderSnapshot; the same string again while nothing has happened. */
  saved(): string {
    this.#saved ??= JSON.stringify({
      number: this.number,
      machine: this.#machine.snapshot(),
      frontend: this.#frontend.snapshot(),
      backend: this.#backend.snapshot(),
      fromClient: this.fromClient,
      fromServer: this.fromServer,
    } satisfies SessionDecoderSnapshot);
    return this.#saved;
  }

  #push(reader: FrameReader, bytes: Uint8Array): void {
    try {
      reader.push(bytes);
    } catch (error) {
      this.#failed(error);
    }
    this.#checkReader(reader);
  }

  /** A reduced stream that does not read back was not written like this by the relay. */
  #checkReader(reader: FrameReader): void {
    if (reader.broken && this.#machine.decoding)
      this.lost('journal_damaged', 'frames do not follow each other');
  }

  #failed(error: unknown): void {
    this.lost('decode_lost', `the decoder failed: ${messageOf(error)}`);
  }
}

/** An error's class and first words; never a statement's text, which errors of the decoder do not carry. */
function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 200) : 'unknown';
}
