/** Owns where the archive and the vault's own files lie, from the configuration; it refuses to read or write there. */
import { type OpenedStore, openProbedStore, parseStoreAddress, StoreError } from '@pgtape/store';
import type { VaultConfig } from './config.ts';
import { VaultError } from './vaultError.ts';

/**
 * What the vault's lock and its other files lie in.
 * @throws VaultError `ARCHIVE_UNUSABLE`
 */
export function stateDirOf({ stateDir, archive }: Pick<VaultConfig, 'stateDir' | 'archive'>): string {
  if (stateDir !== undefined) return stateDir;
  const address = parseStoreAddress(archive.store);
  if (address.kind === 'directory') return address.path;
  throw new VaultError(
    'ARCHIVE_UNUSABLE',
    "archive.store is a bucket: set stateDir to a directory of this machine for the vault's own files",
  );
}

/** @throws VaultError `ARCHIVE_UNUSABLE` */
export async function openArchive({ archive }: Pick<VaultConfig, 'archive'>): Promise<OpenedStore> {
  try {
    return await openProbedStore(archive.store, archive.lock === undefined ? {} : { lock: archive.lock });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new VaultError('ARCHIVE_UNUSABLE', `archive.store cannot be opened: ${error.message}`, error);
  }
}

/** The word records and status have for it. */
export function storeKindOf({ archive }: Pick<VaultConfig, 'archive'>): 'file' | 's3' {
  return parseStoreAddress(archive.store).kind === 's3' ? 's3' : 'file';
}
