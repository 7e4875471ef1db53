/**
 * The last finished statement, held until it is known whether ReadyForQuery follows it directly; then its
 * fate, or its place in a transaction, is told. Knows no messages.
 */
import type { DraftOf, Instant, TxStatus } from '@pgtape/evidence';
import type { TransactionVerb } from '@pgtape/sql';
import { tellNotifications } from './notices.ts';
import type { SessionState } from './sessionState.ts';
import type { Effect } from './tags.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type StatementDraft = Mutable<DraftOf<'statement'>>;

export interface HeldStatement {
  readonly draft: StatementDraft;
  readonly effect: Effect;
  /** Set where the tag or a failure makes it matter. */
  readonly verb: TransactionVerb | null;
  /** It may have committed parts of itself. */
  readonly internal: boolean;
  /** The tag could not be read: what it did to the transaction is not known. */
  readonly unsure: boolean;
  readonly startUs: number;
  readonly startNs: number;
}

/**
 * Puts the held statement out.
 * @param after what ReadyForQuery says, null when something else came first
 */
export function release(state: SessionState, after: TxStatus | null, at: Instant): void {
  const held = state.held;
  if (held === null) return;
  state.held = null;
  const { draft } = held;
  const { fate, tape } = state;
  draft.tx_after = after;
  if (draft.tx_before === 'I' && after === 'I' && fate.empty) {
    draft.fate = ownFate(held);
    tape.statement(draft, held.startUs, held.startNs);
    if (isPreparedEnd(held)) tellPrepared(state, held, at);
  } else {
    tape.statement(draft, held.startUs, held.startNs);
    decide(state, held, after, at);
  }
  if (state.notifications.length > 0) tellNotifications(state);
  if (after === null) tape.endFullStretch(at);
}

/** The fate of a statement that was its own transaction. */
function ownFate(held: HeldStatement): 'committed' | 'rolled_back' | 'unknown' {
  switch (held.draft.outcome) {
    case 'completed':
    case 'empty':
    case 'suspended':
      return held.effect === 'rollback' ? 'rolled_back' : 'committed';
    case 'lost':
      return 'unknown';
    default:
      return held.internal ? 'unknown' : 'rolled_back';
  }
}

function decide(state: SessionState, held: HeldStatement, after: TxStatus | null, at: Instant): void {
  const { fate, tape } = state;
  const { n, outcome } = held.draft;
  fate.add(n);
  if (held.unsure) fate.markUnsure();
  if (held.internal) fate.markInternal();
  if (outcome === 'failed' || outcome === 'cancelled') {
    fate.fail(raisedByCommit(held) ? (held.draft.error ?? null) : null);
    return;
  }
  if (outcome !== 'completed') return;
  for (const decision of fate.completed(held.effect, held.verb, n, after)) tape.transaction(decision, at);
  if (isPreparedEnd(held)) tellPrepared(state, held, at);
}

/** A COMMIT that ran and failed; one that could not be parsed or bound never came to commit. */
function raisedByCommit({ verb, draft }: HeldStatement): boolean {
  return commits(verb) && (draft.stage === 'query' || draft.stage === 'execute');
}

/** True for a statement whose success ends a transaction for good or for later. */
export function commits(verb: TransactionVerb | null): boolean {
  return verb?.verb === 'commit' || verb?.verb === 'prepare_transaction';
}

function isPreparedEnd(held: HeldStatement): boolean {
  return held.effect === 'commit_prepared' || held.effect === 'rollback_prepared';
}

/** COMMIT PREPARED and ROLLBACK PREPARED decide what another session, or an earlier one, did. */
function tellPrepared(state: SessionState, held: HeldStatement, at: Instant): void {
  const gid = held.verb?.gid;
  state.tape.transaction(
    {
      outcome: held.effect === 'commit_prepared' ? 'committed' : 'rolled_back',
      implicit: false,
      ranges: [],
      ...(gid !== undefined && { gid }),
    },
    at,
  );
}
