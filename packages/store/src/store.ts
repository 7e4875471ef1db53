/** Owns what an object store promises and which keys it takes; it refuses to know what objects mean. */
import { StoreError } from './storeError.ts';

/** An object is its first version: what was stored once. Whatever came later under its key is tampering. */
export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** The store's own name of the first version; '' where it has no versions. */
  readonly version: string;
}

/** One entry of a key's history. */
export interface StoredVersion {
  readonly key: string;
  /** '' where the store has no versions. */
  readonly version: string;
  /** 0 of a delete marker. */
  readonly bytes: number;
  /** When it came, by the store's clock: ms since 1970. */
  readonly at: number;
  /** `delete_marker`: someone deleted the key without naming a version; the versions before it are still there. */
  readonly kind: 'object' | 'delete_marker';
  /** What a reader who names no version gets. */
  readonly isLatest: boolean;
}

/**
 * How retention holds: `strict` nobody can delete or shorten it, the owner of the account included;
 * `bypassable` those with a special right can; `none` anyone who may delete can.
 */
export type Lock = 'strict' | 'bypassable' | 'none';

/** What protects one version now. */
export interface Protection {
  readonly lock: Lock;
  /** ms since 1970; null: no retention was ever set. */
  readonly retainUntil: number | null;
  readonly hold: boolean;
}

/**
 * What a store can enforce by itself. The file store enforces nothing: there an archive is tamper-evident
 * only.
 */
export interface StoreCapabilities {
  readonly retention: boolean;
  readonly hold: boolean;
  /** False: a key that is overwritten or deleted leaves no trace in the store. */
  readonly versions: boolean;
  /** What `retainUntil` gives. What the store says of itself, not what was tried. */
  readonly lock: Lock;
  /** True: `swap` holds against writers in other processes too. */
  readonly compareAndSwap: boolean;
}

/** A store without the capability takes the object without it: look at `capabilities` first. */
export interface PutOptions {
  /** ms since 1970, under the store's lock; stores round up to their own step, a second at most. */
  readonly retainUntil?: number;
  readonly hold?: boolean;
}

export interface PutAnswer {
  /** `exists` says nothing about whether the bytes, the retention or the hold are the same. */
  readonly answer: 'stored' | 'exists';
  /** Of the key's first version; '' where the store has no versions. */
  readonly version: string;
}

/** Where objects lie. Every method rejects with StoreError. */
export interface Store {
  /**
   * Durable when it resolves, with either answer: the object and every name on the way to it survive a power
   * cut. Never overwrites, also where the object was hidden by a delete marker. Rejected means unknown: the
   * object is absent or whole, never torn, and the same call may be made again.
   */
  putOnce(key: string, bytes: Uint8Array, options?: PutOptions): Promise<PutAnswer>;
  /** The whole object: its first version, or the one named. STORE_NOT_FOUND when there is none. */
  get(key: string, version?: string): Promise<Uint8Array>;
  has(key: string): Promise<boolean>;
  /** First version of every key that starts with `prefix`, in byte order of the keys. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Everything that lies under `prefix`: keys in byte order, per key oldest first. */
  listVersions(prefix: string): AsyncIterable<StoredVersion>;
  /** STORE_NOT_FOUND when there is no such version. */
  protectionOf(key: string, version: string): Promise<Protection>;
  /**
   * Extends to `until`, ms since 1970; never shortens, and does nothing where it holds that long already.
   * STORE_UNSUPPORTED where `capabilities.retention` is false.
   */
  extendRetention(key: string, version: string, until: number): Promise<void>;
  /** STORE_UNSUPPORTED where `capabilities.hold` is false. */
  setHold(key: string, version: string, on: boolean): Promise<void>;
  /**
   * Puts `bytes` in the place of `expected`, null: of nothing. For the one kind of object that changes, the
   * log's checkpoint; its keys are never used with putOnce. True: durable, and the latest; also when `bytes`
   * were there already, so that a call whose answer was lost may be made again, and so that swapping what
   * `getLatest` found with itself makes a dead process's work durable. False: something else is
   * there, and nothing was written. Rejected means unknown: either the old bytes or the new ones are there,
   * whole.
   */
  swap(key: string, bytes: Uint8Array, expected: Uint8Array | null): Promise<boolean>;
  /** What `swap` wrote last; null: nothing. */
  getLatest(key: string): Promise<Uint8Array | null>;
  readonly capabilities: StoreCapabilities;
}

/** What reading takes of a store; nothing of it changes anything. */
export type ReadStore = Omit<Store, 'putOnce' | 'extendRetention' | 'setHold' | 'swap'>;

/** S3's own bound for a key. */
export const KEY_BYTES_MAX = 1024;
/** The bound of one name on ext4, xfs and most others. */
export const NAME_BYTES_MAX = 255;

const key = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const prefix = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*(?:[A-Za-z0-9_-][A-Za-z0-9._-]*)?$/;

function assertShape(text: string, shape: RegExp, what: string): void {
  const fits =
    text.length <= KEY_BYTES_MAX &&
    shape.test(text) &&
    text.split('/').every((name) => name.length <= NAME_BYTES_MAX);
  if (!fits) throw new StoreError('STORE_KEY', `${what} ${JSON.stringify(text.slice(0, 100))} is not valid`);
}

/**
 * Names of [A-Za-z0-9._-] joined by '/'; none empty or starting with '.', so that none climbs, hides or is
 * absolute.
 */
export function assertKey(text: string): void {
  assertShape(text, key, 'key');
}

/** The start of a key, '' for all; may end inside a name. */
export function assertPrefix(text: string): void {
  assertShape(text, prefix, 'prefix');
}
