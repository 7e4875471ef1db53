/** `pgtape retention`: keeping evidence longer than was decided when it was stored. */
import { Command } from 'commander';
import { z } from 'zod';
import { CommandError, exitCode } from './exitCode.ts';
import { plural, wallNs, wallText } from './format.ts';
import { HoldClient } from './holdClient.ts';
import { type Io, put } from './io.ts';
import { momentOf, outputOption, withCallerOptions } from './readOptions.ts';
import type { OutputFormat } from './table.ts';
import type { WayFlags } from './vaultWay.ts';

const help = `
Examples:
  $ pgtape retention extend 3f9ac01d77e2b415-12 --until 2030-01-01 --reason 'audit of 2029'
  $ pgtape retention extend --reel 3f9ac01d77e2b4150011223344556677 --days 730 --reason 'audit'
  $ pgtape retention extend --older-than 300d --days 365 --reason 'new policy'

Only ever longer: what is kept that long already stays as it is, and where that is everything, the vault
refuses (WOULD_SHORTEN). A segment holds lines of many sessions, and is kept as a whole.
Exit codes: 0 extended; 2 refused, and why; 3 no vault, or not for you.
`;

interface Flags extends WayFlags {
  readonly reel?: string;
  readonly olderThan?: string;
  readonly until?: string;
  readonly days?: string;
  readonly reason: string;
  readonly output: OutputFormat;
}

const count = z.int().nonnegative();
/** What was extended; `until` in wall ns. */
const Extended = z.looseObject({
  ...{ objects: count, extended: count, unchanged: count },
  until: z.string().regex(/^\d{1,20}$/),
});

const dayMs = 86_400_000;

function usage(message: string): CommandError {
  return new CommandError('USAGE', message, { exit: exitCode.usage });
}

function untilOf(io: Io, { until, days }: Flags): string {
  if ((until === undefined) === (days === undefined)) throw usage('either --until TIME or --days NUMBER');
  if (days === undefined) return wallNs(momentOf(io, until) as number);
  if (!/^[1-9]\d{0,4}$/.test(days)) throw usage(`'${days}' is no number of days`);
  return wallNs(io.now() + Number(days) * dayMs);
}

function scopeOf(io: Io, session: string | undefined, { reel, olderThan }: Flags): object {
  if ([session, reel, olderThan].filter((part) => part !== undefined).length !== 1) {
    throw usage('name either a SESSION by its whole id, a --reel, or --older-than TIME');
  }
  if (olderThan !== undefined) return { before: wallNs(momentOf(io, olderThan) as number) };
  return session === undefined ? { reel } : { session };
}

async function extend(io: Io, session: string | undefined, flags: Flags): Promise<void> {
  const { reason, output } = flags;
  const body = { reason, until: untilOf(io, flags), scope: scopeOf(io, session, flags) };
  const answer = await new HoldClient(io, flags).post('/v1/retention', body, Extended);
  if (output === 'table') {
    const { objects, extended, unchanged, until } = answer;
    const rest = unchanged === 0 ? '' : `, ${unchanged} were kept longer before`;
    await put(io.out, `${extended} of ${plural(objects, 'object')} kept until ${wallText(until)}${rest}\n`);
    return;
  }
  await put(io.out, `${output === 'json' ? JSON.stringify(answer, null, 2) : JSON.stringify(answer)}\n`);
}

/** Builds the command. */
export function retentionCommand(io: Io): Command {
  const extension = withCallerOptions(new Command('extend'))
    .description('keep a session, a reel or everything stored before longer')
    .argument('[session]', 'its whole id')
    .option('--reel <id>', 'every segment of this reel')
    .option('--older-than <time>', 'every segment stored before: 2026-11-20, 300d')
    .option('--until <time>', 'until when: 2030-01-01')
    .option('--days <number>', 'the same, in days from now')
    .requiredOption('--reason <text>', 'why, in one line')
    .addOption(outputOption())
    .addHelpText('after', help)
    .action((session: string | undefined, flags: Flags) => extend(io, session, flags));
  return new Command('retention')
    .description('keep evidence longer')
    .addCommand(extension)
    .addHelpText('after', help);
}
