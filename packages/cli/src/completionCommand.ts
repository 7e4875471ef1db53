/** `pgtape completion`: prints a script that makes a shell complete this command line. */
import { Argument, Command } from 'commander';
import { completionScript, type Shell, shells } from './completionScript.ts';
import { type Io, put } from './io.ts';

const help = `
Examples:
  $ source <(pgtape completion bash)              in ~/.bashrc, with pgtape in the PATH
  $ pgtape completion zsh > "\${fpath[1]}/_pgtape"  or source <(pgtape completion zsh), after compinit
  $ pgtape completion fish > ~/.config/fish/completions/pgtape.fish

From a checkout without pgtape in the PATH: alias pgtape="$PWD/pgtape".
`;

/** Builds the command. */
export function completionCommand(io: Io): Command {
  return new Command('completion')
    .description('a script that makes the shell complete commands, options and choices')
    .addArgument(new Argument('<shell>', 'whose script').choices(shells))
    .addHelpText('after', help)
    .action(async (shell: Shell, _flags: object, command: Command) => {
      await put(io.out, completionScript(command.parent ?? command, shell));
    });
}
