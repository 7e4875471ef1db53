/** `pgtape search`: statements by text and by what became of them, over the whole archive. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { type Archive, openArchive, type ReelKeys } from './archive.ts';
import { CommandError, exitCode } from './exitCode.ts';
import { durationText, parseDuration, parseMoment, wallText } from './format.ts';
import type { Io } from './io.ts';
import { type Paint, paintFor, printable } from './paint.ts';
import { paintOf, type ReadFlags, withReadOptions } from './readOptions.ts';
import {
  parsePattern,
  type SearchFilter,
  type SessionFields,
  type StatementFields,
  sessionTest,
} from './searchFilter.ts';
import { searchObjects } from './searchPool.ts';
import { fit } from './table.ts';

const help = `
Examples:
  $ pgtape search 'shop.orders'
  $ pgtape search '/delete\\s+from/i' --user grace_analyst --since 7d
  $ pgtape search --error any --since 1h
  $ pgtape search --error 42 --user app             every 42xxx: syntax errors, missing privileges
  $ pgtape search --rows-over 10000 --slower-than 2s -o jsonl | jq .sql

-o jsonl prints the exact lines of evidence. A search reads what is there; 'pgtape verify' proves it.
Exit code 1: nothing found.
`;

interface Flags extends ReadFlags {
  readonly ignoreCase?: boolean;
  readonly user?: string;
  readonly database?: string;
  readonly client?: string;
  readonly since?: string;
  readonly until?: string;
  readonly tag?: string;
  readonly error?: string;
  readonly slowerThan?: number;
  readonly rowsOver?: number;
  readonly limit?: number;
}

interface Hit {
  readonly line: string;
  readonly statement: StatementFields;
  readonly session: SessionFields | undefined;
}

function momentOf(io: Io, text: string | undefined): number | null {
  if (text === undefined) return null;
  const moment = parseMoment(text, io.now());
  if (moment !== null) return moment;
  throw new CommandError('TIME', `'${text}' is no time`, {
    exit: exitCode.usage,
    advice: 'For example 2026-11-20, 2026-11-20T10:00:00Z, or a span before now: 30min, 24h, 7d.',
  });
}

function filterOf(io: Io, pattern: string | undefined, flags: Flags): SearchFilter {
  const found =
    pattern === undefined ? { text: null, regex: null } : parsePattern(pattern, flags.ignoreCase === true);
  if (found.regex !== null) {
    try {
      new RegExp(found.regex.source, found.regex.flags);
    } catch (cause) {
      throw new CommandError('REGEX', (cause as Error).message, { exit: exitCode.usage, cause });
    }
  }
  return {
    ...found,
    tag: flags.tag ?? null,
    error: flags.error ?? null,
    sinceMs: momentOf(io, flags.since),
    untilMs: momentOf(io, flags.until),
    slowerThanNs: flags.slowerThan ?? null,
    rowsOver: flags.rowsOver ?? null,
    user: flags.user ?? null,
    database: flags.database ?? null,
    client: flags.client ?? null,
  };
}

async function* hitsOf(io: Io, archive: Archive, reel: ReelKeys, filter: SearchFilter): AsyncGenerator<Hit> {
  const sessions = new Map<string, SessionFields>();
  const threads = Math.min(4, availableParallelism());
  for await (const answer of searchObjects({ root: archive.root, filter }, reel.keys, threads)) {
    if (answer.found === null) {
      io.err.write(`pgtape: ${answer.key}: ${answer.trouble} (pgtape verify tells more)\n`);
      io.exit(exitCode.found);
      continue;
    }
    for (const opened of answer.found.opened) sessions.set(opened.session, opened);
    for (const { line, statement } of answer.found.hits) {
      const session = sessions.get(statement.session);
      if (sessionTest(filter, session)) yield { line, statement, session };
    }
  }
}

function rowText(io: Io, hit: Hit, paint: Paint): string {
  const { statement, session } = hit;
  const failed = statement.error !== undefined;
  const result = failed ? `${statement.error?.sqlstate}` : (statement.tag ?? statement.outcome);
  const head = `${wallText(statement.start)}  ${statement.session}#${statement.n}  ${printable(session?.user ?? '?')}  `;
  const middle = `${result}  ${durationText(statement.duration_ns)}  `;
  const sql = printable((statement.sql ?? `(${statement.outcome})`).replaceAll(/\s+/g, ' '));
  const room = io.out.isTTY ? Math.max(20, io.out.columns - head.length - middle.length) : 10_000;
  return `${paint.dim(head)}${failed ? paint.red(middle) : paint.green(middle)}${fit(sql, room)}\n`;
}

async function run(io: Io, pattern: string | undefined, flags: Flags, command: Command): Promise<void> {
  const filter = filterOf(io, pattern, flags);
  const archive = await openArchive(io, flags.archive);
  const paint = paintOf(io, command);
  const limit = flags.limit ?? Number.POSITIVE_INFINITY;
  let found = 0;
  if (flags.output === 'json') io.out.write('[');
  for (const reel of archive.reels) {
    if (found >= limit) break;
    for await (const hit of hitsOf(io, archive, reel, filter)) {
      if (flags.output === 'table') io.out.write(rowText(io, hit, paint));
      else if (flags.output === 'jsonl') io.out.write(`${hit.line}\n`);
      else io.out.write(`${found === 0 ? '' : ','}\n${hit.line}`);
      found += 1;
      if (found >= limit || io.stop.aborted) break;
    }
  }
  if (flags.output === 'json') io.out.write(found === 0 ? ']\n' : '\n]\n');
  if (found === 0) {
    io.err.write(`${paintFor(io, io.err, true).dim('nothing found')}\n`);
    io.exit(exitCode.found);
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed.');
  return value;
}

function span(text: string): number {
  const value = parseDuration(text);
  if (value === null) throw new InvalidArgumentError('a span is needed: 250ms, 1.5s, 2min.');
  return value;
}

/** Builds the command. */
export function searchCommand(io: Io): Command {
  return withReadOptions(new Command('search'))
    .description('statements by text and outcome, over the whole archive')
    .argument('[pattern]', 'text in the SQL, or /a regular expression/i')
    .option('-i, --ignore-case', 'upper and lower case alike')
    .option('--user <name>', 'only of this database user')
    .option('--database <name>', 'only in this database')
    .option('--client <address>', 'only from this address, or address:port')
    .option('--since <time>', 'started at or after: 2026-11-20, 2026-11-20T10:00Z, 24h')
    .option('--until <time>', 'started at or before')
    .option('--tag <tag>', "command tag begins with this: SELECT, 'CREATE TABLE'")
    .option('--error <sqlstate>', 'failed with this SQLSTATE, this class of two characters, or any')
    .option('--slower-than <span>', 'took longer: 250ms, 2s', span)
    .option('--rows-over <rows>', 'returned or changed more rows', positive)
    .option('--limit <hits>', 'stop after so many', positive)
    .addHelpText('after', help)
    .action((pattern: string | undefined, flags: Flags, command: Command) =>
      run(io, pattern, flags, command),
    );
}
