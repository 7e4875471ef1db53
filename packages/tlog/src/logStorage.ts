/** Owns what a log's writer needs of the place where the log lies and of who signs; both are passed in. */
import type { NoteSignature } from './note.ts';
import type { VerifierKey } from './vkey.ts';

/** `short`: partial tiles and bundles, which a full one replaces; `long`: everything else. */
export type LogRetention = 'short' | 'long';

/**
 * Objects below the log's prefix. An object is whole or absent, never torn; rejected means unknown, and the
 * same call may be made again.
 */
export interface LogStorage {
  /** Durable with either answer; never overwrites. */
  putOnce(path: string, bytes: Uint8Array, retention: LogRetention): Promise<'stored' | 'exists'>;
  /** Null when there is none. */
  get(path: string): Promise<Uint8Array | null>;
  /** Paths that start with `prefix`, in byte order. */
  list(prefix: string): AsyncIterable<string>;
  /** What `swapCheckpoint` wrote last. */
  latestCheckpoint(): Promise<Uint8Array | null>;
  /**
   * Puts `bytes` in the place of `expected`, null: of nothing. True: durable. False: another one is there, and
   * nothing was written.
   */
  swapCheckpoint(bytes: Uint8Array, expected: Uint8Array | null): Promise<boolean>;
}

/** Signs checkpoints; a file's key, or one that a key management service keeps. */
export interface LogSigner {
  /** An Ed25519 key whose name is the log's origin. */
  readonly vkey: VerifierKey;
  /** 64 bytes over exactly these. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** A checkpoint that is durable and signed, for witnesses. */
export interface UnwitnessedCheckpoint {
  readonly size: number;
  /** The note's text. */
  readonly body: string;
  /** The note with the log's own signatures. */
  readonly bytes: Uint8Array;
  /** PROOF from a tree of `older` leaves to this one. */
  readonly consistencyFrom: (older: number) => Promise<Uint8Array[]>;
}

/** Cosignatures that were verified; resolves within its own time limit and never rejects. */
export type Cosign = (checkpoint: UnwitnessedCheckpoint) => Promise<readonly NoteSignature[]>;

/** Of a checkpoint that was published, or was signed to be. */
export function checkpointPath(size: number): string {
  return `checkpoints/${String(size).padStart(checkpointDigits, '0')}`;
}

const checkpointDigits = 12;
const shape = /^checkpoints\/(\d{12,16})$/;

/** Null for any path that `checkpointPath` would not write. */
export function parseCheckpointPath(path: string): number | null {
  const match = shape.exec(path);
  if (match === null) return null;
  const size = Number(match[1]);
  return Number.isSafeInteger(size) && checkpointPath(size) === path ? size : null;
}
