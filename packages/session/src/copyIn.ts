/**
 * COPY FROM STDIN: which of the client's messages behind it belong to it. A Sync before CopyDone is swallowed
 * if the server is in copy mode when it reads it, else answered; order alone does not tell (SPEC.md,
 * "Optional Sync").
 */
import type { SessionState } from './sessionState.ts';
import { skipping } from './sessionState.ts';
import { tokenKind } from './tokenQueue.ts';

/** Syncs that stand between the head and the first other message. */
function syncsBehindHead(state: SessionState, from: number): number {
  const { queue } = state;
  let place = from;
  while (place < queue.size && queue.at(place).kind === tokenKind.sync) place += 1;
  return place - from;
}

/** Frames and bytes of the stream that belong to the COPY at the head. */
function takeCounts(state: SessionState, end: number): void {
  const { queue, progress } = state;
  if (end < queue.size && queue.at(end).kind === tokenKind.copyEnd) {
    progress.copyMessages += queue.at(end).copyMessages;
    progress.copyBytes += queue.at(end).copyBytes;
    return;
  }
  progress.copyMessages += state.sentFrames;
  progress.copyBytes += state.sentBytes;
  state.sentFrames = 0;
  state.sentBytes = 0;
}

/** The outcome of the COPY at the head will not be known: what was sent of it so far. */
export function loseCopyIn(state: SessionState): void {
  takeCounts(state, 1 + syncsBehindHead(state, 1));
}

/**
 * The COPY completed: its CopyDone and every Sync before it are done with. False where no CopyDone was sent.
 */
export function completeCopyIn(state: SessionState): boolean {
  const { queue } = state;
  const syncs = syncsBehindHead(state, 1);
  const end = 1 + syncs;
  if (end >= queue.size || queue.at(end).kind !== tokenKind.copyEnd) return false;
  takeCounts(state, end);
  queue.dropBehindHead(end);
  return true;
}

/**
 * The COPY of a Query failed: a Sync behind it may or may not be answered, after the Query's own
 * ReadyForQuery.
 */
export function failQueryCopyIn(state: SessionState): void {
  const syncs = syncsBehindHead(state, 1);
  takeCounts(state, 1 + syncs);
  state.slack = syncs;
}

/**
 * The COPY of an Execute failed; the head is still in the queue. What follows: `skip`: the usual skip window;
 * `settle`: the Syncs behind it are answered, all or some; `ambiguous`: a message follows of which nobody can
 * say whether it was swallowed.
 */
export function failExecuteCopyIn(state: SessionState, sqlstate: string): 'skip' | 'settle' | 'ambiguous' {
  const { queue } = state;
  const optional = syncsBehindHead(state, 1);
  let place = 1 + optional;
  takeCounts(state, place);
  if (optional === 0) return 'skip';
  let certain = 0;
  while (place < queue.size) {
    const { kind } = queue.at(place);
    if (kind === tokenKind.sync) certain += 1;
    else if (kind !== tokenKind.copyEnd) break;
    place += 1;
  }
  // The server read a message that has no place in a COPY; a FATAL error follows this one.
  const broken = sqlstate === '08P01';
  if (place < queue.size && certain === 0 && !broken) return 'ambiguous';
  state.slack = optional;
  state.skip = certain === 0 && place >= queue.size ? skipping.maybe : skipping.no;
  return 'settle';
}

/**
 * The Syncs at the head with their leading run's end, when something stands behind them; else -1.
 * @param isViolation the reply is an error 08P01, which a Sync with a body has when it is read, not when it is swallowed
 */
export function settledRun(state: SessionState, isViolation: boolean): number {
  const { queue } = state;
  let syncs = 0;
  for (let place = 0; place < queue.size; place += 1) {
    const { kind, malformed } = queue.at(place);
    if (malformed && isViolation) return isLastMalformed(state, place) && syncs <= state.slack ? place : -1;
    if (kind === tokenKind.sync) syncs += 1;
    else if (kind !== tokenKind.copyEnd) return syncs <= state.slack ? place : -1;
  }
  return -1;
}

/** With another one behind it nobody can say which of them the error is of. */
function isLastMalformed({ queue }: SessionState, from: number): boolean {
  for (let place = from + 1; place < queue.size; place += 1) if (queue.at(place).malformed) return false;
  return true;
}
