/** Decides how a command reaches evidence: through a vault, which records it, or directly. Reads credentials' files. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseStoreAddress } from '@pgtape/store';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import { storeFailure } from './storeFailure.ts';
import type { DirectSource } from './storeSource.ts';
import { upLayout } from './upLayout.ts';
import { type UpVault, upHolder } from './upLock.ts';
import { type VaultAccess, VaultClient, waysOut } from './vaultClient.ts';

/** The flags by which a person names a way. */
export interface WayFlags {
  readonly archive?: string;
  readonly vault?: string;
  readonly why?: string;
  readonly tokenFile?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

export type Way = DirectSource | { readonly kind: 'vault'; readonly access: VaultAccess };

const upDirectory = '.pgtape';

/** The vault of a `pgtape up` that runs in this directory. */
function vaultOfUp(io: Io): UpVault | null {
  return upHolder(upLayout(resolve(io.cwd, upDirectory)).lockFile)?.vault ?? null;
}

function archiveOfUp(io: Io): string {
  return upLayout(resolve(io.cwd, upDirectory)).archiveDir;
}

function secretOf(io: Io, path: string, flag: string): string {
  const file = resolve(io.cwd, path);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new CommandError('CREDENTIALS', `cannot read ${file} (${errno})`, {
      exit: exitCode.environment,
      advice: `It was named by ${flag}. What pgtape up made may be read by who started it.`,
      cause,
    });
  }
}

/** As whom we come to the vault at `url`. The token of `pgtape up` is shown to its own vault and to no other. */
function accessTo(io: Io, flags: WayFlags, url: string, up: UpVault | null): VaultAccess {
  const { env } = io;
  const read = (path: string | undefined, flag: string): string | null =>
    path === undefined || path === '' ? null : secretOf(io, path, flag);
  const isOfUp = up !== null && up.url === url.replace(/\/$/, '');
  const tokenFile = flags.tokenFile ?? env.PGTAPE_TOKEN_FILE ?? (isOfUp ? up.tokenFile : undefined);
  return {
    url,
    token: read(tokenFile, '--token-file or PGTAPE_TOKEN_FILE'),
    ca: read(flags.ca ?? env.PGTAPE_CA, '--ca or PGTAPE_CA'),
    cert: read(flags.cert ?? env.PGTAPE_CERT, '--cert or PGTAPE_CERT'),
    key: read(flags.key ?? env.PGTAPE_KEY, '--key or PGTAPE_KEY'),
    serverName: null,
  };
}

/** The vault that is named, else the one that was reached, else that of `pgtape up`; null where there is none. */
function vaultWay(io: Io, flags: WayFlags): VaultAccess | null {
  const reached = io.reachedVault?.();
  if (flags.vault === undefined && reached != null) return reached;
  const up = vaultOfUp(io);
  const url = flags.vault ?? io.env.PGTAPE_VAULT ?? up?.url;
  return url === undefined ? null : accessTo(io, flags, url, up);
}

/**
 * Speaks with the vault that is named, else with that of `pgtape up`, until the command is stopped.
 * @throws CommandError `NO_VAULT`, `CREDENTIALS`, `VAULT_URL`
 */
export function namedVault(io: Io, flags: WayFlags): VaultClient {
  const access = vaultWay(io, flags);
  if (access === null) throw noVault();
  return new VaultClient(access, io.stop);
}

function noVault(): CommandError {
  return new CommandError('NO_VAULT', "no vault is named, and no 'pgtape up' runs in this directory", {
    exit: exitCode.environment,
    advice: waysOut,
  });
}

/**
 * The way a command takes: what a flag names, else what the environment names, else what `pgtape up` left here, where
 * `isChecking` prefers its archive to its vault: a check trusts bytes only, and shows none.
 * @throws CommandError `TWO_WAYS`, `NO_VAULT`, `NO_ARCHIVE`, `CREDENTIALS`
 */
export function wayOf(io: Io, flags: WayFlags, isChecking: boolean): Way {
  if (flags.archive !== undefined && flags.vault !== undefined) {
    throw new CommandError('TWO_WAYS', 'either --archive or --vault, not both', { exit: exitCode.usage });
  }
  const isReached = flags.archive === undefined && io.reachedVault?.() != null;
  const isVaultNamed =
    isReached || flags.vault !== undefined || (!isChecking && io.env.PGTAPE_VAULT !== undefined);
  const address = flags.archive ?? (isVaultNamed ? undefined : io.env.PGTAPE_ARCHIVE);
  if (address !== undefined) return direct(io, address);
  if (isChecking && !isVaultNamed && existsSync(archiveOfUp(io))) return direct(io, archiveOfUp(io));
  const access = vaultWay(io, flags);
  if (access !== null) return { kind: 'vault', access };
  throw isChecking ? noArchive(archiveOfUp(io)) : noVault();
}

function direct(io: Io, address: string): Way {
  const directory = directoryAt(address);
  if (directory === null) return { kind: 'direct', address };
  const root = resolve(io.cwd, directory);
  if (!existsSync(root)) throw noArchive(root);
  return { kind: 'direct', address: root };
}

/** The directory an address names; null: it is no directory's. @throws CommandError `STORE_ADDRESS` */
function directoryAt(address: string): string | null {
  try {
    const parsed = parseStoreAddress(address);
    return parsed.kind === 'directory' ? parsed.path : null;
  } catch (cause) {
    throw storeFailure(cause, exitCode.usage);
  }
}

function noArchive(root: string): CommandError {
  return new CommandError('NO_ARCHIVE', `there is no archive at ${root}`, {
    exit: exitCode.environment,
    advice: `Name it with --archive DIRECTORY or PGTAPE_ARCHIVE, ask a vault (--vault URL), or start with './pgtape up'.`,
  });
}
