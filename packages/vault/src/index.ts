export { ArchiveSpec, archiveOverlay } from './archiveSpec.ts';
export { type ArchiveVault, startArchiveVault } from './archiveVault.ts';
export { NamedVaultConfig, VAULT_ENV_PREFIX, VaultConfig } from './config.ts';
export { type ListeningAt, startVault, type Vault } from './vault.ts';
export { VaultError, type VaultErrorCode } from './vaultError.ts';
export type { VaultDeps } from './vaultParts.ts';
export type { StatusAlert, StatusLog, StatusReel, VaultStatus } from './vaultStatus.ts';
