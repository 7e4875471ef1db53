/** What a check of the log reads, and how it takes what it read before: shapes only. A store of the archive fits. */
import { checkpointPath, parseCheckpointPath } from '@pgtape/tlog';

export interface LogObject {
  readonly key: string;
  readonly bytes: number;
}

export interface LogObjectVersion {
  readonly key: string;
  readonly version: string;
  /** By the store's clock, ms since 1970. */
  readonly at: number;
  readonly kind: 'object' | 'delete_marker';
}

export interface LogObjectProtection {
  readonly retainUntil: number | null;
}

/** The archive, read only. Rejections pass through the check, but for an object that is not there. */
export interface LogReads {
  /** First version of the object; rejects with the code STORE_NOT_FOUND where there is none. */
  get(key: string): Promise<Uint8Array>;
  /** Of the one object that changes. */
  getLatest(key: string): Promise<Uint8Array | null>;
  list(prefix: string): AsyncIterable<LogObject>;
  /** All versions, keys in byte order, per key oldest first. */
  listVersions(prefix: string): AsyncIterable<LogObjectVersion>;
  protectionOf(key: string, version: string): Promise<LogObjectProtection>;
  readonly capabilities: { readonly retention: boolean; readonly versions: boolean };
}

/** The log as it stood before the archive was listed: what is logged by then must be in the listing. */
export interface LogHead {
  /** `log/checkpoint`; null: there is none. */
  readonly current: Uint8Array | null;
  /** Sizes of `log/checkpoints/<size>`, rising. */
  readonly sizes: readonly number[];
}

export const logPaths = {
  checkpoint: 'log/checkpoint',
  checkpoints: 'log/checkpoints/',
  vkey: 'log/vkey',
  prefix: 'log/',
} as const;

/** Key of the copy of a checkpoint. */
export function checkpointKeyOf(size: number): string {
  return `${logPaths.prefix}${checkpointPath(size)}`;
}

/** Of a key below `log/`: null where it is not one that `checkpointKeyOf` writes. */
export function checkpointSizeOf(key: string): number | null {
  return parseCheckpointPath(key.slice(logPaths.prefix.length));
}

/** Reads where the log stands; to be called before the archive's objects are listed. */
export async function readLogHead(reads: Pick<LogReads, 'list' | 'getLatest'>): Promise<LogHead> {
  const sizes: number[] = [];
  // The copies first: each was there before it was published, so none of them is newer than what is published by the
  // time that is read, but for one in the making.
  for await (const { key } of reads.list(logPaths.checkpoints)) {
    const size = checkpointSizeOf(key);
    if (size !== null) sizes.push(size);
  }
  sizes.sort((a, b) => a - b);
  return { current: await reads.getLatest(logPaths.checkpoint), sizes };
}

/** What the archive's own check found in one object: given to the log's check, so that no object is read twice. */
export interface ObjectFacts {
  readonly key: string;
  /** Of the object as stored. */
  readonly sha256: string;
  /** null: it is no sound segment. */
  readonly seal: {
    /** SHA-256 of the seal line. */
    readonly digest: string;
    readonly root: string;
    readonly firstSeq: number;
    readonly lastSeq: number;
    readonly count: number;
    /** Public key that signed it, and the reel's recovery key. */
    readonly key: string;
    readonly recoveryKey: string;
  } | null;
}
