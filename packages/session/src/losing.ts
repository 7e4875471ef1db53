/** The end of knowing: what was in flight when the session, or its decoding, ended. Guesses nothing. */
import type { DraftOf, GapReason, Instant } from '@pgtape/evidence';
import type { ErrorFields } from '@pgtape/wire';
import { loseCopyIn } from './copyIn.ts';
import {
  allPartsEnded,
  endAside,
  endExecute,
  endFunction,
  endReplication,
  endRest,
  mean,
  partsOf,
} from './execution.ts';
import { commits, release } from './heldStatement.ts';
import { Names } from './names.ts';
import { Progress } from './progress.ts';
import { serverError } from './serverErrors.ts';
import { type SessionState, skipping } from './sessionState.ts';
import type { SqlText } from './sqlText.ts';
import { type Token, tokenKind } from './tokenQueue.ts';
import { TransactionFate } from './transactionFate.ts';
import { headNumber } from './transitions.ts';

/** A FATAL error: nothing after it is answered. */
export function die(state: SessionState, fields: ErrorFields, at: Instant): void {
  release(state, null, at);
  state.opening.fatal ??= serverError(fields, false);
  loseOutstanding(state, false, at);
  readNoMore(state);
  state.head = headNumber.dead;
}

/** The server reads nothing that is sent from here on: it ends. */
export function readNoMore(state: SessionState): void {
  if (state.unreadFrom === 0) state.unreadFrom = state.queue.lastOrder + 1;
}

/** What passed unrecorded, where it was counted. */
export interface Passed {
  /** Both ways together. */
  readonly bytes?: number;
  /** Query, Execute and FunctionCall messages. */
  readonly statements?: number;
}

const uncounted: Passed = {};

/** The machine stops decoding: a gap says why; from here on only the session's end is told. */
export function loseDecoding(
  state: SessionState,
  reason: GapReason,
  detail: string,
  at: Instant,
  passed: Passed = uncounted,
): void {
  // What was counted is told, whatever was lost before.
  if (!state.decoding && passed === uncounted) return;
  state.opening.tell(state.tape, state.identity, false, at);
  release(state, null, at);
  const { tape } = state;
  const head = tape.head(at);
  const draft: DraftOf<'gap'> & { n: number } = {
    kind: 'gap',
    ...head,
    reason,
    detail: detail.slice(0, 1024),
    ...passed,
  };
  tape.put(draft, at.wallUs, at.monoNs);
  if (!state.decoding) return;
  state.decoding = false;
  loseOutstanding(state, true, at);
  // Nothing asks for a name any more.
  state.names = new Names(null, state.limits.statementsMax);
}

/**
 * Decoding goes on at a moment when nothing waits for a reply and no transaction is open. Names given before are not known any more, nor
 * what was set.
 */
export function resumeDecoding(state: SessionState): void {
  if (state.decoding || state.head === headNumber.startup || state.head === headNumber.dead) return;
  state.decoding = true;
  state.head = headNumber.idle;
  state.unreadFrom = 0;
  state.fresh = 'I';
  state.batched = 0;
  state.flushed = state.queue.lastOrder;
  state.sentFrames = 0;
  state.sentBytes = 0;
  state.progress = new Progress();
  state.fate = new TransactionFate();
  state.settings.unseen();
}

/**
 * Everything that waits for replies is lost, and the open transaction is decided as far as it can be.
 * @param unknown the transaction may have gone on unseen
 */
export function loseOutstanding(state: SessionState, unknown: boolean, at: Instant): void {
  const { queue, fate } = state;
  const names = new Names(state.names, state.limits.statementsMax);
  let committing = unknown;
  let first = state.head !== headNumber.dead && state.head !== headNumber.startup;
  while (queue.size > 0) {
    const token = queue.at(0);
    const unread = state.unreadFrom > 0 && token.order >= state.unreadFrom;
    committing ||= !unread && mayCommit(state, token, names, fate.explicit);
    mean(names, token);
    if (unread) endAside(state, token, names, 'skipped', at);
    else if (first && isExecution(token)) loseHead(state, token, names, at);
    else endAside(state, token, names, 'lost', at);
    first = false;
    state.parts = null;
    queue.pop();
    queue.release(token);
  }
  state.skip = skipping.no;
  state.meant = null;
  state.slack = 0;
  release(state, null, at);
  for (const decision of fate.ended(committing)) state.tape.transaction(decision, at);
}

function isExecution(token: Token): boolean {
  return (
    token.kind === tokenKind.query || token.kind === tokenKind.execute || token.kind === tokenKind.function
  );
}

/** The execution at the head: what had come of it is told. */
function loseHead(state: SessionState, token: Token, names: Names, at: Instant): void {
  const ending = { outcome: 'lost' as const };
  if (state.head === headNumber.executeCopyIn || state.head === headNumber.queryCopyIn) loseCopyIn(state);
  if (token.kind === tokenKind.execute) {
    endExecute(state, token, names, ending, at);
    return;
  }
  if (state.head === headNumber.functionEnd || isEnded(state)) return;
  if (token.kind === tokenKind.function) endFunction(state, token, ending, at);
  else if (token.replication) endReplication(state, token, ending, at);
  else if (!allPartsEnded(state)) endRest(state, ending, at);
}

function isEnded(state: SessionState): boolean {
  return state.head === headNumber.queryFailed || state.head === headNumber.queryEnd;
}

/** True when the message may make the open transaction permanent, should the server have read it. */
function mayCommit(state: SessionState, token: Token, names: Names, explicit: boolean): boolean {
  switch (token.kind) {
    case tokenKind.query:
      if (!explicit) return true;
      return isPlainEnd(state, token) ? false : textsOf(state, token).some(maybeCommits);
    case tokenKind.execute: {
      const text = names.portal(token.name)?.prepared.text;
      return text === undefined || maybeCommits(text) || (!explicit && text.internal);
    }
    case tokenKind.function:
    case tokenKind.sync:
      return !explicit;
    default:
      return false;
  }
}

/** A Query at the head that already has all its outcomes. */
function isPlainEnd(state: SessionState, token: Token): boolean {
  return token === state.queue.at(0) && isEnded(state);
}

function textsOf(state: SessionState, token: Token): readonly SqlText[] {
  if (token !== state.queue.at(0)) return token.text === null ? [] : [token.text];
  return partsOf(state);
}

function maybeCommits(text: SqlText): boolean {
  return text.sql === null || commits(text.verb) || text.sql.includes(';');
}
