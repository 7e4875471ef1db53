/**
 * What streams in a replication connection: WAL positions from the heads of CopyData, and bytes each way. Knows no record.
 * Source: PostgreSQL documentation, "Streaming Replication Protocol": XLogData, keepalive, standby status update.
 */
import type { Replication } from '@pgtape/evidence';
import { type ReplicationCommand, replicationCommand } from '@pgtape/sql';

/** High and low half of a position. */
type Position = readonly [number, number];

export interface WalState {
  readonly first: Position | null;
  readonly last: Position | null;
  readonly lastBytes: number;
  readonly isWal: boolean;
  readonly flushed: Position | null;
  readonly isBoth: boolean;
  readonly fromServer: number;
  readonly fromClient: number;
}

const letter = { w: 0x77, r: 0x72 } as const;
/** Of XLogData: type, start, end, clock. */
const dataAt = 25;

export class WalStream {
  #first: Position | null = null;
  #last: Position | null = null;
  /** Bytes of WAL in the last message. */
  #lastBytes = 0;
  /** The last message was one of WAL: what is counted behind its head is its. */
  #isWal = false;
  #flushed: Position | null = null;
  #fromServer = 0;
  #fromClient = 0;
  /** A stream of WAL; a base backup is not. */
  readonly #isBoth: boolean;

  constructor(isBoth: boolean) {
    this.#isBoth = isBoth;
  }

  /** CopyData of the server; a `body` without bytes is more of the last message. */
  sent(body: Uint8Array, bytes: number): void {
    this.#fromServer += bytes;
    if (body.length === 0) {
      if (this.#isWal) this.#lastBytes += bytes;
      return;
    }
    this.#isWal = false;
    if (!this.#isBoth || body[0] !== letter.w || body.length < dataAt) return;
    const start = positionIn(body, 1);
    // A logical message of no place in the WAL says zero.
    if (start[0] === 0 && start[1] === 0) return;
    this.#first ??= start;
    this.#last = start;
    this.#lastBytes = bytes - dataAt;
    this.#isWal = true;
  }

  /** CopyData of the client. */
  answered(body: Uint8Array, bytes: number): void {
    this.#fromClient += bytes;
    if (body[0] === letter.r && body.length >= 17) this.#flushed = positionIn(body, 9);
  }

  /** What a record says of it; null where the text is no walsender command. */
  record(sql: string | null): Replication | null {
    const command: ReplicationCommand | null = sql === null ? null : replicationCommand(sql);
    if (command === null) return null;
    const isPhysical = command.kind !== 'logical';
    return {
      ...command,
      ...(this.#first !== null && { first: lsn(this.#first, 0) }),
      ...(this.#last !== null && { last: lsn(this.#last, isPhysical ? this.#lastBytes : 0) }),
      ...(this.#flushed !== null && { flushed: lsn(this.#flushed, 0) }),
      bytes_from_server: this.#fromServer,
      bytes_from_client: this.#fromClient,
    };
  }

  state(): WalState {
    return {
      first: this.#first,
      last: this.#last,
      lastBytes: this.#lastBytes,
      isWal: this.#isWal,
      flushed: this.#flushed,
      isBoth: this.#isBoth,
      fromServer: this.#fromServer,
      fromClient: this.#fromClient,
    };
  }

  static of(state: WalState): WalStream {
    const wal = new WalStream(state.isBoth);
    wal.#first = state.first;
    wal.#last = state.last;
    wal.#lastBytes = state.lastBytes;
    wal.#isWal = state.isWal;
    wal.#flushed = state.flushed;
    wal.#fromServer = state.fromServer;
    wal.#fromClient = state.fromClient;
    return wal;
  }
}

function positionIn(body: Uint8Array, at: number): Position {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return [view.getUint32(at), view.getUint32(at + 4)];
}

/** As PostgreSQL prints a position, so many bytes further. */
function lsn([high, low]: Position, bytes: number): string {
  const sum = (BigInt(high) << 32n) + BigInt(low) + BigInt(bytes);
  return `${(sum >> 32n).toString(16).toUpperCase()}/${(sum & 0xffffffffn).toString(16).toUpperCase()}`;
}
