/** Where an archive is read from, as plain data that a worker thread can be handed, and opened there. */
import { openStore, type ReadStore } from '@pgtape/store';
import { type VaultSource, vaultStore } from './vaultStore.ts';

export interface DirectSource {
  readonly kind: 'direct';
  /** As openStore takes it: a directory or `s3://...`. */
  readonly address: string;
}

export type StoreSource = DirectSource | VaultSource;

/** `stop` ends requests to a vault that are under way. Rejects as openStore does. */
export async function openSource(source: StoreSource, stop: AbortSignal | null = null): Promise<ReadStore> {
  return source.kind === 'direct' ? await openStore(source.address) : vaultStore(source, stop);
}
