/** Owns what a probe needs beyond a store: ways of breaking it. Nothing but a probe, on its own objects, calls them. */
import type { Lock } from './store.ts';

/** With the store's own credentials. Every method rejects with StoreError. */
export interface LockAttempts {
  /** `bypass` asks the server to disregard a bypassable retention. */
  deleteVersion(key: string, version: string, bypass: boolean): Promise<void>;
  setRetention(
    key: string,
    version: string,
    retention: { readonly lock: Exclude<Lock, 'none'>; readonly until: number; readonly bypass: boolean },
  ): Promise<void>;
  /** Writes without looking. Resolves with the new version. */
  overwrite(key: string, bytes: Uint8Array): Promise<string>;
  /** Whether versions are kept; null: may not be asked. */
  keepsVersions(): Promise<boolean | null>;
  setVersions(on: boolean): Promise<void>;
}
