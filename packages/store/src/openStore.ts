/** Owns the one way from a store's name to the store. What only one kind needs is loaded where that kind is opened. */
import { fileStore } from './fileStore.ts';
import type { LockAttempts } from './lockAttempts.ts';
import type { Lock, Store } from './store.ts';
import { parseStoreAddress } from './storeAddress.ts';

export interface OpenOptions {
  /**
   * What `retainUntil` is to give, `strict` where nothing else is said. A store that has no lock says `none` in
   * its capabilities all the same.
   */
  readonly lock?: Lock;
}

export interface OpenedStore {
  readonly store: Store;
  /** Null: nothing there locks, so nothing is to be tried. */
  readonly attempts: LockAttempts | null;
}

/**
 * Opens the store `text` names (parseStoreAddress). A directory is made at the first put; of a bucket it is
 * asked what protects it.
 * @throws StoreError
 */
export async function openStore(text: string, options: OpenOptions = {}): Promise<Store> {
  return (await openProbedStore(text, options)).store;
}

/** As openStore, and with the ways of breaking it, which only a probe takes. */
export async function openProbedStore(text: string, options: OpenOptions = {}): Promise<OpenedStore> {
  const address = parseStoreAddress(text);
  if (address.kind === 'directory') return { store: fileStore(address.path), attempts: null };
  const { openS3Store } = await import('./s3/s3Store.ts');
  return await openS3Store(address, options.lock ?? 'strict');
}
