/**
 * Owns turning a reel's journal entries into records: dispatches them to sessions, keeps the reel's clock and totals, writes the
 * reel's own records. The same entries give the same records, whatever happened between. Reads no clock and no file.
 */
import {
  type DraftOf,
  type DraftRecord,
  type GapReason,
  type Instant,
  isGapReason,
  monoText,
  wallText,
} from '@pgtape/evidence';
import type { SessionLimits } from '@pgtape/session';
import type { KnownType } from '@pgtape/wire';
import { HeldBytes } from './heldBytes.ts';
import {
  type BypassEntry,
  type CancelledEntry,
  type CloseEntry,
  type ConfiguredEntry,
  entryHeaderBytes,
  entryKind,
  type GapEntry,
  type MechanismEntry,
  type OpenEntry,
  type PassedEntry,
  type ReelEntry,
  type SecuredEntry,
  side,
  type TypesEntry,
} from './journalFormat.ts';
import { bypassRecord, configuredRecord } from './placeRecords.ts';
import { reelOpened } from './reelOpened.ts';
import { SessionDecoder, type SessionDecoderSnapshot, type SessionSurroundings } from './sessionDecoder.ts';
import { TypeBook, type TypeWanted } from './typeBook.ts';

/** What decides the records besides the journal: fixed when the reel begins, kept in its snapshots. */
export interface DecoderSettings {
  readonly limits: SessionLimits;
  readonly heartbeatSeconds: number;
  /** Bound of what all sessions hold of unfinished and unanswered messages; absent, 256 MiB (heldBytes.ts). */
  readonly heldBytesMax?: number;
}

export interface DecoderTotals {
  opened: number;
  closed: number;
  statements: number;
  ticks: number;
  decodeLost: number;
}

export interface DecoderSnapshot {
  readonly reel: ReelEntry;
  readonly anchor: Instant;
  readonly now: Instant;
  readonly ended: boolean;
  readonly totals: DecoderTotals;
  readonly sessions: readonly SessionDecoderSnapshot[];
  /** Absent, none were learned. */
  readonly types?: readonly TypesEntry[];
  /** What has passed unrecorded and is in no gap yet; absent, nothing. */
  readonly passed?: PassedEntry;
}

const nothingPassed: PassedEntry = { reason: 'spool_full', sessions: 0, statements: 0, bytes: 0 };
/** Sessions named in one heartbeat line; more go into further ones, so that none passes the longest line. */
const sessionsPerHeartbeat = 10_000;

export class ReelDecoder implements SessionSurroundings {
  readonly limits: SessionLimits;
  readonly held: HeldBytes;
  now: Instant = { wallUs: 0, monoNs: 0 };
  /** Null until the journal's first entry is read. */
  reel: ReelEntry | null = null;
  /** The `end` entry was read: nothing follows. */
  ended = false;
  readonly totals: DecoderTotals = { opened: 0, closed: 0, statements: 0, ticks: 0, decodeLost: 0 };
  readonly #heartbeatSeconds: number;
  readonly #record: (draft: DraftRecord) => void;
  readonly #types: TypeBook;
  readonly #sessions = new Map<number, SessionDecoder>();
  #anchor: Instant = { wallUs: 0, monoNs: 0 };
  /** What has passed unrecorded and is in no gap yet. */
  #passed: PassedEntry | null = null;
  /** Damage found before the reel was known. */
  #early: string | null = null;

  /** @param wanted hears of types that are not known; decides nothing that is recorded */
  constructor(
    settings: DecoderSettings,
    record: (draft: DraftRecord) => void,
    from: DecoderSnapshot | null = null,
    wanted: TypeWanted | null = null,
  ) {
    this.#types = new TypeBook(wanted);
    this.limits = settings.limits;
    this.held = new HeldBytes(settings.heldBytesMax);
    this.#heartbeatSeconds = Math.max(1, Math.round(settings.heartbeatSeconds));
    this.#record = record;
    if (from === null) return;
    this.reel = from.reel;
    this.#anchor = from.anchor;
    this.now = from.now;
    this.ended = from.ended;
    Object.assign(this.totals, from.totals);
    this.#passed = from.passed ?? null;
    for (const entry of from.types ?? []) this.#types.learn(entry);
    for (const saved of from.sessions) {
      this.#sessions.set(saved.number, new SessionDecoder(saved.number, saved, this));
    }
  }

  get inspectBytesMax(): number {
    return this.reel?.inspectBytesMax ?? 0;
  }

  get openSessions(): number {
    return this.#sessions.size;
  }

  /** Of the server's backends that open sessions are in. */
  get openPids(): number[] {
    return [...this.#sessions.values()].map(({ pid }) => pid).filter((pid) => pid > 0);
  }

  /** One turn's entries, `bytes[start, end)`, written `ms` milliseconds after the reel began. */
  turn(ms: number, bytes: Buffer, start: number, end: number): void {
    const monoNs = ms * 1e6;
    this.now = { monoNs, wallUs: Math.round(this.#anchor.wallUs + (monoNs - this.#anchor.monoNs) / 1000) };
    let at = start;
    while (at + entryHeaderBytes <= end) {
      const kind = bytes[at]!;
      const flag = bytes[at + 1]!;
      const session = bytes.readUInt32LE(at + 4);
      const length = bytes.readUInt32LE(at + 8);
      const from = at + entryHeaderBytes;
      at = from + length;
      if (at > end) {
        this.damaged('an entry is longer than its turn');
        return;
      }
      this.#entry(kind, flag, session, bytes, from, at);
    }
  }

  record(draft: DraftRecord): void {
    if (draft.kind === 'statement') this.totals.statements += 1;
    else if (draft.kind === 'gap' && draft.reason === 'decode_lost') this.totals.decodeLost += 1;
    else if (draft.kind === 'opened' && draft.ready) this.#types.opened(draft);
    this.#record(draft);
  }

  typeOf(database: string, oid: number): KnownType | undefined {
    return this.#types.typeOf(database, oid);
  }

  abandoned(session: SessionDecoder, detail: string): void {
    this.#sessions.delete(session.number);
    session.forgotten();
    this.totals.closed += 1;
    this.#gap('decode_lost', `session ${session.number}: the decoder failed twice: ${detail}`);
  }

  /** Part of the journal cannot be read: no open session can be followed any further. */
  damaged(detail: string): void {
    if (this.reel === null) {
      this.#early ??= detail;
      return;
    }
    this.#gap('journal_damaged', detail);
    for (const session of this.#sessions.values()) session.lost('journal_damaged', detail);
  }

  /** The journal ends here and its writer is dead: the records that say so. */
  crashed(): void {
    if (this.reel === null || this.ended) return;
    for (const session of [...this.#sessions.values()]) this.#closeSession(session, 'recorder_crashed');
    this.#tellPassed();
    const detail =
      'the recorder ended without closing the reel; the next one decoded what its journal still held';
    this.#gap('recorder_crashed', detail);
    this.ended = true;
  }

  /** A DecoderSnapshot as lines of a snapshot (snapshot.ts), made as they are taken, so that all of it is never in memory. */
  *saved(): Generator<string> {
    const { reel, now, ended, totals } = this;
    const passed = this.#passed === null ? {} : { passed: this.#passed };
    yield `{"decoder":${JSON.stringify({ reel, anchor: this.#anchor, now, ended, totals, ...passed })}}`;
    yield* this.#types.saved();
    for (const session of this.#sessions.values()) yield* session.saved();
  }

  #entry(kind: number, flag: number, number: number, bytes: Buffer, start: number, end: number): void {
    switch (kind) {
      case entryKind.frontend:
        this.#sessions.get(number)?.frontend(bytes, start, end);
        break;
      case entryKind.backend:
        this.#sessions.get(number)?.backend(bytes, start, end);
        break;
      case entryKind.counted: {
        if (end - start < 16) {
          this.damaged('a short counted entry');
          return;
        }
        const isFrontend = bytes.readUInt32LE(start) === side.frontend;
        const frames = bytes.readUInt32LE(start + 4);
        this.#sessions.get(number)?.counted(isFrontend, flag, frames, bytes.readDoubleLE(start + 8));
        break;
      }
      case entryKind.tail: {
        if (end - start < 48) {
          this.damaged('a short tail entry');
          return;
        }
        const isFrontend = bytes.readUInt32LE(start) === side.frontend;
        const sha256 = bytes.subarray(start + 16, start + 48);
        this.#sessions.get(number)?.tail(isFrontend, flag, bytes.readDoubleLE(start + 8), sha256);
        break;
      }
      case entryKind.tick:
        this.#tick();
        break;
      case entryKind.clock:
        if (end - start >= 8) this.#clock(bytes.readDoubleLE(start));
        break;
      case entryKind.startup:
        this.#sessions.get(number)?.startup(bytes.subarray(start, end));
        break;
      default:
        this.#described(kind, number, bytes.toString('utf8', start, end));
    }
  }

  /** The entries that carry JSON; rare. Kinds of a later version are passed over. */
  #described(kind: number, number: number, text: string): void {
    let entry: unknown;
    try {
      entry = JSON.parse(text);
    } catch {
      this.damaged(`an entry of kind ${kind} does not parse`);
      return;
    }
    if (kind === entryKind.reel) this.#begin(entry as ReelEntry);
    else if (kind === entryKind.open) this.#late(entry as OpenEntry, (open) => this.#open(number, open));
    else if (kind === entryKind.close) this.#late(entry as CloseEntry, (close) => this.#close(number, close));
    else if (kind === entryKind.gap) this.#late(entry as GapEntry, (gap) => this.#gapEntry(number, gap));
    else if (kind === entryKind.passed) this.#passed = entry as PassedEntry;
    else if (kind === entryKind.types) this.#types.learn(entry as TypesEntry);
    else if (kind === entryKind.end) this.#end();
    else if (kind === entryKind.configured) this.#configured(entry as ConfiguredEntry);
    else if (kind === entryKind.bypass) this.record(bypassRecord(entry as BypassEntry, this.#head()));
    else this.#ofOpening(kind, this.#sessions.get(number), entry);
  }

  /** The reel goes on under another policy: whoever takes it up from here seals with that. */
  #configured(entry: ConfiguredEntry): void {
    if (this.reel === null) return;
    this.reel = { ...this.reel, policy: entry.policy };
    this.record(configuredRecord(entry, this.#head()));
  }

  /** What is told later than it happened, with the time it happened at. */
  #late<E extends { readonly lateMs?: number }>(entry: E, act: (entry: E) => void): void {
    const { now } = this;
    const { lateMs = 0 } = entry;
    if (lateMs > 0) {
      this.now = { monoNs: Math.max(0, now.monoNs - lateMs * 1e6), wallUs: now.wallUs - lateMs * 1000 };
    }
    act(entry);
    this.now = now;
  }

  /** A recorder that was killed could not tell of it any more. */
  #tellPassed(): void {
    const { sessions, statements, bytes, reason } = this.#passed ?? nothingPassed;
    this.#passed = null;
    if (sessions + statements + bytes === 0) return;
    const detail = 'relayed unrecorded, as far as the recorder had counted when it was killed';
    this.#gapEntry(0, { reason, detail, sessions, statements, bytes });
  }

  #ofOpening(kind: number, session: SessionDecoder | undefined, entry: unknown): void {
    if (kind === entryKind.secured) {
      const { leg, tls } = entry as SecuredEntry;
      session?.secured(leg, tls);
    } else if (kind === entryKind.mechanism) {
      session?.mechanism((entry as MechanismEntry).chosen);
    } else if (kind === entryKind.cancelled) {
      const { target } = entry as CancelledEntry;
      session?.cancels(target === null ? 'unknown' : this.#sessionId(target));
    }
  }

  /** Every file opens with the same `reel` entry; the first of them begins the reel. */
  #begin(reel: ReelEntry): void {
    if (this.reel !== null) return;
    this.reel = reel;
    this.#anchor = { wallUs: reel.wallUs, monoNs: 0 };
    this.now = { wallUs: Math.round(reel.wallUs + this.now.monoNs / 1000), monoNs: this.now.monoNs };
    this.record(reelOpened(reel, this.now));
    if (this.#early !== null) this.damaged(this.#early);
  }

  #clock(wallUs: number): void {
    this.#anchor = { wallUs, monoNs: this.now.monoNs };
    this.now = { wallUs: Math.round(wallUs), monoNs: this.now.monoNs };
  }

  #tick(): void {
    for (const session of this.#sessions.values()) session.tick();
    this.totals.ticks += 1;
    if (this.totals.ticks % this.#heartbeatSeconds === 0) this.#heartbeat();
  }

  #heartbeat(): void {
    const { opened, closed, statements } = this.totals;
    const open = Array.from(this.#sessions.values(), ({ number, lastN }) => ({
      session: this.#sessionId(number),
      n: lastN,
    }));
    let from = 0;
    do {
      const part = open.slice(from, from + sessionsPerHeartbeat);
      this.record({ ...this.#head(), kind: 'heartbeat', opened, closed, statements, open: part });
      from += sessionsPerHeartbeat;
    } while (from < open.length);
  }

  #open(number: number, entry: OpenEntry): void {
    if (this.reel === null || this.#sessions.has(number)) {
      this.damaged(`session ${number} opened twice`);
      return;
    }
    const { client, server, tls } = entry;
    const identity = { session: this.#sessionId(number), client, server, tls };
    this.totals.opened += 1;
    this.#sessions.set(number, new SessionDecoder(number, identity, this));
  }

  #close(number: number, { why, reason, bytesFromClient, bytesFromServer }: CloseEntry): void {
    const session = this.#sessions.get(number);
    if (session === undefined) return;
    const totals = { bytesFromClient, bytesFromServer };
    session.close(reason === undefined ? { why, ...totals } : { why, reason, ...totals });
    if (this.#sessions.delete(number)) this.totals.closed += 1;
  }

  #closeSession(session: SessionDecoder, why: 'recorder_stopped' | 'recorder_crashed'): void {
    session.close({ why, bytesFromClient: session.fromClient, bytesFromServer: session.fromServer });
    if (this.#sessions.delete(session.number)) this.totals.closed += 1;
  }

  #gapEntry(number: number, entry: GapEntry): void {
    const isKnown = isGapReason(entry.reason);
    const reason = isKnown ? entry.reason : 'decode_lost';
    const detail = isKnown ? entry.detail : `${entry.reason}: ${entry.detail}`;
    const { bytes, statements, sessions } = entry;
    const passed = { ...(bytes !== undefined && { bytes }), ...(statements !== undefined && { statements }) };
    const session = this.#sessions.get(number);
    if (session === undefined) {
      this.#gap(reason, detail, { ...passed, ...(sessions !== undefined && { sessions }) });
      return;
    }
    // Bytes of the session are missing from here on, for whatever reason: it cannot be followed any further ...
    session.lost(reason, detail, statements === undefined ? undefined : passed);
    // ... but where it was seen to be idle.
    if (entry.resumes === true) session.resume();
  }

  #gap(
    reason: GapReason,
    detail: string,
    passed: Pick<DraftOf<'gap'>, 'bytes' | 'statements' | 'sessions'> = {},
  ): void {
    this.record({ ...this.#head(), kind: 'gap', reason, detail, ...passed });
  }

  #end(): void {
    if (this.ended || this.reel === null) return;
    for (const session of [...this.#sessions.values()]) this.#closeSession(session, 'recorder_stopped');
    this.ended = true;
    const { opened: sessions, statements } = this.totals;
    this.record({ ...this.#head(), kind: 'reel_closed', why: 'stopped', sessions, statements });
  }

  #head(): { at: string; mono: string } {
    return { at: wallText(this.now), mono: monoText(this.now) };
  }

  #sessionId(number: number): string {
    return `${this.reel!.reel.slice(0, 16)}-${number}`;
  }
}
