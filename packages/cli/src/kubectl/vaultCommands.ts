/**
 * `kubectl pgtape sessions | search | play | tail | verify | export`: the commands of pgtape, asking the vault of the
 * cluster. It is reached before the command runs and let go after it.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { CommandError, exitCode } from '../exitCode.ts';
import { exportCommand } from '../exportCommand.ts';
import { type Io, reaching } from '../io.ts';
import { playCommand } from '../playCommand.ts';
import { searchCommand } from '../searchCommand.ts';
import { sessionsCommand } from '../sessionsCommand.ts';
import { tailCommand } from '../tailCommand.ts';
import type { WayFlags } from '../vaultWay.ts';
import { verifyCommand } from '../verifyCommand.ts';
import { type ReleaseFlags, withClusterOptions, withReleaseOptions } from './clusterOptions.ts';
import { type ReachedVault, reachVault } from './vaultReach.ts';

const help = `The vault of this cluster is reached by 'kubectl port-forward', as the release's reader account (a token that lasts
an hour, twelve for tail), and each reading is on record there. You need what the release's Role NAME-reader
allows. --token-file and --ca (PGTAPE_TOKEN_FILE, PGTAPE_CA) are taken instead of what the cluster says;
--vault and --archive go past it.
`;

const hour = 3600;

function fileText(io: Io, path: string | undefined): string | null {
  if (path === undefined || path === '') return null;
  try {
    return readFileSync(resolve(io.cwd, path), 'utf8').trim();
  } catch (cause) {
    throw new CommandError('CREDENTIALS', `cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`, {
      exit: exitCode.environment,
      cause,
    });
  }
}

const meanings: Readonly<Record<string, string>> = {
  '--vault': "another vault's HTTP API, instead of the one of the cluster",
  '--token-file':
    "file with a token the vault knows you by, instead of the reader account's (PGTAPE_TOKEN_FILE)",
  '--ca': "PEM file of authorities for the vault's certificate, instead of what the cluster says (PGTAPE_CA)",
};

/** Options mean a little else here. */
function inCluster(command: Command): Command {
  for (const option of command.options)
    option.description = meanings[option.long ?? ''] ?? option.description;
  return command;
}

/** The commands, and what lets the vault go that one of them reached. */
export function vaultCommands(io: Io): { readonly commands: Command[]; close(): Promise<void> } {
  let reached: ReachedVault | null = null;
  const inside = reaching(io, () => reached?.access ?? null);
  const reach = async (command: Command): Promise<void> => {
    const flags = command.opts<WayFlags & ReleaseFlags & { bundle?: string }>();
    if (flags.vault !== undefined || flags.archive !== undefined || flags.bundle !== undefined) return;
    reached = await reachVault(io, flags, {
      token: fileText(io, flags.tokenFile ?? io.env.PGTAPE_TOKEN_FILE),
      ca: fileText(io, flags.ca ?? io.env.PGTAPE_CA),
      tokenSeconds: command.name() === 'tail' ? 12 * hour : hour,
    });
  };
  const makers = [sessionsCommand, searchCommand, playCommand, tailCommand, verifyCommand, exportCommand];
  const commands = makers.map((make) =>
    withReleaseOptions(withClusterOptions(inCluster(make(inside))))
      .addHelpText('after', help)
      .hook('preAction', (_tree, command) => reach(command)),
  );
  return {
    commands,
    async close() {
      await reached?.close();
      reached = null;
    },
  };
}
