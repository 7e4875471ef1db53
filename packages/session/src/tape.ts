/**
 * The session's records in order: their ordinals, what they add up to, and the stretches they are told in.
 * Knows neither messages nor how a record came about.
 */
import { type DraftOf, type DraftRecord, elapsedNs, type Instant } from '@pgtape/evidence';
import type { KnownType } from '@pgtape/wire';
import { rangesPerRecordMax, type SessionLimits } from './limits.ts';
import type { Decision } from './transactionFate.ts';

/** Where records go, in order, and what is known of the place the session is at. */
export interface SessionSink {
  record(draft: DraftRecord): void;
  /** A type of a database; absent, only built-in ones are known. */
  typeOf?(database: string, oid: number): KnownType | undefined;
}

/** Sums of a session or of a stretch; rows and bytes are what was returned or copied. */
export interface Totals {
  statements: number;
  failed: number;
  rows: number;
  bytes: number;
}

export interface TapeState {
  readonly n: number;
  readonly totals: Totals;
  readonly stretch: number;
  readonly firstN: number;
  readonly began: Instant;
  readonly before: Totals;
}

function noTotals(): Totals {
  return { statements: 0, failed: 0, rows: 0, bytes: 0 };
}

const e8 = 1e8;
const zero = 48;

/**
 * Sixteen digits, zeros in front, and three more zeros: in one piece, for what reads a string glued from
 * parts has to copy it first.
 */
function sixteen(value: number): string {
  const high = Math.floor(value / e8) | 0;
  const low = (value - high * e8) | 0;
  const a = (high / 10_000) | 0;
  const b = high - a * 10_000;
  const c = (low / 10_000) | 0;
  const d = low - c * 10_000;
  return String.fromCharCode(
    zero + ((a / 1000) | 0),
    zero + (((a / 100) | 0) % 10),
    zero + (((a / 10) | 0) % 10),
    zero + (a % 10),
    zero + ((b / 1000) | 0),
    zero + (((b / 100) | 0) % 10),
    zero + (((b / 10) | 0) % 10),
    zero + (b % 10),
    zero + ((c / 1000) | 0),
    zero + (((c / 100) | 0) % 10),
    zero + (((c / 10) | 0) % 10),
    zero + (c % 10),
    zero + ((d / 1000) | 0),
    zero + (((d / 100) | 0) % 10),
    zero + (((d / 10) | 0) % 10),
    zero + (d % 10),
    zero,
    zero,
    zero,
  );
}

/** Times repeat: of all records of a turn, and of a statement's start with the end of the one before. */
const remembered = 64;
const wallKeys = new Float64Array(remembered).fill(-1);
const wallTexts: string[] = new Array<string>(remembered).fill('');
let monoKey = -1;
let monoText = '';

/** Fields `at` and `start`, from microseconds since 1970. */
export function wallOf(wallUs: number): string {
  const slot = wallUs & (remembered - 1);
  if (wallKeys[slot] === wallUs) return wallTexts[slot]!;
  const plain = wallUs >= 1e15 && wallUs < 1e16 && Number.isInteger(wallUs);
  const text = plain ? sixteen(wallUs) : `${wallUs}000`;
  wallKeys[slot] = wallUs;
  wallTexts[slot] = text;
  return text;
}

/** Field `mono`, from nanoseconds. */
function monoOf(monoNs: number): string {
  if (monoNs === monoKey) return monoText;
  const value = Math.round(monoNs);
  monoKey = monoNs;
  if (value < 1e9 || value >= 1e15) monoText = String(value);
  else {
    let zeros = 6;
    for (let power = 1e10; value >= power; power *= 10) zeros -= 1;
    monoText = sixteen(value).slice(zeros, 16);
  }
  return monoText;
}

export class Tape {
  readonly session: string;
  readonly #limits: SessionLimits;
  readonly #sink: SessionSink;
  /** Ordinal of the last record that was put out. */
  n = 0;
  /** True while, and after, the sink threw. */
  putting = false;
  readonly totals: Totals = noTotals();
  /** Stretches ended. */
  #stretch = 0;
  /** First ordinal of the open stretch; 0: none is open. */
  #firstN = 0;
  #began: Instant = { wallUs: 0, monoNs: 0 };
  #before: Totals = noTotals();

  constructor(session: string, limits: SessionLimits, sink: SessionSink) {
    this.session = session;
    this.#limits = limits;
    this.#sink = sink;
  }

  /** Puts a record out; it must carry the next ordinal. */
  put(draft: DraftRecord & { n: number }, startUs: number, startNs: number): void {
    this.n = draft.n;
    if (this.#firstN === 0) {
      this.#firstN = draft.n;
      this.#began = { wallUs: startUs, monoNs: startNs };
    }
    this.putting = true;
    this.#sink.record(draft);
    this.putting = false;
  }

  statement(draft: DraftOf<'statement'>, startUs: number, startNs: number): void {
    const totals = this.totals;
    totals.statements += 1;
    if (draft.outcome === 'failed' || draft.outcome === 'cancelled') totals.failed += 1;
    totals.rows += draft.returned_rows;
    totals.bytes += draft.returned_bytes + (draft.copy?.bytes ?? 0);
    this.put(draft, startUs, startNs);
  }

  /** A transaction's end; more ranges than one record takes go into further records of the same words. */
  transaction(decision: Decision, at: Instant): void {
    const { outcome, implicit, savepoint, gid, error } = decision;
    let from = 0;
    do {
      const draft: DraftOf<'transaction'> = {
        kind: 'transaction',
        ...this.head(at),
        outcome,
        implicit,
        ranges: decision.ranges.slice(from, from + rangesPerRecordMax),
        ...(savepoint !== undefined && { savepoint }),
        ...(gid !== undefined && { gid }),
        ...(error !== undefined && { error }),
      };
      this.put(draft, at.wallUs, at.monoNs);
      from += rangesPerRecordMax;
    } while (from < decision.ranges.length);
  }

  /** Field `mono`. */
  monoOf(at: Instant): string {
    return monoOf(at.monoNs);
  }

  /** The fields every record of a session begins with. */
  head(at: Instant): { at: string; mono: string; session: string; n: number } {
    return {
      at: wallOf(at.wallUs),
      mono: monoOf(at.monoNs),
      session: this.session,
      n: this.n + 1,
    };
  }

  /** Ends the open stretch when it has its number of statements. */
  endFullStretch(at: Instant): void {
    if (this.totals.statements - this.#before.statements >= this.#limits.stretchStatements)
      this.endStretch(at);
  }

  /** Ends the open stretch when it is old enough. */
  endOldStretch(at: Instant): void {
    if (this.#firstN !== 0 && at.monoNs - this.#began.monoNs >= this.#limits.stretchNs) this.endStretch(at);
  }

  /** Ends the open stretch, if one is open. */
  endStretch(at: Instant): void {
    if (this.#firstN === 0) return;
    const { totals } = this;
    const before = this.#before;
    this.#stretch += 1;
    const draft: DraftOf<'stretch'> = {
      kind: 'stretch',
      ...this.head(at),
      stretch: this.#stretch,
      first_n: this.#firstN,
      start: wallOf(this.#began.wallUs),
      duration_ns: elapsedNs(this.#began, at),
      statements: totals.statements - before.statements,
      failed: totals.failed - before.failed,
      rows: totals.rows - before.rows,
      bytes: totals.bytes - before.bytes,
    };
    this.put(draft, at.wallUs, at.monoNs);
    this.#firstN = 0;
    this.#before = { ...totals };
  }

  state(): TapeState {
    return {
      n: this.n,
      totals: { ...this.totals },
      stretch: this.#stretch,
      firstN: this.#firstN,
      began: this.#began,
      before: this.#before,
    };
  }

  restore(state: TapeState): void {
    this.n = state.n;
    Object.assign(this.totals, state.totals);
    this.#stretch = state.stretch;
    this.#firstN = state.firstN;
    this.#began = state.began;
    this.#before = { ...state.before };
  }
}
