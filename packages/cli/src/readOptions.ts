/** Options that every reading command has, and how they print. */
import { type Command, Option } from 'commander';
import type { Io } from './io.ts';
import { type Paint, paintFor } from './paint.ts';
import { type OutputFormat, outputFormats } from './table.ts';

export interface ReadFlags {
  readonly archive?: string;
  readonly output: OutputFormat;
}

/** Adds --archive and -o. */
export function withReadOptions(command: Command): Command {
  return command
    .option('--archive <directory>', 'the archive (default: PGTAPE_ARCHIVE, else ./.pgtape/archive)')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(outputFormats).default('table'));
}

/** The colours of standard output for a command. */
export function paintOf(io: Io, command: Command): Paint {
  return paintFor(io, io.out, command.optsWithGlobals().color !== false);
}
