/**
 * What an ErrorResponse ends: the message at the queue's head, and with the extended protocol every message
 * up to the next Sync. Knows the rules of `ignore_till_sync` (PostgreSQL, postgres.c); decides nothing about
 * transactions.
 */
import type { Instant, ServerError } from '@pgtape/evidence';
import type { ErrorFields } from '@pgtape/wire';
import type { BoundValues } from './boundValues.ts';
import { failExecuteCopyIn, failQueryCopyIn } from './copyIn.ts';
import {
  allPartsEnded,
  type Ending,
  endAside,
  endExecute,
  endFunction,
  endReplication,
  endRest,
  mean,
} from './execution.ts';
import { release } from './heldStatement.ts';
import { loseDecoding } from './losing.ts';
import { Names } from './names.ts';
import { settleHead } from './queueHead.ts';
import { serverError } from './serverErrors.ts';
import { type SessionState, skipping } from './sessionState.ts';
import { notSeen, portalNotSeen, type SqlText, undecodable } from './sqlText.ts';
import { Ended, finish, type Stage } from './statementRecord.ts';
import { type Token, tokenKind } from './tokenQueue.ts';
import { headNumber } from './transitions.ts';

const cancelled = '57014';
const noSuchStatement = '26000';
const noSuchPortal = '34000';
/** Where the server looks an Execute's portal up; a statement may itself fail with the same SQLSTATE. */
const executing = 'exec_execute_message';

/** The message at the head failed with an ERROR. */
export function failHead(state: SessionState, fields: ErrorFields, at: Instant): void {
  if (state.progress.firstNs < 0) state.progress.firstNs = at.monoNs;
  const token = state.queue.at(0);
  switch (token.kind) {
    case tokenKind.query:
      failQuery(state, token, fields, at);
      return;
    case tokenKind.function:
      endFunction(state, token, endingOf(fields, token.bound?.secret === true), at);
      state.head = headNumber.functionEnd;
      return;
    case tokenKind.execute:
      failExecute(state, token, fields, at);
      return;
    case tokenKind.closeStatement:
    case tokenKind.closePortal:
    case tokenKind.refused:
      // Nothing of it would have run: the error is told with the transaction it ended.
      release(state, null, at);
      state.progress.next();
      state.fate.fail(serverError(fields, false));
      state.settings.failed();
      break;
    default:
      failPreparation(state, token, fields, at);
  }
  state.meant = new Names(state.names, state.limits.statementsMax);
  mean(state.meant, token);
  state.queue.release(token);
  state.queue.pop();
  enterSkip(state, at);
}

function endingOf(fields: ErrorFields, secret: boolean): Ending & { error: ServerError } {
  const error = serverError(fields, secret);
  const outcome = fields.sqlstate === cancelled ? 'cancelled' : 'failed';
  return { outcome, error, ...(secret && { errorRedacted: true }) };
}

function failQuery(state: SessionState, token: Token, fields: ErrorFields, at: Instant): void {
  const secret = token.text?.redacted != null;
  const ending = endingOf(fields, secret);
  if (state.head === headNumber.queryCopyIn) failQueryCopyIn(state);
  if (token.replication) endReplication(state, token, ending, at);
  else if (allPartsEnded(state)) {
    release(state, null, at);
    state.progress.next();
    state.fate.fail(ending.error);
    state.settings.failed();
  } else endRest(state, ending, at);
  state.head = headNumber.queryFailed;
}

function failExecute(state: SessionState, token: Token, fields: ErrorFields, at: Instant): void {
  if (fields.sqlstate === noSuchPortal && fields.routine === executing) state.names.dropPortal(token.name);
  const portal = state.names.portal(token.name);
  const secret = portal?.prepared.text.redacted != null || portal?.bound?.secret === true;
  const copying = state.head === headNumber.executeCopyIn;
  const follows = copying ? failExecuteCopyIn(state, fields.sqlstate) : 'skip';
  endExecute(state, token, state.names, endingOf(fields, secret), at);
  state.queue.release(token);
  state.queue.pop();
  if (follows === 'skip') enterSkip(state, at);
  else if (follows === 'settle') settleHead(state);
  else {
    settleHead(state);
    loseDecoding(
      state,
      'decode_lost',
      'a COPY failed before messages that may or may not have been read',
      at,
    );
  }
}

/** Parse, Bind and Describe: nothing ran, but the attempt is told. */
function failPreparation(state: SessionState, token: Token, fields: ErrorFields, at: Instant): void {
  const { names } = state;
  const { name } = token;
  if (token.kind === tokenKind.parse) {
    const ended = failedAttempt(token, token.prepared?.text ?? undecodable, 'parse', null, fields);
    ended.statement = name;
    finish(state, ended, at);
    // The unnamed statement is dropped before the new text is even parsed; a malformed message does not come
    // so far.
    if (name === '' && !token.malformed) names.dropStatement('');
    return;
  }
  const binds = token.kind === tokenKind.bind;
  const ofPortal = token.kind === tokenKind.describePortal;
  const statement = binds ? token.statement : name;
  // The server knows better.
  if (ofPortal && fields.sqlstate === noSuchPortal) names.dropPortal(name);
  else if (fields.sqlstate === noSuchStatement) names.dropStatement(statement);
  const portal = ofPortal ? names.portal(name) : null;
  const prepared = ofPortal ? (portal?.prepared ?? null) : names.statement(statement);
  const text = prepared?.text ?? missing(token);
  const ended = failedAttempt(token, text, binds ? 'bind' : 'describe', binds ? token.bound : null, fields);
  ended.prepared = prepared;
  ended.statement = prepared?.name ?? (ofPortal ? null : statement);
  ended.portalName = token.kind === tokenKind.describeStatement ? null : name;
  finish(state, ended, at);
}

function failedAttempt(
  token: Token,
  text: SqlText,
  stage: Stage,
  bound: BoundValues | null,
  fields: ErrorFields,
): Ended {
  const ending = endingOf(fields, text.redacted !== null || bound?.secret === true);
  const ended = new Ended(token, 'extended', text, stage, ending.outcome);
  ended.bound = bound;
  ended.error = ending.error;
  ended.errorRedacted = ending.errorRedacted === true;
  return ended;
}

function missing(token: Token): SqlText {
  if (token.malformed) return undecodable;
  return token.kind === tokenKind.describePortal ? portalNotSeen : notSeen;
}

/**
 * The server swallows everything up to the next Sync. The failed message has left the queue.
 */
export function enterSkip(state: SessionState, at: Instant): void {
  const { queue } = state;
  state.meant ??= new Names(state.names, state.limits.statementsMax);
  while (queue.size > 0 && queue.at(0).kind !== tokenKind.sync) {
    const token = queue.pop();
    skipToken(state, token, at);
    queue.release(token);
  }
  state.skip = queue.size === 0 ? skipping.yes : skipping.no;
  if (state.skip === skipping.no) state.meant = null;
  settleHead(state);
}

/** A message the server swallows: what would have run is told as skipped. */
export function skipToken(state: SessionState, token: Token, at: Instant): void {
  const meant = state.meant ?? state.names;
  mean(meant, token);
  endAside(state, token, meant, 'skipped', at);
}

/** Sync ends the window. */
export function leaveSkip(state: SessionState): void {
  state.skip = skipping.no;
  state.meant = null;
}
