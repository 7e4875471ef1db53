/** Owns what an object store promises and which keys it takes; it refuses to know what objects mean. */
import { StoreError } from './storeError.ts';

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

/**
 * What a store can enforce by itself; the file store enforces nothing, there an archive is tamper-evident
 * only.
 */
export interface StoreCapabilities {
  readonly retention: boolean;
  readonly hold: boolean;
  readonly versions: boolean;
}

/** Where objects lie. Every method rejects with StoreError. */
export interface Store {
  /**
   * Durable when it resolves, with either answer: the object and every name on the way to it survive a power
   * cut. Never overwrites; `exists` says nothing about whether the bytes are the same. Rejected means
   * unknown: the object is absent or whole, never torn, and the same call may be made again.
   */
  putOnce(key: string, bytes: Uint8Array): Promise<'stored' | 'exists'>;
  /** The whole object; STORE_NOT_FOUND when there is none. */
  get(key: string): Promise<Uint8Array>;
  has(key: string): Promise<boolean>;
  /** Every object whose key starts with `prefix`, in byte order of the keys. */
  list(prefix: string): AsyncIterable<StoredObject>;
  readonly capabilities: StoreCapabilities;
}

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
