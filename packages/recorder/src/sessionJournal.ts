/**
 * Owns what one session puts into the journal: its entries and both its streams, or, while the spool is full, only the count of what passes
 * unrecorded, and when it is recorded again (an idle moment on the wire). Knows no sockets and forwards nothing.
 */
import { backendTag, type CutSink, type FrameCutter, frontendTag, readParameterStatus } from '@pgtape/wire';
import type { Gauges } from './gauges.ts';
import { clientMarks, InFlight, serverMarks } from './inFlight.ts';
import {
  type CloseEntry,
  entryKind,
  type GapEntry,
  type MechanismEntry,
  type OpenEntry,
  type SecuredEntry,
  side as sideNumber,
} from './journalFormat.ts';
import type { JournalWriter } from './journalWriter.ts';
import type { FullReason } from './spoolLevel.ts';
import type { Passed, Unrecorded } from './unrecorded.ts';

/** What the sessions of one relay share of recording. */
export interface Recording {
  readonly journal: JournalWriter;
  readonly gauges: Gauges;
  readonly unrecorded: Unrecorded;
  readonly monoMs: () => number;
  /** Why nothing more is to be recorded of what may pass; null: there is room. */
  readonly full: FullReason | null;
  /** 1, 2, 3 ... of the session in the reel. */
  nextSession(): number;
  /** A session's gap was journaled: what it counts waits to be told no longer. */
  gapTold(): void;
}

interface Held {
  readonly kind: number;
  readonly body: Buffer;
}

/** Of one session's opening, kept in memory while the journal takes none ... */
const heldBytesMax = 16 * 1024;
/** ... and of all of them. */
const heldBytesTotal = 16 * 1024 * 1024;
/** ParameterStatus that came while nothing was recorded: one of each name. */
const parametersMax = 64;
const parameterBytesMax = 1024;
const headerBytes = 5;

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

function isStatement(tag: number): boolean {
  return tag === frontendTag.Query || tag === frontendTag.Execute || tag === frontendTag.FunctionCall;
}

export class SessionJournal {
  /** Number in the reel; 0 before the first byte. */
  number = 0;
  /** Nothing of the session is recorded at the moment. */
  isPassing = false;
  readonly #recording: Recording;
  /** Of both directions, so far. */
  readonly #bytes: () => number;
  readonly #inFlight = new InFlight();
  #cutters: { readonly client: FrameCutter; readonly server: FrameCutter } | null = null;
  /** The journal has its `open`. */
  #isTold = false;
  #openedMs = 0;
  /** What of its opening was not journaled; null: some of it is gone, so it is never recorded. */
  #held: Held[] | null = [];
  #heldBytes = 0;
  /** The opening goes on: it is kept. */
  #isHolding = false;
  /** Relayed unread, which its own gap says. */
  #isRaw = false;
  #fromBytes = 0;
  #statements = 0;
  #reason: FullReason = 'spool_full';
  readonly #parameters = new Map<string, Buffer>();

  constructor(recording: Recording, bytes: () => number) {
    this.#recording = recording;
    this.#bytes = bytes;
  }

  open(entry: OpenEntry): void {
    const { full } = this.#recording;
    this.number = this.#recording.nextSession();
    this.#openedMs = this.#recording.monoMs();
    if (full !== null) this.pass(full);
    if (this.isPassing) this.#hold(entryKind.open, json(entry));
    else {
      this.#recording.journal.open(this.number, entry);
      this.#isTold = true;
    }
  }

  startup(packet: Buffer): void {
    if (this.isPassing) this.#hold(entryKind.startup, Buffer.from(packet));
    else this.#recording.journal.startup(this.number, packet);
  }

  secured(entry: SecuredEntry): void {
    if (this.isPassing) this.#hold(entryKind.secured, json(entry));
    else this.#recording.journal.secured(this.number, entry);
  }

  mechanism(entry: MechanismEntry): void {
    if (this.isPassing) this.#hold(entryKind.mechanism, json(entry));
    else this.#recording.journal.mechanism(this.number, entry);
  }

  cancelled(target: number | null): void {
    if (this.isPassing) this.#hold(entryKind.cancelled, json({ target }));
    else this.#recording.journal.cancelled(this.number, { target });
  }

  /** Its stream is not recorded from here on, for a reason of its own. */
  gap(entry: GapEntry): void {
    this.#isRaw = true;
    if (this.isPassing) this.#hold(entryKind.gap, json(entry));
    else this.#recording.journal.gap(this.number, entry);
    this.#recording.gauges.countGap(entry.reason);
  }

  close(entry: CloseEntry): void {
    const { journal, full, unrecorded, monoMs } = this.#recording;
    if (!this.isPassing) {
      journal.close(this.number, entry);
      return;
    }
    const passed = this.passed;
    const isKnown = full === null && this.#held !== null;
    if (isKnown) this.#tellHeld();
    if (!this.#isTold) {
      if (entry.why !== 'refused') unrecorded.cameAndWent(passed);
    } else if (full === null) {
      this.isPassing = false;
      if (passed.bytes > 0) this.#tellGap(this.#gapEntry(passed));
      journal.close(this.number, entry);
    } else {
      const gap = passed.bytes > 0 ? this.#gapEntry(passed) : null;
      unrecorded.ended({ session: this.number, gap, close: entry, atMs: monoMs() });
    }
    this.#forgetHeld();
    this.isPassing = false;
  }

  /** Both directions of the session, for its pumps; anew where the server's leg begins anew. */
  cutBy(client: FrameCutter, server: FrameCutter): void {
    this.#cutters = { client, server };
  }

  /** Nothing more is recorded. What has been cut so far is in the turn, or was never to be. */
  pass(reason: FullReason): void {
    if (this.isPassing) return;
    this.isPassing = true;
    this.#reason = reason;
    this.#isHolding = !this.#inFlight.isOpened;
    this.#fromBytes = this.#bytes();
    this.#recording.unrecorded.begin(reason, this.#recording.monoMs());
    // A message that is journaled in part is none.
    this.#statements = isStatement(this.#cutters?.client.openTag ?? 0) ? 1 : 0;
  }

  /** What has passed and is not told of yet. */
  get passed(): Passed {
    if (!this.isPassing || this.#isHolding || this.#isRaw) return { statements: 0, bytes: 0 };
    return { statements: this.#statements, bytes: Math.max(0, this.#bytes() - this.#fromBytes) };
  }

  /** Called after each chunk, of either side, while `isPassing`, and when there is room again. @returns whether it is recorded again */
  settle(): boolean {
    if (this.#isHolding && this.#inFlight.isOpened) {
      this.#isHolding = false;
      this.#fromBytes = this.#bytes();
      this.#statements = 0;
    }
    return this.#recording.full === null && this.#resume();
  }

  /** The session waits for the journal like others, and is recorded: before anything of it but its opening has passed. */
  record(): void {
    if (!this.isPassing || this.#held === null) return;
    this.#tellHeld();
    this.isPassing = false;
  }

  #resume(): boolean {
    if (!this.isPassing || this.#held === null) return false;
    if (!this.#isHolding && !this.#isAtRest()) return false;
    this.#tellHeld();
    const { passed } = this;
    this.isPassing = false;
    if (passed.bytes > 0) {
      this.#tellGap({ ...this.#gapEntry(passed), resumes: true });
      for (const frame of this.#parameters.values()) {
        this.#recording.journal.turn.stream(entryKind.backend, this.number, frame, 0, frame.length);
      }
    }
    this.#parameters.clear();
    return true;
  }

  /** Nothing has passed, or nothing is under way. */
  #isAtRest(): boolean {
    if (this.#isRaw) return true;
    if (this.#isTold && this.#bytes() === this.#fromBytes) return true;
    if (this.#cutters === null) return false;
    const { client, server } = this.#cutters;
    if (client.midFrame || server.midFrame || client.broken || server.broken) return false;
    return this.#inFlight.isIdle(client.lastTag);
  }

  #gapEntry({ statements, bytes }: Passed): GapEntry {
    const what = this.#reason === 'spool_full' ? 'the spool was full' : 'the journal took nothing';
    const detail = `${what}: ${statements} statements were relayed unrecorded`;
    return { reason: this.#reason, detail, statements, bytes };
  }

  #tellGap(gap: GapEntry): void {
    const { journal, gauges, unrecorded } = this.#recording;
    journal.gap(this.number, gap);
    gauges.countGap(gap.reason);
    unrecorded.count({ statements: gap.statements ?? 0, bytes: gap.bytes ?? 0 });
    this.#recording.gapTold();
  }

  #hold(kind: number, body: Buffer): void {
    const { unrecorded } = this.#recording;
    if (this.#held === null) return;
    this.#heldBytes += body.length;
    unrecorded.heldBytes += body.length;
    if (this.#heldBytes <= heldBytesMax && unrecorded.heldBytes <= heldBytesTotal) {
      this.#held.push({ kind, body });
    } else {
      this.#forgetHeld();
      this.#held = null;
    }
  }

  /** Writes what was kept of the opening. */
  #tellHeld(): void {
    const { journal, monoMs } = this.#recording;
    for (const { kind, body } of this.#held ?? []) {
      if (kind === entryKind.open) {
        const entry = JSON.parse(body.toString()) as OpenEntry;
        journal.open(this.number, { ...entry, lateMs: Math.round(monoMs() - this.#openedMs) });
        this.#isTold = true;
      } else journal.turn.entry(kind, 0, this.number, body);
    }
    this.#forgetHeld();
  }

  #forgetHeld(): void {
    this.#recording.unrecorded.heldBytes -= this.#heldBytes;
    this.#heldBytes = 0;
    if (this.#held !== null) this.#held = [];
  }

  /** Writes one direction into the turn, or what of it has to be kept. */
  sink(side: 'frontend' | 'backend'): CutSink {
    const { turn } = this.#recording.journal;
    const kind = side === 'frontend' ? entryKind.frontend : entryKind.backend;
    const number = sideNumber[side];
    return {
      keep: (chunk, start, end) => {
        if (!this.isPassing) turn.stream(kind, this.number, chunk, start, end);
        else if (this.#isHolding) this.#hold(kind, Buffer.from(chunk.subarray(start, end)));
      },
      keepHeader: (header) => {
        if (!this.isPassing) turn.stream(kind, this.number, header, 0, header.length);
        else if (this.#isHolding) this.#hold(kind, Buffer.from(header));
      },
      counted: (tag, frames, bytes) => {
        if (!this.isPassing) turn.numbers(entryKind.counted, tag, this.number, number, frames, bytes, null);
      },
      tail: (tag, bodyBytes, sha256) => {
        if (!this.isPassing) turn.numbers(entryKind.tail, tag, this.number, number, 0, bodyBytes, sha256);
      },
      marks: side === 'frontend' ? clientMarks : serverMarks,
      mark: side === 'frontend' ? this.#markClient : this.#markServer,
    };
  }

  readonly #markClient = (tag: number): void => {
    this.#inFlight.client(tag);
    if (this.isPassing && isStatement(tag)) this.#statements += 1;
  };

  readonly #markServer = (tag: number, chunk: Uint8Array, body: number, bodyBytes: number): void => {
    if (tag === backendTag.ParameterStatus) {
      if (this.isPassing && !this.#isHolding) this.#keepParameter(chunk, body, bodyBytes);
      return;
    }
    this.#inFlight.server(tag, chunk[body] ?? 0);
  };

  /** What the server said of its settings is told when the session is recorded again; what was split over chunks is not. */
  #keepParameter(chunk: Uint8Array, body: number, bodyBytes: number): void {
    const end = body + bodyBytes;
    const name = end > chunk.length ? undefined : readParameterStatus(chunk.subarray(body, end))?.name;
    if (name === undefined) return;
    // What it said before does not hold any more, whether this one can be kept or not.
    this.#parameters.delete(name);
    if (bodyBytes > parameterBytesMax || this.#parameters.size >= parametersMax) return;
    const frame = Buffer.alloc(headerBytes + bodyBytes);
    frame[0] = backendTag.ParameterStatus;
    frame.writeInt32BE(4 + bodyBytes, 1);
    frame.set(chunk.subarray(body, end), headerBytes);
    this.#parameters.set(name, frame);
  }
}
