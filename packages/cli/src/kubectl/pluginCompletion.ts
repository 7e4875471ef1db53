/** What kubectl's completion is answered for `kubectl pgtape ...`: lines as cobra's `__complete` writes them. Pure. */
import type { Command, Option } from 'commander';

/** cobra's ShellCompDirectiveNoFileComp: nothing here is a file. */
const noFiles = ':4';

interface Candidate {
  readonly word: string;
  readonly what: string;
}

function wordsOf(tree: Command, before: readonly string[], typed: string): Candidate[] {
  const name = before.find((word) => !word.startsWith('-'));
  const command = tree.commands.find((one) => one.name() === name);
  if (command === undefined) {
    if (name !== undefined) return [];
    return typed.startsWith('-')
      ? tree.options.map(flag)
      : tree.commands.map((one) => ({ word: one.name(), what: one.description() }));
  }
  const last = before.at(-1) ?? '';
  const open = command.options.find(({ long, short }) => last !== '' && (long === last || short === last));
  if (open?.required === true) return (open.argChoices ?? []).map((word) => ({ word, what: '' }));
  return typed.startsWith('-') ? command.options.map(flag) : [];
}

function flag({ long, short, description }: Option): Candidate {
  return { word: long ?? short ?? '', what: description };
}

/** @param words those after `kubectl pgtape`, the last one as far as it is typed */
export function completionAnswer(tree: Command, words: readonly string[]): string {
  const typed = words.at(-1) ?? '';
  const found = wordsOf(tree, words.slice(0, -1), typed).filter(({ word }) => word.startsWith(typed));
  const lines = found.map(({ word, what }) => (what === '' ? word : `${word}\t${what}`));
  return `${[...lines, noFiles].join('\n')}\n`;
}
