/** The whole command tree: every command there is, each from a file of its own. */
import type { Command } from 'commander';
import { commandTree, ended, speaking } from './commandLine.ts';
import { completionCommand } from './completionCommand.ts';
import { demoCommand } from './demoCommand.ts';
import { doctorCommand } from './doctorCommand.ts';
import { exportCommand } from './exportCommand.ts';
import { holdCommand } from './holdCommand.ts';
import type { Io } from './io.ts';
import { pluginCommand } from './kubectl/pluginCommand.ts';
import { operatorCommand } from './operatorCommand.ts';
import { playCommand } from './playCommand.ts';
import { recorderCommand } from './recorderCommand.ts';
import { redirectCommand } from './redirectCommand.ts';
import { retentionCommand } from './retentionCommand.ts';
import { searchCommand } from './searchCommand.ts';
import { sessionsCommand } from './sessionsCommand.ts';
import { statusCommand } from './statusCommand.ts';
import { tailCommand } from './tailCommand.ts';
import { upCommand } from './upCommand.ts';
import { vaultCommand } from './vaultCommand.ts';
import { verifyCommand } from './verifyCommand.ts';

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

/** Builds the command tree over `io`. */
export function buildProgram(io: Io): Command {
  const program = commandTree(io, [
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
    redirectCommand,
    doctorCommand,
    completionCommand,
  ]).addHelpText('after', epilogue);
  const plugin = pluginCommand(io);
  program.addCommand(plugin);
  speaking(io, program);
  // Help that is asked for behind one of its commands is that command's.
  plugin.helpOption(false);
  return program;
}

/** Runs one command line; sets the exit code and never throws. */
export async function runProgram(args: readonly string[], io: Io): Promise<void> {
  await ended(io, args, buildProgram(io).parseAsync(args, { from: 'user' }));
}
