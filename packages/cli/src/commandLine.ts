/** One command tree over its commands: help, exit codes and how an error is told. Which commands there are is its caller's. */
import { Command, CommanderError } from 'commander';
import { CommandError, exitCode, Stopped } from './exitCode.ts';
import type { Io } from './io.ts';
import { paintFor, printable } from './paint.ts';
import { version } from './version.ts';

/** Commands of commands too: how they print and end is the program's. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const own of command.commands) inheriting(own, command);
  return command;
}

/** What every tree does with output, errors and its end. */
export function speaking(io: Io, program: Command): Command {
  const name = program.name();
  program
    .showHelpAfterError(`(${name} --help, or ${name} COMMAND --help, shows what there is)`)
    .configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      getOutHelpWidth: () => (io.out.isTTY ? io.out.columns : 100),
      getErrHelpWidth: () => (io.err.isTTY ? io.err.columns : 100),
      outputError: (text, write) => write(text.replace(/^error: /, 'pgtape: ')),
    })
    .exitOverride();
  for (const command of program.commands) inheriting(command, program);
  return program;
}

/** The tree `pgtape` with these commands; `speaking` completes it. */
export function commandTree(io: Io, makers: readonly ((io: Io) => Command)[]): Command {
  const program = new Command('pgtape')
    .description('Puts every statement that reaches PostgreSQL on tape, provably.')
    .version(version, '-V, --version')
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .helpCommand('help [command]', 'show help for a command');
  for (const maker of makers) program.addCommand(maker(io));
  return program;
}

/** @throws CommanderError, and whatever the command throws */
export async function parsed(io: Io, tree: Command, args: readonly string[]): Promise<void> {
  await speaking(io, tree).parseAsync(args, { from: 'user' });
}

function report(io: Io, args: readonly string[], error: unknown): number {
  const paint = paintFor(io, io.err, !args.includes('--no-color'));
  if (error instanceof Stopped) {
    // Nobody reads any more, so there is nobody to tell and nothing went wrong.
    if (error.reason === 'output_closed') return exitCode.fine;
    io.err.write(`${paint.yellow('pgtape:')} ${error.message}\n`);
    return exitCode.interrupted;
  }
  if (error instanceof CommandError) {
    io.err.write(`${paint.red('pgtape:')} ${printable(error.message, true)} [${error.code}]\n`);
    if (error.advice !== null) io.err.write(`  ${printable(error.advice, true)}\n`);
    return error.exit;
  }
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? ` [${String(error.code)}]` : '';
  const message = error instanceof Error ? error.message : String(error);
  io.err.write(`${paint.red('pgtape:')} ${printable(message, true)}${printable(code)}\n`);
  return exitCode.failure;
}

/** Waits for a command line to end; sets the exit code and never throws. */
export async function ended(io: Io, args: readonly string[], running: Promise<unknown>): Promise<void> {
  try {
    await running;
  } catch (error) {
    if (error instanceof CommanderError) {
      io.exit(error.exitCode === 0 ? exitCode.fine : exitCode.usage);
      return;
    }
    io.exit(report(io, args, error));
  }
}

/** Runs the one command that a role's own program has; sets the exit code and never throws. */
export async function runRole(args: readonly string[], io: Io, maker: (io: Io) => Command): Promise<void> {
  await ended(io, args, parsed(io, commandTree(io, [maker]), args));
}
