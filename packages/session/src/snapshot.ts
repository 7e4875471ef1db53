/**
 * A session's state as plain JSON, so that decoding can go on in another process. Versioned; holds no
 * unredacted text.
 */

import type { HeldStatement } from './heldStatement.ts';
import type { SessionLimits } from './limits.ts';
import { Names, type NamesState } from './names.ts';
import type { PendingNotices } from './notices.ts';
import { Opening, type OpeningState, type SessionIdentity } from './opening.ts';
import { Progress, type ProgressState } from './progress.ts';
import { type HeardNotification, SessionState } from './sessionState.ts';
import { Settings, type SettingsState } from './settings.ts';
import type { SessionSink, TapeState } from './tape.ts';
import { TokenQueue, type TokenState } from './tokenQueue.ts';
import { type FateState, TransactionFate } from './transactionFate.ts';
import { type Head, headNumber, heads } from './transitions.ts';

export interface SessionSnapshot {
  readonly v: 2;
  readonly identity: SessionIdentity;
  readonly tape: TapeState;
  readonly opening: OpeningState;
  readonly queue: { readonly order: number; readonly tokens: TokenState[] };
  readonly head: Head;
  readonly names: NamesState;
  readonly meant: NamesState | null;
  readonly fate: FateState;
  readonly progress: ProgressState;
  readonly held: HeldStatement | null;
  readonly skip: number;
  readonly slack: number;
  readonly fresh: 'I' | 'T' | 'E' | null;
  readonly batched: number;
  readonly flushed: number;
  readonly sent: [number, number];
  readonly settings: SettingsState;
  readonly looked: number;
  readonly notices: PendingNotices | null;
  readonly notifications: readonly HeardNotification[];
  readonly decoding: boolean;
  readonly closed: boolean;
}

export function takeSnapshot(state: SessionState): SessionSnapshot {
  const { skip, slack, fresh, batched, flushed, decoding, closed } = state;
  return {
    v: 2,
    identity: state.identity,
    tape: state.tape.state(),
    opening: state.opening.state(),
    queue: state.queue.state(),
    head: heads[state.head] ?? 'dead',
    names: state.names.state(),
    meant: state.meant?.state() ?? null,
    fate: state.fate.state(),
    progress: state.progress.state(),
    held: state.held === null ? null : { ...state.held, draft: { ...state.held.draft } },
    ...{ skip, slack, fresh, batched, flushed },
    sent: [state.sentFrames, state.sentBytes],
    settings: state.settings.state(),
    looked: state.looked,
    notices: state.notices === null ? null : { first: [...state.notices.first], more: state.notices.more },
    notifications: [...state.notifications],
    ...{ decoding, closed },
  };
}

export function fromSnapshot(
  snapshot: SessionSnapshot,
  limits: SessionLimits,
  sink: SessionSink,
): SessionState {
  const opening = Opening.of(snapshot.opening);
  const state = new SessionState(snapshot.identity, limits, sink, opening.openedAt);
  state.tape.restore(snapshot.tape);
  state.opening = opening;
  state.queue = TokenQueue.of(snapshot.queue);
  state.head = headNumber[snapshot.head];
  state.names = Names.of(snapshot.names, null, limits.statementsMax);
  state.meant = snapshot.meant === null ? null : Names.of(snapshot.meant, state.names, limits.statementsMax);
  state.fate = TransactionFate.of(snapshot.fate);
  state.progress = Progress.of(snapshot.progress);
  state.held = snapshot.held === null ? null : { ...snapshot.held, draft: { ...snapshot.held.draft } };
  state.skip = snapshot.skip;
  state.slack = snapshot.slack;
  state.fresh = snapshot.fresh;
  state.batched = snapshot.batched;
  state.flushed = snapshot.flushed;
  [state.sentFrames, state.sentBytes] = snapshot.sent;
  state.settings = Settings.of(snapshot.settings);
  state.looked = snapshot.looked;
  state.notices =
    snapshot.notices === null ? null : { first: [...snapshot.notices.first], more: snapshot.notices.more };
  state.notifications = [...snapshot.notifications];
  state.decoding = snapshot.decoding;
  state.closed = snapshot.closed;
  return state;
}
