/**
 * Ends the execution at the queue's head: a Query's next statement, an Execute, a FunctionCall, a walsender
 * command.
 */
import type { Instant, ServerError } from '@pgtape/evidence';
import { applyCompleted, runHidden } from './completion.ts';
import type { Names, Portal } from './names.ts';
import { corrected, runsOfPortal, runsOfText } from './runs.ts';
import type { SessionState } from './sessionState.ts';
import {
  functionCall,
  overLimit,
  pieces,
  portalNotSeen,
  restFrom,
  type SqlText,
  undecodable,
} from './sqlText.ts';
import { Ended, finish, type Outcome, type Stage, type StatementProtocol } from './statementRecord.ts';
import type { CommandTag } from './tags.ts';
import { type Token, tokenKind } from './tokenQueue.ts';

/** How it ended. */
export interface Ending {
  readonly outcome: Outcome;
  readonly tag?: CommandTag;
  readonly error?: ServerError;
  readonly errorRedacted?: boolean;
  /** FunctionCall's result: its length, -1 for NULL. */
  readonly result?: number;
  /** The server never ran it, or nobody knows. */
  readonly aside?: boolean;
}

/** The statements of the Query at the head. */
export function partsOf(state: SessionState): readonly SqlText[] {
  if (state.parts !== null) return state.parts;
  const token = state.queue.at(0);
  state.parts = token.text === null ? [undecodable] : pieces(token.text, token.lexing);
  return state.parts;
}

/** True when every statement of the Query at the head has its outcome. */
export function allPartsEnded(state: SessionState): boolean {
  return state.progress.part > 0 && state.progress.part >= partsOf(state).length;
}

/** Texts beyond those the Query was split into: cut off, or split otherwise than the server did. */
function partText(state: SessionState, part: number): SqlText {
  const parts = partsOf(state);
  return parts[part] ?? (state.queue.at(0).text?.cut === null ? undecodable : overLimit);
}

/** Tells which statement of how many it is; nothing for a single one. */
function numberPart(state: SessionState, ended: Ended, part: number): void {
  const count = partsOf(state).length;
  if (count === 1 && part === 0) return;
  ended.part = part + 1;
  // Of a Query that was seen in part nobody knows how many there are.
  if (state.queue.at(0).text?.cut === null) ended.parts = Math.max(count, part + 1);
}

/** The Query's next statement completed. */
export function endPart(state: SessionState, tag: CommandTag, at: Instant): void {
  const token = state.queue.at(0);
  const { part } = state.progress;
  const text = partText(state, part);
  const ended = new Ended(token, 'simple', text, 'query', 'completed');
  ended.tag = tag;
  ended.exact = token.alone && part >= partsOf(state).length - 1;
  numberPart(state, ended, part);
  ended.runs = runsOfText(state.names, text);
  finish(state, ended, at);
  state.progress.part = part + 1;
  applyCompleted(state, tag, text, ended.runs?.text ?? null);
}

/**
 * The rest of the Query, from the statement on that has no outcome yet, ends as one: failed, lost, or empty.
 */
export function endRest(state: SessionState, ending: Ending, at: Instant): void {
  const token = state.queue.at(0);
  const { part } = state.progress;
  const parts = partsOf(state);
  const whole = token.text ?? undecodable;
  const text = part < parts.length ? restFrom(whole, parts, part) : partText(state, part);
  const ended = endedBy(ending, token, 'simple', text, 'query');
  ended.exact = token.alone;
  numberPart(state, ended, part);
  const runs = runsOfText(state.names, text);
  ended.runs = runs === null ? null : corrected(state.names, runs, ending.error?.sqlstate ?? '', text);
  finish(state, ended, at);
}

/** A walsender command is one statement whatever it answers with. */
export function endReplication(state: SessionState, token: Token, ending: Ending, at: Instant): void {
  const ended = endedBy(ending, token, 'replication', token.text ?? undecodable, 'query');
  ended.exact = !ended.aside;
  finish(state, ended, at);
}

export function endFunction(state: SessionState, token: Token, ending: Ending, at: Instant): void {
  const ended = endedBy(ending, token, 'function', functionCall, 'function');
  ended.exact = token.alone && !ended.aside;
  ended.bound = token.bound;
  ended.result = ending.result ?? null;
  finish(state, ended, at);
  if (ending.outcome === 'completed') runHidden(state);
}

/** @param names the server's names, or what the client meant where the Execute was never run */
export function endExecute(
  state: SessionState,
  token: Token,
  names: Names,
  ending: Ending,
  at: Instant,
): void {
  const portal = names.portal(token.name);
  const ended = endedBy(ending, token, 'extended', portalText(portal, token), 'execute');
  ended.exact = token.alone && token.prompt && !ended.aside;
  ended.portalName = token.name;
  if (portal !== null) {
    if (!portal.prepared.isCursor) ended.statement = portal.prepared.name;
    ended.prepared = portal.prepared;
    ended.bound = portal.bound;
    if (!ended.aside) ended.portal = portal;
    const runs = runsOfPortal(names, portal);
    const sqlstate = ended.aside ? '' : (ending.error?.sqlstate ?? '');
    ended.runs = runs === null ? null : corrected(names, runs, sqlstate, portal.prepared.text);
  }
  finish(state, ended, at);
  if (ending.outcome !== 'completed') return;
  applyCompleted(state, ended.tag, portal?.prepared.text ?? portalNotSeen, ended.runs?.text ?? null);
}

function portalText(portal: Portal | null, token: Token): SqlText {
  if (portal !== null) return portal.prepared.text;
  return token.malformed ? undecodable : portalNotSeen;
}

function endedBy(
  ending: Ending,
  token: Token,
  protocol: StatementProtocol,
  text: SqlText,
  stage: Stage,
): Ended {
  const ended = new Ended(token, protocol, text, stage, ending.outcome);
  if (ending.tag !== undefined) ended.tag = ending.tag;
  if (ending.error !== undefined) ended.error = ending.error;
  ended.errorRedacted = ending.errorRedacted === true;
  ended.aside = ending.aside === true;
  return ended;
}

/** An execution that never ran or is lost: an Execute, Query or FunctionCall whose turn did not come. */
export function endAside(
  state: SessionState,
  token: Token,
  names: Names,
  outcome: Outcome,
  at: Instant,
): void {
  const ending: Ending = { outcome, aside: true };
  if (token.kind === tokenKind.execute) endExecute(state, token, names, ending, at);
  else if (token.kind === tokenKind.function) endFunction(state, token, ending, at);
  else if (token.kind === tokenKind.query && token.replication) endReplication(state, token, ending, at);
  else if (token.kind === tokenKind.query) {
    finish(state, endedBy(ending, token, 'simple', token.text ?? undecodable, 'query'), at);
  }
}

/** Follows a message that was not run in the names as the client meant them. */
export function mean(names: Names, token: Token): void {
  switch (token.kind) {
    case tokenKind.parse:
      if (token.prepared !== null) names.setStatement(token.prepared);
      return;
    case tokenKind.bind:
      names.setPortal(token.name, token.statement, token.bound);
      return;
    case tokenKind.closeStatement:
      names.dropStatement(token.name);
      return;
    case tokenKind.closePortal:
      names.dropPortal(token.name);
      return;
    default:
  }
}
