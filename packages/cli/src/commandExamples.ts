/** Owns by which name the examples in a command's help call it: trees of `pgtape` and `kubectl pgtape` have the same commands. */
import type { Command } from 'commander';

/** For `addHelpText('after', ...)`. @param help as `pgtape` says it, with its name */
export function asCalled(help: string): (context: { command: Command }) => string {
  return ({ command }) => {
    const name = treeOf(command).name();
    return name === 'pgtape' ? help : help.replace(/(^ {2}\$ |'|see )pgtape (?!up\b)/gm, `$1${name} `);
  };
}

function treeOf(command: Command): Command {
  return command.parent === null ? command : treeOf(command.parent);
}
