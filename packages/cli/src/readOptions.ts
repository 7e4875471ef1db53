/** Options that every reading command has, and how they print. */
import { type Command, Option } from 'commander';
import { CommandError, exitCode } from './exitCode.ts';
import { parseMoment } from './format.ts';
import type { Io, Output } from './io.ts';
import { type Paint, paintFor } from './paint.ts';
import { type OutputFormat, outputFormats } from './table.ts';
import type { WayFlags } from './vaultWay.ts';

export interface ReadFlags extends WayFlags {
  readonly output: OutputFormat;
}

/** Adds the options that say which vault is asked, as whom and why. */
export function withVaultOptions(command: Command): Command {
  return withCallerOptions(command).option('--why <text>', 'the reason, for the record of this reading');
}

/** Adds the options that say which vault is asked, and as whom. */
export function withCallerOptions(command: Command): Command {
  return command
    .option('--vault <url>', "the vault's HTTP API (default: PGTAPE_VAULT, else that of pgtape up)")
    .option('--token-file <file>', 'file with the token the vault knows you by (PGTAPE_TOKEN_FILE)')
    .option('--cert <file>', 'PEM file of your client certificate (PGTAPE_CERT)')
    .option('--key <file>', 'PEM file of its private key (PGTAPE_KEY)')
    .option('--ca <file>', "PEM file of authorities for the vault's certificate (PGTAPE_CA)");
}

/** Adds what names a way to evidence, and -o. */
export function withReadOptions(command: Command): Command {
  return withVaultOptions(command)
    .option(
      '--archive <store>',
      'read an archive directly, unrecorded: a directory or s3://... (PGTAPE_ARCHIVE)',
    )
    .addOption(outputOption());
}

/** -o; the first format where it is not given. */
export function outputOption(formats: readonly string[] = outputFormats): Option {
  return new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0]);
}

/** The colours of what a command prints. */
export function paintOf(io: Io, command: Command, output: Output = io.out): Paint {
  return paintFor(io, output, command.optsWithGlobals().color !== false);
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

/** They name a way to evidence, and nothing of it. */
const wayOptions = new Set([
  'archive',
  'vault',
  'why',
  'tokenFile',
  'cert',
  'key',
  'ca',
  'context',
  'kubeconfig',
  'pgtapeNamespace',
  'release',
]);

/** What a person looks for, as he might have typed it, for the record of his reading. */
export function spoken(argument: string | undefined, flags: object, without: readonly string[]): string {
  const words = argument === undefined ? [] : [argument];
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined || wayOptions.has(name) || without.includes(name)) continue;
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    words.push(value === true ? flag : `${flag} ${String(value)}`);
  }
  return words.join(' ');
}
