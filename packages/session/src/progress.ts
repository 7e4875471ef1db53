/** How far the execution at the queue's head has come. Counts; knows no message. */

import { type WalState, WalStream } from './walStream.ts';

export interface ProgressState {
  readonly part: number;
  readonly firstNs: number;
  readonly rows: number;
  readonly bytes: number;
  readonly direction: CopyDirection | null;
  readonly copyMessages: number;
  readonly copyBytes: number;
  readonly announced: boolean;
  readonly tag: string | null;
  readonly wal: WalState | null;
}

export type CopyDirection = 'in' | 'out' | 'both';

export class Progress {
  /** Statements of the Query at the head that have their outcome. */
  part = 0;
  /** Monotonic time of its first own reply, -1 before. */
  firstNs = -1;
  rows = 0;
  bytes = 0;
  direction: CopyDirection | null = null;
  copyMessages = 0;
  copyBytes = 0;
  /** A `running` record told of it. */
  announced = false;
  /** The last tag of a walsender command. */
  tag: string | null = null;
  /** Of a walsender command that streams. */
  wal: WalStream | null = null;

  /** The next statement begins: everything but `part` is its own. */
  next(): void {
    this.firstNs = -1;
    this.rows = 0;
    this.bytes = 0;
    this.direction = null;
    this.copyMessages = 0;
    this.copyBytes = 0;
    this.announced = false;
    this.tag = null;
    this.wal = null;
  }

  state(): ProgressState {
    return { ...this, wal: this.wal === null ? null : this.wal.state() };
  }

  static of(state: ProgressState): Progress {
    return Object.assign(new Progress(), state, { wal: state.wal === null ? null : WalStream.of(state.wal) });
  }
}
