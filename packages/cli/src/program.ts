/** The command tree: names, options and help of every command; what they do stands in a file of their own. */
import { Command, CommanderError } from 'commander';
import { completionCommand } from './completionCommand.ts';
import { demoCommand } from './demoCommand.ts';
import { doctorCommand } from './doctorCommand.ts';
import { CommandError, exitCode, Stopped } from './exitCode.ts';
import { exportCommand } from './exportCommand.ts';
import { holdCommand } from './holdCommand.ts';
import type { Io } from './io.ts';
import { pluginCommand } from './kubectl/pluginCommand.ts';
import { operatorCommand } from './operatorCommand.ts';
import { paintFor, printable } from './paint.ts';
import { playCommand } from './playCommand.ts';
import { recorderCommand } from './recorderCommand.ts';
import { retentionCommand } from './retentionCommand.ts';
import { searchCommand } from './searchCommand.ts';
import { sessionsCommand } from './sessionsCommand.ts';
import { statusCommand } from './statusCommand.ts';
import { tailCommand } from './tailCommand.ts';
import { upCommand } from './upCommand.ts';
import { vaultCommand } from './vaultCommand.ts';
import { verifyCommand } from './verifyCommand.ts';
import { version } from './version.ts';

const epilogue = `
Exit codes:
  0    fine
  1    found something wrong (a verdict of crashed, gap or forged; an alert; a search without a hit)
  2    usage: the command line or a configuration file is wrong
  3    environment: a port, a directory, a lock or an archive that is not there or not ours
  4    failure that should not be
  130  stopped by a signal before everything was read

First steps:
  $ ./pgtape up                  PostgreSQL, recorder and vault on this machine
  $ ./pgtape demo                a scripted session of three people through the recorder
  $ ./pgtape sessions            who was there
  $ ./pgtape play last           the last session, in its own time
  $ ./pgtape verify              prove that nothing was changed
`;

/** Commands of commands too: how they print and end is the program's. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const own of command.commands) inheriting(own, command);
  return command;
}

/** What every tree does with output, errors and its end. */
function speaking(io: Io, program: Command): Command {
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

/** Builds the command tree over `io`. */
export function buildProgram(io: Io): Command {
  const program = new Command('pgtape')
    .description('Puts every statement that reaches PostgreSQL on tape, provably.')
    .version(version, '-V, --version')
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .addHelpText('after', epilogue)
    .helpCommand('help [command]', 'show help for a command');
  const commands = [
    upCommand,
    demoCommand,
    sessionsCommand,
    searchCommand,
    playCommand,
    tailCommand,
    statusCommand,
    verifyCommand,
    exportCommand,
    holdCommand,
    retentionCommand,
    recorderCommand,
    vaultCommand,
    operatorCommand,
    doctorCommand,
    completionCommand,
  ];
  for (const command of commands) program.addCommand(command(io));
  const plugin = pluginCommand(io, (tree, args) => parsed(io, tree, args));
  program.addCommand(plugin);
  speaking(io, program);
  // Help that is asked for behind one of its commands is that command's.
  plugin.helpOption(false);
  return program;
}

async function parsed(io: Io, tree: Command, args: readonly string[]): Promise<void> {
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

async function ended(io: Io, args: readonly string[], running: Promise<unknown>): Promise<void> {
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

/** Runs one command line; sets the exit code and never throws. */
export async function runProgram(args: readonly string[], io: Io): Promise<void> {
  await ended(io, args, buildProgram(io).parseAsync(args, { from: 'user' }));
}

/** Runs one command line of `kubectl pgtape`; sets the exit code and never throws. */
export async function runPlugin(args: readonly string[], io: Io): Promise<void> {
  const { buildPlugin } = await import('./kubectl/plugin.ts');
  await ended(io, args, parsed(io, buildPlugin(io, 'kubectl pgtape'), args));
}
