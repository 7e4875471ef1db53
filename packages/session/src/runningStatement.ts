/**
 * Finds what has run for long and still does, and announces it. Looks at the queue, changes nothing in it.
 */
import type { Instant } from '@pgtape/evidence';
import { allPartsEnded, mean, partsOf } from './execution.ts';
import { Names } from './names.ts';
import { type Running, runsOfPortal, runsOfText } from './runs.ts';
import type { SessionState } from './sessionState.ts';
import { functionCall, portalNotSeen, restFrom, type SqlText, undecodable } from './sqlText.ts';
import { announce } from './statementRecord.ts';
import { type Token, tokenKind } from './tokenQueue.ts';
import { headNumber } from './transitions.ts';

/**
 * The first execution in the queue is the one that runs: replies of the Parse and Bind before it may still
 * wait in the server's buffer. An Execute nobody asked the reply of may long be done, so it is not announced.
 */
export function announceRunning(state: SessionState, at: Instant): void {
  const { queue, progress } = state;
  if (queue.size === 0 || progress.announced || state.head === headNumber.startup) return;
  if (state.head === headNumber.dead || at.monoNs - queue.at(0).startNs < state.limits.runningAfterNs) return;
  const names = new Names(state.names, state.limits.statementsMax);
  for (let place = 0; place < queue.size; place += 1) {
    const token = queue.at(place);
    if (token.kind === tokenKind.sync) return;
    const text = textOf(state, token, place, names);
    if (text !== null) {
      if (at.monoNs - token.startNs < state.limits.runningAfterNs || !isAsked(state, token, place)) return;
      progress.announced = true;
      announce(state, token, protocolOf(token), text, runsOf(names, token, text), at);
      return;
    }
    mean(names, token);
  }
}

/** The statement behind a name, where it is one that runs. */
function runsOf(names: Names, token: Token, text: SqlText): Running | null {
  if (token.kind !== tokenKind.execute) return runsOfText(names, text);
  const portal = names.portal(token.name);
  return portal === null ? null : runsOfPortal(names, portal);
}

/** The text that runs; null when the token runs nothing, or has ended. */
function textOf(state: SessionState, token: Token, place: number, names: Names): SqlText | null {
  switch (token.kind) {
    case tokenKind.execute:
      return names.portal(token.name)?.prepared.text ?? portalNotSeen;
    case tokenKind.function:
      return place === 0 && state.head === headNumber.functionEnd ? null : functionCall;
    case tokenKind.query: {
      const whole = token.text ?? undecodable;
      if (place > 0 || token.replication) return whole;
      if (state.head === headNumber.queryFailed || state.head === headNumber.queryEnd) return null;
      if (allPartsEnded(state)) return null;
      return partsOf(state)[state.progress.part] ?? restFrom(whole, partsOf(state), state.progress.part);
    }
    default:
      return null;
  }
}

function protocolOf(token: Token): 'simple' | 'extended' | 'function' | 'replication' {
  if (token.kind === tokenKind.execute) return 'extended';
  if (token.kind === tokenKind.function) return 'function';
  return token.replication ? 'replication' : 'simple';
}

/** The server was asked to send what it holds, behind the Execute. */
function isAsked(state: SessionState, token: Token, place: number): boolean {
  const { queue } = state;
  if (token.kind !== tokenKind.execute || token.order <= state.flushed) return true;
  for (let later = place + 1; later < queue.size; later += 1) {
    const { kind } = queue.at(later);
    if (kind === tokenKind.sync || kind === tokenKind.query || kind === tokenKind.function) return true;
  }
  return false;
}
