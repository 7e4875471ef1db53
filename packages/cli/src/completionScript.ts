/** Completion scripts of bash, zsh and fish, written from a command tree. Pure. */
import type { Argument, Command, Option } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What can stand in a value's place. */
type Value =
  | { readonly kind: 'none' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'directory' | 'file' | 'any' };

interface OptionSpec {
  readonly long: string;
  readonly short: string | null;
  readonly what: string;
  readonly value: Value;
}

interface CommandSpec {
  readonly name: string;
  readonly what: string;
  readonly options: readonly OptionSpec[];
  /** What its first argument can be. */
  readonly argument: Value;
}

function valueSpec(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: 'words', words: choices };
  if (name.includes('director')) return { kind: 'directory' };
  return { kind: name.includes('file') ? 'file' : 'any' };
}

function optionSpec(option: Option): OptionSpec {
  const takesValue = option.required || option.optional;
  return {
    long: option.long ?? '',
    short: option.short ?? null,
    what: option.description,
    value: takesValue
      ? valueSpec(/<(.*?)>/.exec(option.flags)?.[1] ?? '', option.argChoices)
      : { kind: 'none' },
  };
}

function argumentSpec(argument: Argument | undefined): Value {
  if (argument === undefined) return { kind: 'none' };
  if (argument.name() === 'session') return { kind: 'words', words: ['last', 'last-1'] };
  return valueSpec(argument.name(), argument.argChoices);
}

const helpOption: OptionSpec = { long: '--help', short: '-h', what: 'show help', value: { kind: 'none' } };

function subcommands({ commands }: Command): Value {
  return { kind: 'words', words: commands.map((command) => command.name()) };
}

function specOf(command: Command): CommandSpec {
  return {
    name: command.name(),
    what: command.description(),
    options: [...command.options.map(optionSpec), helpOption],
    argument:
      command.commands.length > 0 ? subcommands(command) : argumentSpec(command.registeredArguments[0]),
  };
}

const flagsOf = (option: OptionSpec): string[] =>
  option.short === null ? [option.long] : [option.short, option.long];

function bashValue(value: Value): string {
  if (value.kind === 'words') return `COMPREPLY=($(compgen -W '${value.words.join(' ')}' -- "$current"))`;
  if (value.kind === 'directory') return 'COMPREPLY=($(compgen -d -- "$current"))';
  return value.kind === 'file' ? 'COMPREPLY=($(compgen -f -- "$current"))' : 'COMPREPLY=()';
}

function bashCommand(spec: CommandSpec): string {
  const values = spec.options.filter(({ value }) => value.kind !== 'none');
  return [
    `    ${spec.name})`,
    '      case "$previous" in',
    ...values.map((option) => `        ${flagsOf(option).join('|')}) ${bashValue(option.value)}; return ;;`),
    '      esac',
    `      if [[ $current == -* ]]; then COMPREPLY=($(compgen -W '${spec.options.flatMap(flagsOf).join(' ')}' -- "$current"))`,
    `      else ${bashValue(spec.argument)}; fi ;;`,
  ].join('\n');
}

function bashScript(root: CommandSpec, commands: readonly CommandSpec[]): string {
  const first = [...commands.map(({ name }) => name), ...root.options.flatMap(flagsOf)].join(' ');
  return `# pgtape completion for bash
_pgtape() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command='' at
  for ((at = 1; at < COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[at]} != -* ]]; then command="\${COMP_WORDS[at]}"; break; fi
  done
  COMPREPLY=()
  case "$command" in
    '') COMPREPLY=($(compgen -W '${first}' -- "$current")) ;;
${commands.map(bashCommand).join('\n')}
  esac
}
complete -F _pgtape pgtape
`;
}

/** In single quotes for zsh, brackets and colons escaped where they would mean something. */
function zshText(text: string, meaning: RegExp): string {
  return text.replaceAll(meaning, '\\$&').replaceAll("'", "'\\''");
}

function zshValue(name: string, value: Value): string {
  if (value.kind === 'none') return '';
  if (value.kind === 'words') return `:${name}:(${value.words.join(' ')})`;
  if (value.kind === 'directory') return `:${name}:_files -/`;
  return value.kind === 'file' ? `:${name}:_files` : `:${name}: `;
}

function zshOption(option: OptionSpec): string {
  const what = `[${zshText(option.what, /[[\]:]/g)}]`;
  const value = zshValue(option.long.replace(/^-+/, ''), option.value);
  if (option.short === null) return `'${option.long}${what}${value}'`;
  return `'(${option.short} ${option.long})'{${option.short},${option.long}}'${what}${value}'`;
}

function zshScript(root: CommandSpec, commands: readonly CommandSpec[]): string {
  const cases = commands.map((spec) => {
    const argument = spec.argument.kind === 'none' ? [] : [`'1${zshValue('argument', spec.argument)}'`];
    return `        ${spec.name}) _arguments ${[...spec.options.map(zshOption), ...argument].join(' ')} ;;`;
  });
  return `#compdef pgtape
_pgtape() {
  local -a commands
  local state line
  commands=(
${commands.map(({ name, what }) => `    '${name}:${zshText(what, /:/g)}'`).join('\n')}
  )
  _arguments -C ${root.options.map(zshOption).join(' ')} '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${cases.join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = _pgtape ]; then _pgtape "$@"; else compdef _pgtape pgtape; fi
`;
}

const fishText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fishValue(value: Value): string {
  if (value.kind === 'none') return '';
  if (value.kind === 'words') return ` -x -a ${fishText(value.words.join(' '))}`;
  if (value.kind === 'directory') return " -x -a '(__fish_complete_directories)'";
  return value.kind === 'file' ? ' -r -F' : ' -x';
}

function fishOption(condition: string, option: OptionSpec): string {
  const short = option.short === null ? '' : ` -s ${option.short.slice(1)}`;
  const long = ` -l ${option.long.slice(2)}`;
  return `complete -c pgtape -n ${fishText(condition)}${short}${long}${fishValue(option.value)} -d ${fishText(option.what)}`;
}

function fishScript(root: CommandSpec, commands: readonly CommandSpec[]): string {
  const lines = ['# pgtape completion for fish', 'complete -c pgtape -f'];
  for (const option of root.options) lines.push(fishOption('__fish_use_subcommand', option));
  for (const spec of commands) {
    const condition = `__fish_seen_subcommand_from ${spec.name}`;
    lines.push(`complete -c pgtape -n __fish_use_subcommand -a ${spec.name} -d ${fishText(spec.what)}`);
    for (const option of spec.options) lines.push(fishOption(condition, option));
    if (spec.argument.kind === 'words')
      lines.push(
        `complete -c pgtape -n ${fishText(condition)} -a ${fishText(spec.argument.words.join(' '))}`,
      );
  }
  return `${lines.join('\n')}\n`;
}

/** The script that makes `shell` complete the tree's commands, options and choices. */
export function completionScript(program: Command, shell: Shell): string {
  const root = specOf(program);
  const help: CommandSpec = {
    name: 'help',
    what: 'show help for a command',
    options: [],
    argument: { kind: 'words', words: program.commands.map((command) => command.name()) },
  };
  const commands = [...program.commands.map(specOf), help];
  if (shell === 'bash') return bashScript(root, commands);
  return shell === 'zsh' ? zshScript(root, commands) : fishScript(root, commands);
}
