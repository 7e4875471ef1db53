/**
 * Owns what should have come and did not: open reels that fall silent, segments that are missing while later
 * ones come, and lines a heartbeat counts that never arrived. A pure state machine: the clock is passed in,
 * the alerts are its answers.
 */
import type { AlertReason, ParsedRecord, SegmentSuccess } from '@pgtape/evidence';

export interface WatchChange {
  readonly kind: 'raise' | 'clear';
  readonly reason: AlertReason;
  readonly reel: string;
  readonly detail: string;
}

/** `crashed`: without an end, and none is expected: its recorder went on in another reel long ago, or its pod is gone. */
export type WatchedState = 'open' | 'silent' | 'crashed';

export interface WatchedReel {
  readonly reel: string;
  readonly recorder: string;
  /** Of the header: what people call the recorder. */
  readonly name: string;
  readonly state: WatchedState;
  /** Its pod was found to be gone, and nothing came since. */
  readonly isOrphaned: boolean;
  /** The last segment that came; 0: only later ones did, and were refused. */
  readonly segment: number;
  /** Clock of the caller when it came, or when the reel was found in the archive. */
  readonly arrivedMs: number;
  /** It came while this vault was there. */
  readonly seen: boolean;
  /** When it was sealed, by the recorder's wall clock, ms since 1970. */
  readonly sealedMs: number;
  readonly heartbeatMs: number;
  /** Number of a segment that later ones came without; null: none. */
  readonly missing: number | null;
}

export interface KnownBefore {
  /** Its recorder began another reel. */
  readonly superseded: boolean;
  /** Alerts about it that stand. */
  readonly standing: ReadonlySet<AlertReason>;
  /** An earlier vault wrote down that its pod is gone and that this segment was its last. */
  readonly orphaned: boolean;
}

/** What is to be written down of a reel whose pod is gone. */
export interface OrphanedReel {
  readonly recorder: string;
  readonly segment: number;
  /** SHA-256 of that segment's seal line. */
  readonly seal: string;
  readonly changes: readonly WatchChange[];
}

interface Entry {
  readonly reel: string;
  readonly recorder: string;
  name: string;
  state: WatchedState;
  /** `reel_silent` stands of it. */
  isAlerted: boolean;
  isOrphaned: boolean;
  segment: number;
  /** SHA-256 of the seal line of `segment`; '' before one came. */
  seal: string;
  arrivedMs: number;
  seen: boolean;
  sealedMs: number;
  heartbeatMs: number;
  /** Monotonic ns of the last heartbeat record; null: none came yet. */
  heartbeatMono: number | null;
  /** Longest time from a segment's first record to its seal. */
  sealingMs: number;
  /** The recorder began another reel. */
  superseded: boolean;
  missing: { expected: number; readonly sinceMs: number; raised: boolean } | null;
  /** Every line of the reel was seen here; false after a restart of the vault, until a heartbeat tells what there was. */
  counted: boolean;
  statements: number;
  /** Last ordinal of each open session. */
  readonly sessions: Map<string, number>;
  linesMissing: boolean;
}

/** What recorders use unless told otherwise; each reel's own is learned from its heartbeats. */
const heartbeatMsDefault = 30_000;
/** A wall clock that was set while a segment was open must not make the watch blind. */
const sealingMsMax = 120_000;
/** How long a recorder that went on in another reel has to send the end of the one before. */
const crashedAfterMs = 3_600_000;
/** Reels watched at once; who sends can make any number. */
const reelsMax = 10_000;

export class ReelWatch {
  readonly #reels = new Map<string, Entry>();

  /** A segment is stored, or was already. */
  arrived(segment: SegmentSuccess, nowMs: number): WatchChange[] {
    const { header, seal, sealDigest, records } = segment;
    const entry = this.#entry(header, nowMs);
    if (entry === null) return [];
    if (seal.segment === 1 && entry.segment === 0) {
      entry.counted = true;
      this.#supersede(header.recorder, header.reel);
    }
    const changes = revive(entry, nowMs);
    if (seal.segment <= entry.segment) return changes;
    entry.name = header.name;
    entry.segment = seal.segment;
    entry.seal = sealDigest;
    entry.seen = true;
    entry.sealedMs = Number(seal.at) / 1e6;
    const sealingMs = (Number(seal.at) - Number(records[0]?.at ?? seal.at)) / 1e6;
    entry.sealingMs = Math.min(sealingMsMax, Math.max(entry.sealingMs, sealingMs));
    for (const record of records) changes.push(...follow(entry, record));
    changes.push(...found(entry));
    if (isEnd(records.at(-1))) changes.push(...this.#forget(entry, 'the reel ended'));
    return changes;
  }

  /** A segment was refused because an earlier one is missing. */
  ahead(header: SegmentSuccess['header'], expected: number, nowMs: number): WatchChange[] {
    const entry = this.#entry(header, nowMs);
    if (entry === null) return [];
    if (entry.missing === null) entry.missing = { expected, sinceMs: nowMs, raised: false };
    return revive(entry, nowMs);
  }

  /**
   * The last segment of a reel that a former vault stored; nothing where it ended. What the reel's lines add
   * up to is learned from its next heartbeat.
   */
  restored({ header, seal, sealDigest, records }: SegmentSuccess, known: KnownBefore, nowMs: number): void {
    if (isEnd(records.at(-1)) || this.#reels.has(header.reel)) return;
    const entry = this.#entry(header, nowMs);
    if (entry === null) return;
    const { superseded, standing, orphaned } = known;
    entry.segment = seal.segment;
    entry.seal = sealDigest;
    entry.sealedMs = Number(seal.at) / 1e6;
    entry.superseded = superseded;
    entry.isOrphaned = orphaned;
    const isSilent = standing.has('reel_silent');
    entry.state = orphaned ? 'crashed' : isSilent ? 'silent' : superseded ? 'crashed' : 'open';
    entry.isAlerted = standing.has('reel_silent');
    entry.linesMissing = standing.has('lines_missing');
    if (standing.has('segment_missing'))
      entry.missing = { expected: seal.segment + 1, sinceMs: nowMs, raised: true };
  }

  tick(nowMs: number): WatchChange[] {
    const changes: WatchChange[] = [];
    for (const entry of this.#reels.values()) changes.push(...this.#look(entry, nowMs));
    return changes;
  }

  /**
   * The pod of its recorder is gone: no end is expected, though an outbox that outlived the pod may still bring one.
   * `isOld`: so old that whoever cares was told by an earlier vault. null: it is not watched, or was found to be so before.
   */
  orphaned(reel: string, pod: string, isOld: boolean): OrphanedReel | null {
    const entry = this.#reels.get(reel);
    if (entry === undefined || entry.isOrphaned || entry.segment === 0) return null;
    const { recorder, segment, seal } = entry;
    const isTold = entry.isAlerted || entry.state === 'crashed' || isOld;
    entry.isOrphaned = true;
    entry.state = 'crashed';
    if (isTold) return { recorder, segment, seal, changes: [] };
    entry.isAlerted = true;
    const detail = `its pod ${pod} is gone, and its end did not come`;
    return { recorder, segment, seal, changes: [change('raise', 'reel_silent', entry, detail)] };
  }

  /** By state, those that want attention first, then by name. */
  list(): WatchedReel[] {
    const order: readonly WatchedState[] = ['silent', 'crashed', 'open'];
    return Array.from(this.#reels.values(), ({ missing, ...entry }) => ({
      reel: entry.reel,
      recorder: entry.recorder,
      name: entry.name,
      state: entry.state,
      isOrphaned: entry.isOrphaned,
      segment: entry.segment,
      arrivedMs: entry.arrivedMs,
      seen: entry.seen,
      sealedMs: entry.sealedMs,
      heartbeatMs: entry.heartbeatMs,
      missing: missing?.expected ?? null,
    })).sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || (a.name < b.name ? -1 : 1));
  }

  has(reel: string): boolean {
    return this.#reels.has(reel);
  }

  count(state: WatchedState): number {
    let count = 0;
    for (const entry of this.#reels.values()) if (entry.state === state) count++;
    return count;
  }

  #look(entry: Entry, nowMs: number): WatchChange[] {
    const changes: WatchChange[] = [];
    const { missing, heartbeatMs } = entry;
    const quietMs = nowMs - entry.arrivedMs;
    if (missing !== null && !missing.raised && nowMs - missing.sinceMs >= heartbeatMs) {
      missing.raised = true;
      const detail = `segment ${missing.expected} never came, later ones did: its recorder lost it, or it is held back`;
      changes.push(change('raise', 'segment_missing', entry, detail));
    }
    // An idle reel has a heartbeat in a segment that is sealed only some time later.
    const silentMs = Math.max(2 * heartbeatMs, heartbeatMs + 2 * entry.sealingMs);
    if (entry.state === 'open' && entry.segment > 0 && quietMs > silentMs) {
      entry.state = 'silent';
      entry.isAlerted = true;
      changes.push(change('raise', 'reel_silent', entry, `nothing came for ${Math.round(quietMs / 1000)} s`));
    }
    if (entry.state === 'silent' && entry.superseded && quietMs > crashedAfterMs) {
      entry.state = 'crashed';
      entry.isAlerted = false;
      changes.push(change('clear', 'reel_silent', entry, 'given up: its recorder went on in another reel'));
    }
    if (entry.state === 'crashed' && entry.isAlerted && quietMs > crashedAfterMs) {
      entry.isAlerted = false;
      changes.push(change('clear', 'reel_silent', entry, 'given up: its pod is gone'));
    }
    // Only refused segments came of it: whoever sent them went away.
    if (entry.segment === 0 && quietMs > crashedAfterMs) changes.push(...this.#forget(entry, 'given up'));
    return changes;
  }

  #entry({ reel, recorder, name }: SegmentSuccess['header'], nowMs: number): Entry | null {
    const known = this.#reels.get(reel);
    if (known !== undefined) return known;
    if (this.#reels.size >= reelsMax) return null;
    const entry: Entry = {
      reel,
      recorder,
      name,
      state: 'open',
      isAlerted: false,
      isOrphaned: false,
      segment: 0,
      seal: '',
      arrivedMs: nowMs,
      seen: false,
      sealedMs: 0,
      heartbeatMs: heartbeatMsDefault,
      heartbeatMono: null,
      sealingMs: 0,
      superseded: false,
      missing: null,
      counted: false,
      statements: -1,
      sessions: new Map(),
      linesMissing: false,
    };
    this.#reels.set(reel, entry);
    return entry;
  }

  #supersede(recorder: string, by: string): void {
    for (const entry of this.#reels.values()) {
      if (entry.recorder === recorder && entry.reel !== by) entry.superseded = true;
    }
  }

  #forget(entry: Entry, detail: string): WatchChange[] {
    this.#reels.delete(entry.reel);
    const changes: WatchChange[] = [];
    if (entry.isAlerted) changes.push(change('clear', 'reel_silent', entry, detail));
    if (entry.missing?.raised === true) changes.push(change('clear', 'segment_missing', entry, detail));
    if (entry.linesMissing) changes.push(change('clear', 'lines_missing', entry, detail));
    return changes;
  }
}

function change(
  kind: WatchChange['kind'],
  reason: AlertReason,
  { reel }: Entry,
  detail: string,
): WatchChange {
  return { kind, reason, reel, detail };
}

/** Something came of it. */
function revive(entry: Entry, nowMs: number): WatchChange[] {
  const wasAlerted = entry.isAlerted;
  entry.arrivedMs = nowMs;
  entry.state = 'open';
  entry.isAlerted = false;
  entry.isOrphaned = false;
  return wasAlerted ? [change('clear', 'reel_silent', entry, 'it sends again')] : [];
}

/** The missing segment came, when all before the newest did. */
function found(entry: Entry): WatchChange[] {
  const { missing } = entry;
  if (missing === null || entry.segment < missing.expected) return [];
  entry.missing = null;
  return missing.raised ? [change('clear', 'segment_missing', entry, 'it came')] : [];
}

function isEnd(last: ParsedRecord | undefined): boolean {
  if (last === undefined) return false;
  return last.kind === 'reel_closed' || (last.kind === 'gap' && last.reason === 'recorder_crashed');
}

/** Counts a line; a heartbeat is held against what was counted. */
function follow(entry: Entry, record: ParsedRecord): WatchChange[] {
  const { sessions } = entry;
  if (record.kind === 'heartbeat') return heartbeat(entry, record);
  if (record.kind === 'statement') entry.statements++;
  if (record.kind === 'reel_opened') {
    entry.statements = 0;
    // The monotonic clock of lines starts with the reel, and so does the first heartbeat's time.
    entry.heartbeatMono = 0;
  }
  if (record.session === undefined) return [];
  if (record.kind === 'closed') sessions.delete(record.session);
  else sessions.set(record.session, record.n ?? 0);
  return [];
}

/** Lines come in the order of their numbers, so what a heartbeat counts stands before it. */
function heartbeat(entry: Entry, record: ParsedRecord): WatchChange[] {
  const mono = Number(record.mono);
  const before = entry.heartbeatMono;
  // A heartbeat with many sessions has several lines of one moment.
  if (before !== null && mono > before) entry.heartbeatMs = Math.round((mono - before) / 1e6);
  entry.heartbeatMono = mono;
  const statements = Number(record.statements);
  const open = record.open as readonly { readonly session: string; readonly n: number }[];
  const lost: string[] = [];
  if (entry.counted) {
    if (statements > entry.statements) lost.push(`${statements - entry.statements} statements`);
    for (const { session, n } of open) {
      const seen = entry.sessions.get(session) ?? 0;
      if (seen < n) lost.push(`session ${session}: ${n - seen} lines`);
    }
  }
  entry.counted = true;
  entry.statements = statements;
  for (const { session, n } of open) entry.sessions.set(session, n);
  if (lost.length === 0 || entry.linesMissing) return [];
  entry.linesMissing = true;
  const detail = `a heartbeat counts what never came: ${lost.slice(0, 3).join(', ')}${lost.length > 3 ? ', ...' : ''}`;
  return [change('raise', 'lines_missing', entry, detail)];
}
