/**
 * Owns one session while it is decoded: its two frame readers, its machine, and what is saved of them. Whatever throws inside ends
 * the decoding of this session alone (R8). Knows no journal.
 */
import type { DraftRecord, GapReason, Instant, TlsFacts } from '@pgtape/evidence';
import {
  type Passed,
  type SessionEnd,
  type SessionIdentity,
  type SessionLimits,
  SessionMachine,
  type SessionSnapshot,
} from '@pgtape/session';
import { FrameReader, type FrameReaderSnapshot, type KnownType } from '@pgtape/wire';
import { type Deferred, DeferredInput, type DeferredState } from './deferredInput.ts';
import type { HeldBytes } from './heldBytes.ts';

export interface SessionDecoderSnapshot {
  readonly number: number;
  readonly machine: SessionSnapshot;
  readonly frontend: FrameReaderSnapshot;
  readonly backend: FrameReaderSnapshot;
  readonly fromClient: number;
  readonly fromServer: number;
  /** What the client sent too far ahead of the replies; a line of its own for each in the file. */
  readonly deferred?: readonly DeferredState[];
  /** A long unfinished frame, in pieces of a line each; then `frontend` or `backend` holds no bytes. */
  readonly held?: { readonly frontend: readonly Uint8Array[]; readonly backend: readonly Uint8Array[] };
}

/** Taken at a time from a client that is ahead: messages it holds at most stay below the machine's own bound. */
const sliceBytes = 64 * 1024;

/** An unfinished frame up to this size stands in the session's own line of the snapshot ... */
const inlineBytesMax = 4096;
/** ... a longer one in lines of so many bytes, so that it is never one string; divisible by three, so base64 has no padding. */
const pieceBytes = 24 * 1024;
/** A session's line is kept for the next snapshot up to this length. */
const keptLengthMax = 16 * 1024;

/** What a session needs of the reel it is in. */
export interface SessionSurroundings {
  readonly limits: SessionLimits;
  readonly inspectBytesMax: number;
  /** The moment of the turn being decoded. */
  readonly now: Instant;
  readonly held: HeldBytes;
  record(draft: DraftRecord): void;
  /** A type of a database that is not built in. */
  typeOf(database: string, oid: number): KnownType | undefined;
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
  /** Null while the machine takes what comes. */
  #deferred: DeferredInput | null = null;
  /** When what is being taken from there was sent. */
  #deferredAt: Instant | null = null;
  /** What it holds, as the reel's count knows it. */
  #held = 0;
  /** Its line of the snapshot; null once anything has changed. */
  #saved: string | null = null;

  constructor(number: number, from: SessionIdentity | SessionDecoderSnapshot, around: SessionSurroundings) {
    this.number = number;
    this.#around = around;
    const sink = {
      record: (draft: DraftRecord): void => {
        this.#saved = null;
        around.record(draft);
      },
      typeOf: (database: string, oid: number) => around.typeOf(database, oid),
    };
    this.#machine =
      'machine' in from
        ? SessionMachine.restore(from.machine, around.limits, sink)
        : new SessionMachine(from, around.limits, sink, around.now);
    const machine = this.#machine;
    this.#frontend = new FrameReader('frontend', around.inspectBytesMax, (tag, body, bodyBytes, sha256) =>
      machine.frontend(tag, body, bodyBytes, sha256, this.#deferredAt ?? around.now),
    );
    this.#backend = new FrameReader('backend', around.inspectBytesMax, (tag, body, bodyBytes, sha256) => {
      machine.backend(tag, body, bodyBytes, sha256, around.now);
      if (this.#deferred !== null) this.#takeDeferred(false);
    });
    if (!('machine' in from)) return;
    this.fromClient = from.fromClient;
    this.fromServer = from.fromServer;
    this.#frontend.restore(from.frontend);
    this.#backend.restore(from.backend);
    for (const piece of from.held?.frontend ?? []) this.#frontend.push(piece);
    for (const piece of from.held?.backend ?? []) this.#backend.push(piece);
    if (from.deferred !== undefined) this.#deferred = DeferredInput.of(from.deferred);
    this.#count(this.#heldBytes());
  }

  /** Of the server's backend; 0: not told yet. */
  get pid(): number {
    return this.#machine.pid;
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

  secured(leg: 'client' | 'server', tls: TlsFacts): void {
    this.#saved = null;
    this.#machine.secured(leg, tls);
  }

  mechanism(name: string): void {
    this.#saved = null;
    this.#machine.mechanism(name);
  }

  cancels(session: string): void {
    this.#saved = null;
    this.#machine.cancels(session);
  }

  frontend(bytes: Uint8Array, start: number, end: number): void {
    this.#saved = null;
    this.fromClient += end - start;
    const from = this.#deferred === null ? this.#feed(bytes, start, end, false) : start;
    if (from < end) {
      const copy = Buffer.from(bytes.subarray(from, end));
      this.#defer({ kind: 'bytes', at: this.#around.now, bytes: copy, start: 0 });
    }
    this.#settleHeld();
  }

  backend(bytes: Uint8Array, start: number, end: number): void {
    this.#saved = null;
    this.fromServer += end - start;
    this.#push(this.#backend, bytes, start, end);
    this.#settleHeld();
  }

  counted(isFrontend: boolean, tag: number, frames: number, bytes: number): void {
    this.#saved = null;
    if (isFrontend) this.fromClient += bytes;
    else this.fromServer += bytes;
    if (isFrontend && this.#deferred !== null) {
      this.#defer({ kind: 'counted', at: this.#around.now, tag, numbers: [frames, bytes] });
      this.#settleHeld();
      return;
    }
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
    if (isFrontend && this.#deferred !== null) {
      this.#defer({ kind: 'tail', at: this.#around.now, tag, bodyBytes, sha256: Buffer.from(sha256) });
      this.#settleHeld();
      return;
    }
    const reader = isFrontend ? this.#frontend : this.#backend;
    try {
      reader.tail(tag, bodyBytes, sha256);
    } catch (error) {
      this.#failed(error);
    }
    this.#checkReader(reader);
    this.#settleHeld();
  }

  /** `passed`: what was relayed unrecorded, where it was counted. */
  lost(reason: GapReason, detail: string, passed?: Passed): void {
    this.#lose(reason, detail, passed);
    this.#settleHeld();
  }

  /** It is idle on the wire, and what follows is read again. */
  resume(): void {
    this.#saved = null;
    this.#letGo();
    this.#machine.resume();
    this.#settleHeld();
  }

  #lose(reason: GapReason, detail: string, passed?: Passed): void {
    this.#saved = null;
    try {
      this.#machine.lost(reason, detail, this.#around.now, passed);
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
    // What never got a reply is told as well.
    if (this.#deferred !== null) this.#takeDeferred(true);
    try {
      this.#machine.close(end, this.#around.now);
    } catch (error) {
      this.#around.abandoned(this, messageOf(error));
    }
    this.forgotten();
  }

  /** It is not decoded any more: what it holds counts no longer. */
  forgotten(): void {
    this.#count(0);
  }

  /** Its lines of a snapshot, made as they are taken; nothing may happen to the session meanwhile. */
  *saved(): Generator<string> {
    yield this.#saved ?? this.#savedLine();
    for (const [side, reader] of [
      ['frontend', this.#frontend],
      ['backend', this.#backend],
    ] as const) {
      if (reader.pending > inlineBytesMax) yield* heldLines(side, reader.held);
    }
    if (this.#deferred === null) return;
    for (const entry of this.#deferred.states()) yield `{"deferred":${JSON.stringify(entry)}}`;
  }

  #savedLine(): string {
    const session = {
      number: this.number,
      machine: this.#machine.snapshot(),
      frontend: savedReader(this.#frontend),
      backend: savedReader(this.#backend),
      fromClient: this.fromClient,
      fromServer: this.fromServer,
    } satisfies SessionDecoderSnapshot;
    const line = `{"session":${JSON.stringify(session)}}`;
    if (line.length <= keptLengthMax) this.#saved = line;
    return line;
  }

  #heldBytes(): number {
    const deferred = this.#deferred === null ? 0 : this.#deferred.bytes;
    return this.#frontend.pending + this.#backend.pending + this.#machine.heldBytes + deferred;
  }

  #count(now: number): void {
    this.#around.held.changed(this.#held, now);
    this.#held = now;
  }

  /** After whatever happened: counts what is held; over the bound of all sessions, texts go first, then the session's decoding. */
  #settleHeld(): void {
    const { held } = this.#around;
    const before = this.#held;
    if (!this.#machine.decoding) this.#letGo();
    this.#count(this.#heldBytes());
    let excess = held.excess(before, this.#held);
    if (excess === 0) return;
    this.#machine.dropTexts(excess);
    this.#count(this.#heldBytes());
    excess = held.excess(before, this.#held);
    if (excess === 0) return;
    this.#lose(
      'decode_lost',
      `all sessions together hold more than ${held.max} bytes of unfinished messages`,
    );
    this.#letGo();
    this.#count(this.#heldBytes());
  }

  /** Nothing of it is decoded any more. */
  #letGo(): void {
    this.#deferred = null;
    this.#frontend.restore({ bytes: '' });
    this.#backend.restore({ bytes: '' });
  }

  #defer(entry: Deferred): void {
    this.#deferred ??= new DeferredInput();
    this.#deferred.add(entry);
    if (this.#deferred.isTooLong) this.#takeDeferred(true);
  }

  /** Gives the machine as much of the client's bytes as it takes, or all. @returns where the rest begins */
  #feed(bytes: Uint8Array, start: number, end: number, all: boolean): number {
    let at = start;
    while (at < end && (all || !this.#machine.isCrowded)) {
      const next = Math.min(end, at + sliceBytes);
      this.#push(this.#frontend, bytes, at, next);
      at = next;
    }
    return at;
  }

  /** Called after each reply. It is as if the client had sent so much later; the times stay those of the sending. */
  #takeDeferred(all: boolean): void {
    const deferred = this.#deferred;
    if (deferred === null || this.#deferredAt !== null) return;
    for (let entry = deferred.first; entry !== null; entry = deferred.first) {
      if (!all && this.#machine.isCrowded) return;
      this.#deferredAt = entry.at;
      if (!this.#takeEntry(entry, all)) {
        this.#deferredAt = null;
        return;
      }
      this.#deferredAt = null;
      deferred.shift();
    }
    this.#deferred = null;
  }

  /** @returns whether all of it was taken */
  #takeEntry(entry: Deferred, all: boolean): boolean {
    if (entry.kind === 'bytes') {
      entry.start = this.#feed(entry.bytes, entry.start, entry.bytes.length, all);
      return entry.start === entry.bytes.length;
    }
    try {
      if (entry.kind === 'tail') this.#frontend.tail(entry.tag, entry.bodyBytes, entry.sha256);
      else this.#machine.counted('frontend', entry.tag, entry.numbers[0], entry.numbers[1], entry.at);
    } catch (error) {
      this.#failed(error);
    }
    this.#checkReader(this.#frontend);
    return true;
  }

  #push(reader: FrameReader, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#machine.decoding) return;
    try {
      reader.push(bytes, start, end);
    } catch (error) {
      this.#failed(error);
    }
    this.#checkReader(reader);
  }

  /** A reduced stream that does not read back was not written like this by the relay. */
  #checkReader(reader: FrameReader): void {
    if (reader.broken && this.#machine.decoding)
      this.#lose('journal_damaged', 'frames do not follow each other');
  }

  #failed(error: unknown): void {
    this.#lose('decode_lost', `the decoder failed: ${messageOf(error)}`);
  }
}

/** Without its bytes when they are many: they follow in lines of their own. */
function savedReader(reader: FrameReader): FrameReaderSnapshot {
  return reader.pending > inlineBytesMax ? { bytes: '' } : reader.snapshot();
}

function* heldLines(side: 'frontend' | 'backend', held: Uint8Array): Generator<string> {
  for (let at = 0; at < held.length; at += pieceBytes) {
    const piece = held.subarray(at, at + pieceBytes);
    yield `{"${side}":"${Buffer.prototype.toString.call(piece, 'base64')}"}`;
  }
}

/** An error's class and first words; never a statement's text, which errors of the decoder do not carry. */
function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 200) : 'unknown';
}
