/**
 * Everything one session remembers between messages. Holds it; what it means is in the files that change it.
 */
import type { Instant, TxStatus } from '@pgtape/evidence';
import { builtInType, type TypeLookup } from '@pgtape/wire';
import type { HeldStatement } from './heldStatement.ts';
import type { SessionLimits } from './limits.ts';
import { Names } from './names.ts';
import type { PendingNotices } from './notices.ts';
import { Opening, type SessionIdentity } from './opening.ts';
import { Progress } from './progress.ts';
import { Settings } from './settings.ts';
import type { SqlText } from './sqlText.ts';
import { type SessionSink, Tape } from './tape.ts';
import { TokenQueue } from './tokenQueue.ts';
import { TransactionFate } from './transactionFate.ts';
import { headNumber } from './transitions.ts';

/** A notification that has no record yet. */
export interface HeardNotification {
  readonly channel: string;
  readonly pid: number;
  readonly payload: string;
  readonly payload_len: number;
  readonly at: Instant;
}

/**
 * How the messages that arrive are treated: run, swallowed until Sync, or one of both, which only Sync can
 * tell.
 */
export const skipping = { no: 0, yes: 1, maybe: 2 } as const;

export class SessionState {
  readonly identity: SessionIdentity;
  readonly limits: SessionLimits;
  readonly tape: Tape;
  /** Types of the session's database. */
  readonly typeOf: TypeLookup;
  opening: Opening;
  queue = new TokenQueue();
  /** Number of the table's row that the next backend message is looked up in. */
  head: number = headNumber.startup;
  names: Names;
  /** Names as the client meant them in messages the server never ran; null outside of a skip window. */
  meant: Names | null = null;
  fate = new TransactionFate();
  progress = new Progress();
  held: HeldStatement | null = null;
  skip: number = skipping.no;
  /** Syncs at the queue's head that the server may have swallowed in copy mode. */
  slack = 0;
  /** What ReadyForQuery said, until a statement takes it as its `tx_before`. */
  fresh: TxStatus | null = null;
  /** Executes in the batch since the last Sync, Flush or Query. */
  batched = 0;
  /** Order of the last token a Flush stood behind. */
  flushed = 0;
  /** CopyData frames of the client since the last message that was none, and their bytes. */
  sentFrames = 0;
  sentBytes = 0;
  settings = new Settings();
  /** Order of the last message that was looked at for what it may set. */
  looked = 0;
  /** Of the statement being answered; null: none came. */
  notices: PendingNotices | null = null;
  /** Behind the held statement. */
  notifications: HeardNotification[] = [];
  /**
   * Statements of the Query at the head; null until one of them ends. Not part of a snapshot: it is made
   * again.
   */
  parts: SqlText[] | null = null;
  decoding = true;
  closed = false;

  constructor(identity: SessionIdentity, limits: SessionLimits, sink: SessionSink, openedAt: Instant) {
    this.identity = identity;
    this.limits = limits;
    this.tape = new Tape(identity.session, limits, sink);
    // Most types are built in: nothing more is looked at for those.
    this.typeOf = (oid) => builtInType(oid) ?? sink.typeOf?.(this.opening.database, oid);
    this.opening = new Opening(openedAt);
    this.names = new Names(null, limits.statementsMax);
  }
}
