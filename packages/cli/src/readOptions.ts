/** Options that every reading command has, and how they print. */
import { type Command, Option } from 'commander';
import { CommandError, exitCode } from './exitCode.ts';
import { parseMoment } from './format.ts';
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

/**
 * Milliseconds since 1970 of an option that is a time; null when it was not given.
 * @throws CommandError `TIME`
 */
export function momentOf(io: Io, text: string | undefined): number | null {
  if (text === undefined) return null;
  const moment = parseMoment(text, io.now());
  if (moment !== null) return moment;
  throw new CommandError('TIME', `'${text}' is no time`, {
    exit: exitCode.usage,
    advice: 'For example 2026-11-20, 2026-11-20T10:00:00Z, or a span before now: 30min, 24h, 7d.',
  });
}
