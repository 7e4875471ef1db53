/** `pgtape k8s`: hands its arguments to the tree of `kubectl pgtape`, which is loaded only then: it needs a Kubernetes client. */
import { Command } from 'commander';
import type { Io } from '../io.ts';

/** Its commands, for help and completion of `pgtape k8s`; a test holds them against the tree. */
export const pluginCommands = [
  'status',
  'coverage',
  'bypasses',
  'doctor',
  'uninject',
  'sessions',
  'search',
  'play',
  'tail',
  'verify',
  'export',
] as const;

const help = `
Examples:
  $ pgtape k8s status -A
  $ pgtape k8s status --help
  $ kubectl pgtape status -A               the same, with kubectl-pgtape in the PATH
`;

/** Builds the command, which must be given no help option of its own afterwards. */
export function pluginCommand(io: Io): Command {
  return new Command('k8s')
    .description('what is recorded in a Kubernetes cluster; kubectl pgtape is the same')
    .argument('[command...]', pluginCommands.join(', '))
    .allowUnknownOption()
    .addHelpText('after', help)
    .action(async (_words: readonly string[], _flags: object, command: Command) => {
      if (/^(-h|--help)$/.test(command.args[0] ?? '')) {
        command.outputHelp();
        return;
      }
      const { parsedPlugin } = await import('./pluginRun.ts');
      // Options of the tree above were taken off by it.
      const taken = command.optsWithGlobals().color === false ? ['--no-color'] : [];
      await parsedPlugin(io, 'pgtape k8s', [...taken, ...command.args]);
    });
}
