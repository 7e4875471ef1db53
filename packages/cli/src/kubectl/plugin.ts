/** The command tree of `kubectl pgtape`, which is `pgtape k8s` too: what a person asks a cluster about its recorders. */
import { Command } from 'commander';
import type { Io } from '../io.ts';
import { version } from '../version.ts';
import { bypassesCommand } from './bypassesCommand.ts';
import { clusterDoctorCommand } from './clusterDoctorCommand.ts';
import { clusterStatusCommand } from './clusterStatusCommand.ts';
import { coverageCommand } from './coverageCommand.ts';
import { uninjectCommand } from './uninjectCommand.ts';
import { vaultCommands } from './vaultCommands.ts';

const epilogue = `
Exit codes:
  0    fine
  1    found something wrong: a database that is not Ready, a bypass, a preflight that failed
  2    usage: the command line or the kubeconfig is wrong
  3    environment: no API server, no permission, nothing of that name
  4    failure that should not be

First steps:
  $ kubectl pgtape doctor                  does everything hold that a recorder needs
  $ kubectl pgtape status -A               how every RecordedDatabase is
  $ kubectl pgtape sessions                who was there, from the vault of this cluster
`;

/** A tree, and what must be let go when one of its commands has ended. */
export interface Plugin {
  readonly tree: Command;
  close(): Promise<void>;
}

/** Builds the tree. @param name how it was called: `kubectl pgtape`, or `pgtape k8s` */
export function buildPlugin(io: Io, name: string): Plugin {
  const tree = new Command(name)
    .description('What is recorded in this cluster, what is not, and who must act.')
    .version(version, '-V, --version')
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .addHelpText('after', epilogue)
    .helpCommand('help [command]', 'show help for a command');
  const reading = vaultCommands(io);
  const own = [clusterStatusCommand, coverageCommand, bypassesCommand, clusterDoctorCommand, uninjectCommand];
  for (const command of [...own.map((make) => make(io)), ...reading.commands]) tree.addCommand(command);
  return { tree, close: () => reading.close() };
}
