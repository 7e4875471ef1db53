/**
 * What became of statements, told over ranges of the session's ordinals: collects those not yet decided and
 * decides them at COMMIT, ROLLBACK, ROLLBACK TO and at ReadyForQuery. Knows tags and verbs, no messages.
 */
import type { DraftOf, ServerError, TxStatus } from '@pgtape/evidence';
import type { TransactionVerb } from '@pgtape/sql';
import { rangesMax, savepointsMax } from './limits.ts';
import type { Effect } from './tags.ts';

export type Outcome = DraftOf<'transaction'>['outcome'];

/** What a `transaction` record says. */
export interface Decision {
  readonly outcome: Outcome;
  readonly implicit: boolean;
  readonly ranges: [number, number][];
  readonly savepoint?: string;
  readonly gid?: string;
  readonly error?: ServerError;
}

export interface FateState {
  readonly ranges: [number, number][];
  readonly savepoints: [string, number][];
  readonly explicit: boolean;
  readonly failed: boolean;
  readonly internal: boolean;
  /** Absent in what earlier versions wrote. */
  readonly internalBefore?: number | null;
  readonly unsure: boolean;
  readonly apart: boolean;
  readonly carried: boolean;
  readonly commitError: ServerError | null;
}

const nothing: readonly Decision[] = [];

export class TransactionFate {
  /** Undecided ordinals, both ends included, ascending. */
  #ranges: [number, number][] = [];
  /** Name and ordinal of each open savepoint; names may repeat. */
  #savepoints: [string, number][] = [];
  /** BEGIN was seen, or AND CHAIN. */
  #explicit = false;
  #failed = false;
  /** Something in it may have committed on its own. */
  #internal = false;
  /** Such a thing came before BEGIN, whose ordinal this is: only a procedure that no block is around can commit. */
  #internalBefore: number | null = null;
  /** A statement of it was not understood. */
  #unsure = false;
  /** The last range must not grow: what follows it was decided. */
  #apart = false;
  /**
   * An implicit block that ReadyForQuery left open (a Query behind un-synced Executes, PostgreSQL 18). The
   * Sync after it answers idle, yet 18.4 was seen to roll all of it back at the next command: only a tag
   * decides it.
   */
  #carried = false;
  #commitError: ServerError | null = null;

  get empty(): boolean {
    return this.#ranges.length === 0;
  }

  get explicit(): boolean {
    return this.#explicit;
  }

  /** A statement whose fate the transaction's end will tell. */
  add(n: number): void {
    const last = this.#ranges[this.#ranges.length - 1];
    if (last !== undefined && !this.#apart) {
      last[1] = n;
      return;
    }
    if (this.#ranges.length >= rangesMax && last !== undefined) {
      this.#unsure = true;
      last[1] = n;
      return;
    }
    this.#ranges.push([n, n]);
    this.#apart = false;
  }

  /** A statement failed; `error` when it was the commit itself, or is no statement's own. */
  fail(error: ServerError | null): void {
    this.#failed = true;
    this.#commitError ??= error;
  }

  markInternal(): void {
    this.#internal = true;
  }

  markUnsure(): void {
    this.#unsure = true;
  }

  /** A statement, `n`, completed with a tag that has an effect; what it decides, if anything. */
  completed(
    effect: Effect,
    verb: TransactionVerb | null,
    n: number,
    after: TxStatus | null,
  ): readonly Decision[] {
    switch (effect) {
      case 'begin':
        if (this.#internal && !this.#explicit) this.#internalBefore = n;
        this.#explicit = true;
        return nothing;
      case 'commit':
        return this.#end(this.#unsure ? 'unknown' : 'committed', verb?.chain === true);
      case 'rollback':
        return this.#rollback(verb, n, after);
      case 'prepare_transaction':
        return this.#prepared(verb);
      case 'savepoint':
        this.#savepoint(verb, n);
        return nothing;
      case 'release':
        this.#release(verb);
        return nothing;
      default:
        return nothing;
    }
  }

  /** ReadyForQuery. Only an idle status decides; a block that ended without a tag failed at its commit. */
  ready(status: TxStatus): readonly Decision[] {
    if (status !== 'I') {
      if (!this.empty && !this.#explicit) this.#carried = true;
      return nothing;
    }
    if (this.empty && this.#commitError === null) {
      this.#reset(false);
      return nothing;
    }
    let outcome: Outcome = this.#explicit || this.#carried ? 'unknown' : 'committed';
    if (this.#failed) outcome = 'rolled_back';
    if (this.#unsure) outcome = 'unknown';
    return this.#end(outcome, false);
  }

  /** The session ended; `committing` when something that commits was on its way. */
  ended(committing: boolean): readonly Decision[] {
    if (this.empty && this.#commitError === null) return nothing;
    return this.#end(committing || this.#unsure || this.#internal ? 'unknown' : 'rolled_back', false);
  }

  #end(outcome: Outcome, chain: boolean, gid?: string): readonly Decision[] {
    const isUndone = outcome === 'rolled_back' || outcome === 'prepared';
    if (isUndone && this.#internal && !this.#explicit) return this.#end('unknown', chain, gid);
    const before = isUndone ? this.#takeInternal() : nothing;
    const decision = this.#told({ outcome, implicit: !this.#explicit, ranges: this.#ranges });
    this.#reset(chain);
    return [...before, gid === undefined ? decision : { ...decision, gid }];
  }

  /**
   * What a procedure before BEGIN committed is not undone with the block, and not prepared; how much of it and of what stood
   * before it that was, nobody saw.
   */
  #takeInternal(): readonly Decision[] {
    const begin = this.#internalBefore;
    if (begin === null) return nothing;
    const before = this.#ranges.filter(([first]) => first < begin);
    const since = this.#ranges.filter(([, last]) => last >= begin);
    this.#ranges = since.map(([first, last]) => [Math.max(first, begin), last]);
    const ranges = before.map(([first, last]): [number, number] => [first, Math.min(last, begin - 1)]);
    return [{ outcome: 'unknown', implicit: true, ranges }];
  }

  /** With the error that waits to be told. */
  #told(decision: Decision): Decision {
    const error = this.#commitError;
    this.#commitError = null;
    return error === null ? decision : { ...decision, error };
  }

  #reset(explicit: boolean): void {
    if (this.#ranges.length > 0) this.#ranges = [];
    if (this.#savepoints.length > 0) this.#savepoints = [];
    this.#explicit = explicit;
    this.#failed = false;
    this.#internal = false;
    this.#internalBefore = null;
    this.#unsure = false;
    this.#apart = false;
    this.#carried = false;
  }

  #prepared(verb: TransactionVerb | null): readonly Decision[] {
    return this.#end(this.#unsure ? 'unknown' : 'prepared', false, verb?.gid);
  }

  /** The tag ROLLBACK ends the block, whatever was asked for, unless the text is ROLLBACK TO. */
  #rollback(verb: TransactionVerb | null, n: number, after: TxStatus | null): readonly Decision[] {
    if (verb?.verb === 'rollback_to') return this.#rollbackTo(verb.name ?? '', n);
    // PREPARE TRANSACTION where no block is open is answered ROLLBACK too, with a warning: nothing is prepared, and the
    // statements before it in the same pipeline are committed (seen on 15, behind a CALL).
    if (verb?.verb === 'prepare_transaction' && !this.#explicit && !this.#failed)
      return this.#end(this.#unsure ? 'unknown' : 'committed', false);
    if (verb !== null || after === 'I') return this.#end('rolled_back', verb?.chain === true);
    this.#unsure = true;
    return nothing;
  }

  #rollbackTo(name: string, n: number): readonly Decision[] {
    const place = this.#savepoints.findLastIndex((savepoint) => savepoint[0] === name);
    const since = this.#savepoints[place]?.[1];
    if (since === undefined) {
      this.#unsure = true;
      return nothing;
    }
    this.#savepoints.length = place + 1;
    const undone: [number, number][] = [];
    while (this.#ranges.length > 0) {
      const range = this.#ranges[this.#ranges.length - 1]!;
      if (range[1] <= since) break;
      this.#ranges.pop();
      const from = Math.max(range[0], since + 1);
      // The ROLLBACK TO itself stays in the transaction.
      if (from <= n - 1) undone.unshift([from, Math.min(range[1], n - 1)]);
      if (range[0] <= since) {
        this.#ranges.push([range[0], since]);
        break;
      }
    }
    this.#apart = true;
    this.add(n);
    return undone.length === 0
      ? nothing
      : [this.#told({ outcome: 'rolled_back', implicit: !this.#explicit, ranges: undone, savepoint: name })];
  }

  #savepoint(verb: TransactionVerb | null, n: number): void {
    if (verb?.verb !== 'savepoint' || verb.name === undefined) return;
    this.#savepoints.push([verb.name, n]);
    if (this.#savepoints.length > savepointsMax) this.#savepoints.shift();
  }

  #release(verb: TransactionVerb | null): void {
    const place = this.#savepoints.findLastIndex((savepoint) => savepoint[0] === verb?.name);
    if (place >= 0) this.#savepoints.length = place;
  }

  state(): FateState {
    return {
      ranges: this.#ranges.map(([first, last]) => [first, last]),
      savepoints: this.#savepoints.map(([name, n]) => [name, n]),
      explicit: this.#explicit,
      failed: this.#failed,
      internal: this.#internal,
      internalBefore: this.#internalBefore,
      unsure: this.#unsure,
      apart: this.#apart,
      carried: this.#carried,
      commitError: this.#commitError,
    };
  }

  static of(state: FateState): TransactionFate {
    const fate = new TransactionFate();
    fate.#ranges = state.ranges.map(([first, last]): [number, number] => [first, last]);
    fate.#savepoints = state.savepoints.map(([name, n]): [string, number] => [name, n]);
    fate.#explicit = state.explicit;
    fate.#failed = state.failed;
    fate.#internal = state.internal;
    fate.#internalBefore = state.internalBefore ?? null;
    fate.#unsure = state.unsure;
    fate.#apart = state.apart;
    fate.#carried = state.carried;
    fate.#commitError = state.commitError;
    return fate;
  }
}
