/**
 * ReadyForQuery: ends the Sync, Query or FunctionCall at the queue's head, and tells the transaction's
 * status, which is known from nothing else.
 */
import type { Instant, TxStatus } from '@pgtape/evidence';
import { allPartsEnded, endReplication, endRest } from './execution.ts';
import { release } from './heldStatement.ts';
import { tellNotices } from './notices.ts';
import { popHead, settleHead } from './queueHead.ts';
import { type SessionState, skipping } from './sessionState.ts';
import { commandTag } from './tags.ts';
import { tokenKind } from './tokenQueue.ts';
import { headNumber } from './transitions.ts';

export function readyForQuery(state: SessionState, status: TxStatus, at: Instant): void {
  if (state.head === headNumber.startup) {
    state.opening.tell(state.tape, state.identity, true, at);
    settleHead(state);
    tellNotices(state, at);
  } else endBatch(state, status, at);
  state.fresh = status;
}

function endBatch(state: SessionState, status: TxStatus, at: Instant): void {
  const { kind, replication, order } = state.queue.at(0);
  const short = state.head === headNumber.queryNext && !allPartsEnded(state);
  if (state.head === headNumber.replicationEnd) endWalsenderCommand(state, at);
  else if (short) endRest(state, { outcome: 'lost' }, at);
  release(state, status, at);
  const decisions = state.fate.ready(status);
  for (const decision of decisions) state.tape.transaction(decision, at);
  if (state.notices !== null) tellNotices(state, at);
  state.tape.endFullStretch(at);
  // A simple Query destroys the unnamed statement and the unnamed portal.
  if (kind === tokenKind.query && !replication) {
    state.names.dropStatement('');
    state.names.dropPortal('');
  }
  if (status === 'I') {
    if (decisions.some(({ outcome }) => outcome === 'unknown')) state.settings.undecided();
    else state.settings.committed();
    state.names.endPortals(decisions.every(({ outcome }) => outcome === 'committed'));
  }
  state.settings.settled(order);
  state.progress.part = 0;
  state.parts = null;
  popAnswered(state, kind);
}

function popAnswered(state: SessionState, kind: number): void {
  const settling = state.slack > 0 && kind === tokenKind.sync;
  popHead(state);
  if (!settling) return;
  if (state.skip === skipping.maybe) state.skip = skipping.no;
  // The run is over: every Sync of it was answered.
  if (state.head !== headNumber.settling) state.slack = 0;
}

function endWalsenderCommand(state: SessionState, at: Instant): void {
  const { tag } = state.progress;
  const told = tag === null ? {} : { tag: commandTag(Buffer.from(`${tag}\0`)) };
  endReplication(state, state.queue.at(0), { outcome: 'completed', ...told }, at);
}
