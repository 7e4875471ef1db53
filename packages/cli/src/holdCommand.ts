/** `pgtape hold`: legal holds, placed and released through a vault. */
import type { HoldScope } from '@pgtape/evidence';
import { Command } from 'commander';
import { CommandError, exitCode } from './exitCode.ts';
import { plural, wallNs } from './format.ts';
import { HoldClient, ShownHold } from './holdClient.ts';
import { printHolds } from './holdPrinting.ts';
import { releaseCommand } from './holdRelease.ts';
import { keyCommand, signCommand } from './holdSigning.ts';
import type { Io } from './io.ts';
import { momentOf, outputOption, paintOf, withCallerOptions } from './readOptions.ts';
import type { OutputFormat } from './table.ts';
import type { WayFlags } from './vaultWay.ts';

const help = `
Examples:
  $ pgtape hold create --case 2026-17 --reason 'court order 12/34' --user grace --since 2026-10-01
  $ pgtape hold create --case 2026-18 --reason 'incident' --search '/drop table/i'
  $ pgtape hold list
  $ pgtape hold release 3f9a --reason 'case closed'

A hold freezes whole objects of the archive, beyond their retention, also those that arrive later, and the
vault records which other sessions it froze with them. docs/formats/hold.md says what it covers.
`;

const createHelp = `
Examples:
  $ pgtape hold create --case 2026-17 --reason 'court order 12/34' --session 3f9ac01d77e2b415-12
  $ pgtape hold create --case 2026-17 --reason 'court order 12/34' --user grace --database shop
  $ pgtape hold create --case 2026-18 --reason 'incident of Monday' --since 2026-11-20 --until 2026-11-21
  $ pgtape hold create --case 2026-19 --reason 'leak' --search 'card_number' -o json | jq -r .hold

All conditions that are given must fit. --search takes text, or /regular expression/i.
Exit codes: 0 the hold is in force; 2 it was refused, and why; 3 no vault, or not for you.
`;

const listHelp = `
Examples:
  $ pgtape hold list
  $ pgtape hold list --all -o jsonl | jq 'select(.state == "released")'

States: applying (in force; what is there is being frozen), active, releasing, released.
Notes: hold_not_enforced (the store cannot hold objects), hold_failing (it refuses or fails, and is asked
again), matched_full and search_too_slow (it covers more than it names), release_refused (a release in the
archive that nobody known signed does not count).
`;

interface CreateFlags extends WayFlags {
  readonly case: string;
  readonly reason: string;
  readonly session?: readonly string[];
  readonly user?: string;
  readonly database?: string;
  readonly since?: string;
  readonly until?: string;
  readonly search?: string;
  readonly wait: boolean;
  readonly output: OutputFormat;
}

interface ListFlags extends WayFlags {
  readonly all?: boolean;
  readonly output: OutputFormat;
}

function scopeOf(io: Io, { session, user, database, since, until, search }: CreateFlags): HoldScope {
  const at = (text: string | undefined): string | undefined => {
    const ms = momentOf(io, text);
    return ms === null ? undefined : wallNs(ms);
  };
  return {
    sessions: session === undefined ? undefined : [...session],
    user,
    database,
    since: at(since),
    until: at(until),
    search,
  };
}

async function create(io: Io, flags: CreateFlags, command: Command): Promise<void> {
  const client = new HoldClient(io, flags);
  const { case: name, reason, output, wait } = flags;
  const scope = scopeOf(io, flags);
  const placed = await client.post('/v1/holds', { case: name, reason, scope }, ShownHold);
  const errPaint = paintOf(io, command, io.err);
  const shown = wait ? await client.settled(io, placed, errPaint) : placed;
  await printHolds(io, [shown], { output, isList: false }, paintOf(io, command));
  if (shown.notes.includes('hold_not_enforced')) {
    io.err.write(
      `${errPaint.yellow('pgtape:')} the hold is on record, but the store of this archive enforces nothing\n`,
    );
  }
}

async function list(io: Io, flags: ListFlags, command: Command): Promise<void> {
  const all = await new HoldClient(io, flags).holds();
  const holds = flags.all === true ? all : all.filter(({ state }) => state !== 'released');
  if (flags.output === 'table' && holds.length === 0) {
    const released = plural(all.length - holds.length, 'released one');
    io.err.write(`no holds${all.length > 0 ? ` (and ${released}: --all)` : ''}\n`);
    return;
  }
  await printHolds(io, holds, { output: flags.output, isList: true }, paintOf(io, command));
}

function sessionId(text: string, before: readonly string[] | undefined): readonly string[] {
  if (/^[0-9a-f]{16}-[1-9]\d{0,15}$/.test(text)) return [...(before ?? []), text];
  throw new CommandError('SESSION_ID', `'${text}' is no whole session id`, {
    exit: exitCode.usage,
    advice: "A hold names sessions exactly: 'pgtape sessions' shows their ids.",
  });
}

function createCommand(io: Io): Command {
  return withCallerOptions(new Command('create'))
    .description('freeze sessions that fit, those that arrive later too')
    .requiredOption('--case <name>', 'the case it belongs to')
    .requiredOption('--reason <text>', 'why, in one line')
    .option('--session <id>', 'this session; may be given again', sessionId)
    .option('--user <name>', 'sessions of this database user')
    .option('--database <name>', 'sessions in this database')
    .option('--since <time>', 'still going on at or after: 2026-11-20, 2026-11-20T10:00Z, 24h')
    .option('--until <time>', 'started at or before')
    .option('--search <pattern>', 'sessions with a statement or parameter like this')
    .option('--no-wait', 'do not wait until what is there is frozen')
    .addOption(outputOption())
    .addHelpText('after', createHelp)
    .action((flags: CreateFlags, command: Command) => create(io, flags, command));
}

function listCommand(io: Io): Command {
  return withCallerOptions(new Command('list'))
    .description('holds, and what each froze')
    .option('--all', 'released ones too')
    .addOption(outputOption())
    .addHelpText('after', listHelp)
    .action((flags: ListFlags, command: Command) => list(io, flags, command));
}

/** Builds the command. */
export function holdCommand(io: Io): Command {
  const command = new Command('hold')
    .description('legal holds: freeze evidence until it is released')
    .addHelpText('after', help);
  for (const make of [createCommand, listCommand, releaseCommand, signCommand, keyCommand]) {
    command.addCommand(make(io));
  }
  return command;
}
