/**
 * Makes `statement` and `running` records of what ended or still runs. Knows outcomes, not the messages
 * behind them.
 */
import type { DraftOf, Instant, Runs, ServerError, Unsure } from '@pgtape/evidence';
import type { BoundValues } from './boundValues.ts';
import { type HeldStatement, release, type StatementDraft } from './heldStatement.ts';
import { lineTextBytesMax } from './limits.ts';
import type { Portal, Prepared } from './names.ts';
import { takeNotices } from './notices.ts';
import { lineBytes, parametersOf } from './parameters.ts';
import type { Running } from './runs.ts';
import type { SessionState } from './sessionState.ts';
import { bounded, type SqlText } from './sqlText.ts';
import { type CommandTag, noTag } from './tags.ts';
import { wallOf } from './tape.ts';
import type { Token } from './tokenQueue.ts';
import { WalStream } from './walStream.ts';

export type Outcome = StatementDraft['outcome'];
export type Stage = StatementDraft['stage'];
export type StatementProtocol = StatementDraft['protocol'];

/**
 * One execution, or an attempt at one, that has its outcome. One shape for all, for there are many of them.
 */
export class Ended {
  readonly token: Token;
  readonly protocol: StatementProtocol;
  readonly text: SqlText;
  readonly stage: Stage;
  readonly outcome: Outcome;
  exact = false;
  tag: CommandTag = noTag;
  error: ServerError | null = null;
  /** The error's text was left out, for the statement held a secret. */
  errorRedacted = false;
  /** It never was at the queue's head, so no reply was its own. */
  aside = false;
  /** Names, extended protocol. */
  statement: string | null = null;
  portalName: string | null = null;
  prepared: Prepared | null = null;
  bound: BoundValues | null = null;
  /** What an Execute ran; its record may continue an earlier one. */
  portal: Portal | null = null;
  /** The statement behind a name. */
  runs: Running | null = null;
  /** FunctionCall's result: its length, -1 for NULL; null: none came. */
  result: number | null = null;
  /** Which of a Query's several statements, and of how many; 0: not told. */
  part = 0;
  parts = 0;

  constructor(token: Token, protocol: StatementProtocol, text: SqlText, stage: Stage, outcome: Outcome) {
    this.token = token;
    this.protocol = protocol;
    this.text = text;
    this.stage = stage;
    this.outcome = outcome;
  }
}

const longSql = 4096;
const noOids: readonly number[] = [];
const noSuchPortal = '34000';

/** Makes the record and holds it; the one held before is put out. */
export function finish(state: SessionState, ended: Ended, at: Instant): void {
  if (state.held !== null) release(state, null, at);
  const { tape, progress } = state;
  const { token } = ended;
  const text = bounded(ended.text, state.limits.sqlBytesMax);
  const own = !ended.aside;
  const draft: StatementDraft = {
    kind: 'statement',
    at: wallOf(at.wallUs),
    mono: tape.monoOf(at),
    session: tape.session,
    n: tape.n + 1,
    protocol: ended.protocol,
    sql: text.sql,
    outcome: ended.outcome,
    stage: ended.stage,
    returned_rows: own ? progress.rows : 0,
    returned_bytes: own ? Math.max(0, progress.bytes) : 0,
    start: wallOf(token.startUs),
    duration_ns: Math.max(0, Math.round(at.monoNs - token.startNs)),
    timing: ended.exact ? 'exact' : 'batched',
    tx_before: state.fresh,
    tx_after: null,
  };
  state.fresh = null;
  progress.announced = false;
  if (own && progress.firstNs >= 0)
    draft.first_ns = Math.max(0, Math.round(progress.firstNs - token.startNs));
  addText(draft, text);
  addExtended(state, draft, ended);
  addOutcome(draft, ended);
  if (ended.runs !== null) addRuns(state, draft, ended.runs);
  if (ended.protocol === 'replication') addReplication(state, draft, own);
  if (own) {
    addCopy(state, draft);
    addSurroundings(state, draft);
    if (state.notices !== null) takeNotices(state, draft);
    progress.next();
  }
  addDoubts(state, draft, ended);
  state.held = held(draft, ended);
  // The server undid what the transaction had set.
  if (own && (ended.outcome === 'failed' || ended.outcome === 'cancelled')) state.settings.failed();
}

function addSurroundings(state: SessionState, draft: StatementDraft): void {
  const { role, session_user, search_path } = state.settings.told;
  if (role !== undefined) draft.role = role;
  if (session_user !== undefined) draft.session_user = session_user;
  if (search_path !== undefined) draft.search_path = search_path;
}

/** The text, bounded as any other. */
function addRuns(
  state: SessionState,
  draft: StatementDraft | DraftOf<'running'>,
  { name, text: whole }: Running,
): void {
  const text = bounded(whole, state.limits.sqlBytesMax);
  const runs: Runs = {
    name,
    sql: text.sql,
    ...(text.unknown !== null && { sql_unknown: text.unknown }),
    ...(text.cut !== null && { sql_cut: text.cut }),
  };
  draft.runs = runs;
  for (const rule of text.redacted ?? []) draft.redacted = withRule(draft.redacted, rule);
}

/** What of the record is less than certain, by name; nearly always nothing. */
function addDoubts(state: SessionState, draft: StatementDraft, ended: Ended): void {
  const { text, bound, prepared, runs, aside } = ended;
  const around = aside ? null : state.settings.told.doubts;
  const own = text.origin === null ? null : text.origin.doubts;
  const isHidden =
    runs?.isHidden === true ||
    (prepared !== null && prepared.epoch !== state.names.epoch && isNamed(state, prepared));
  const isForeign = bound !== null && bound.charset !== null;
  if (around === null && own === null && !isHidden && !isForeign) return;
  const doubts: Unsure[] = [...(around ?? []), ...(own ?? [])];
  if (isHidden) doubts.push('names_hidden');
  if (bound !== null && isForeign) {
    if (bound.inFlight) doubts.push('encoding_in_flight');
    if (bound.charset?.label === null) doubts.push('encoding_without_decoder');
  }
  if (doubts.length > 0) draft.unsure = [...new Set(doubts)];
}

/** Nobody but the client names the unnamed one, or the text that this message itself brought. */
function isNamed(state: SessionState, prepared: Prepared): boolean {
  return prepared.name !== '' && state.names.statement(prepared.name) === prepared;
}

function addText(draft: StatementDraft, text: SqlText): void {
  if (text.unknown !== null) draft.sql_unknown = text.unknown;
  if (text.cut !== null) draft.sql_cut = text.cut;
  if (text.redacted !== null) draft.redacted = text.redacted;
  const { origin } = text;
  if (origin !== null) {
    if (origin.encoding !== null) draft.sql_encoding = origin.encoding;
    if (origin.raw !== null) draft.sql_raw = origin.raw;
  }
  const parent = text.traceparent;
  if (parent !== null) draft.traceparent = parent;
}

function addExtended(state: SessionState, draft: StatementDraft, ended: Ended): void {
  if (ended.statement !== null) draft.statement = ended.statement;
  if (ended.portalName !== null) draft.portal = ended.portalName;
  const { bound, portal } = ended;
  if (bound !== null && bound.values.length > 0) {
    const sql = draft.sql;
    const taken = sql === null || sql.length <= longSql ? longSql * 6 : lineBytes(sql);
    const oids = ended.prepared === null ? noOids : ended.prepared.oids;
    const described = ended.prepared === null ? null : ended.prepared.described;
    const room = Math.max(0, lineTextBytesMax - taken);
    draft.params = parametersOf(bound, oids, described, state.typeOf, state.limits, room);
    if (bound.secret) draft.redacted = withRule(draft.redacted, 'connection_string');
  }
  if (ended.part > 0) draft.part = ended.part;
  if (ended.parts > 0) draft.parts = ended.parts;
  if (ended.protocol === 'function') {
    draft.function_oid = ended.token.oid;
    if (ended.result !== null) {
      draft.function_result = { format: ended.token.binary ? 'binary' : 'text', len: ended.result };
    }
  }
  if (portal === null) return;
  if (portal.firstN === 0) portal.firstN = draft.n;
  else draft.continues = portal.firstN;
}

function addOutcome(draft: StatementDraft, ended: Ended): void {
  const { tag, error } = ended;
  if (tag.tag !== null) draft.tag = tag.tag;
  if (tag.rows !== undefined) draft.rows = tag.rows;
  if (error !== null) draft.error = error;
  if (ended.errorRedacted) draft.redacted = withRule(draft.redacted, 'error');
}

function addCopy(state: SessionState, draft: StatementDraft): void {
  const { direction, copyMessages, copyBytes } = state.progress;
  if (direction === null) return;
  draft.copy = { direction, messages: copyMessages, bytes: Math.max(0, copyBytes) };
}

function withRule(rules: readonly string[] | undefined, rule: string): string[] {
  return rules === undefined ? [rule] : rules.includes(rule) ? [...rules] : [...rules, rule];
}

/** The command, and what streamed of it. */
function addReplication(state: SessionState, draft: StatementDraft, own: boolean): void {
  const wal = (own ? state.progress.wal : null) ?? new WalStream(false);
  const told = wal.record(draft.sql);
  if (told !== null) draft.replication = told;
}

/** Parse and Bind run nothing, nor does an Execute of a portal the server does not have. */
function mayHaveRun(ended: Ended): boolean {
  if (ended.stage === 'execute') return ended.error?.sqlstate !== noSuchPortal;
  return ended.stage === 'query';
}

function held(draft: StatementDraft, ended: Ended): HeldStatement {
  const { text, outcome, token, tag } = ended;
  const failed = outcome === 'failed' || outcome === 'cancelled';
  const ran = failed && !token.malformed && mayHaveRun(ended);
  const noted = failed || (tag.effect !== 'none' && tag.effect !== 'internal');
  return {
    draft,
    effect: tag.effect,
    verb: noted ? text.verb : null,
    internal: (ran || tag.effect === 'internal') && text.internal,
    unsure: outcome === 'completed' && tag.tag === null && ended.protocol !== 'function',
    startUs: token.startUs,
    startNs: token.startNs,
  };
}

/** Announces what still runs. */
export function announce(
  state: SessionState,
  token: Token,
  protocol: StatementProtocol,
  whole: SqlText,
  runs: Running | null,
  at: Instant,
): void {
  const text = bounded(whole, state.limits.sqlBytesMax);
  const draft: DraftOf<'running'> = {
    kind: 'running',
    ...state.tape.head(at),
    protocol,
    sql: text.sql,
    ...(text.cut !== null && { sql_cut: text.cut }),
    ...(text.redacted !== null && { redacted: text.redacted }),
    start: wallOf(token.startUs),
    duration_ns: Math.max(0, Math.round(at.monoNs - token.startNs)),
  };
  if (runs !== null) addRuns(state, draft, runs);
  state.tape.put(draft, token.startUs, token.startNs);
}
