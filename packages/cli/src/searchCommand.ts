/** `pgtape search`: statements by text and by what became of them, over the whole archive. */

import { availableParallelism } from 'node:os';
import { parsePattern } from '@pgtape/evidence';
import { Command, InvalidArgumentError } from 'commander';
import { type Archive, objectsOf, reelsByTime } from './archive.ts';
import { asCalled } from './commandExamples.ts';
import { CommandError, exitCode, throwIfStopped } from './exitCode.ts';
import { parseDuration } from './format.ts';
import { type Io, put } from './io.ts';
import { type Paint, printable } from './paint.ts';
import { openReading } from './reading.ts';
import { momentOf, paintOf, type ReadFlags, spoken, withReadOptions } from './readOptions.ts';
import {
  needsSession,
  type SearchFilter,
  type SessionFields,
  type StatementFields,
  sessionTest,
} from './searchFilter.ts';
import { searchObjects } from './searchPool.ts';
import { finishedRow, rowOf } from './searchRow.ts';
import { type HitForm, type SegmentHits, takesAll } from './searchScan.ts';
import type { SearchAnswer, SearchTask } from './searchWorker.ts';
import type { OutputFormat } from './table.ts';

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

/** A segment's hits as they are printed; `next` is which hit of the whole search is the first of them. */
type Form = (hits: SegmentHits, wanted: readonly number[], next: number) => string | Uint8Array;

const comma = Buffer.from(',\n');

function linesForm(separator: Buffer | null): Form {
  return (hits, wanted, next) => {
    const spans = wanted.map((at) => hits.text.subarray(at === 0 ? 0 : hits.ends[at - 1], hits.ends[at]));
    if (separator === null) return wanted.length === hits.ends.length ? hits.text : Buffer.concat(spans);
    const parts = spans.flatMap((span, at) => [
      at + next === 0 ? Buffer.from('\n') : separator,
      span.subarray(0, -1),
    ]);
    return Buffer.concat(parts);
  };
}

function rowsForm(io: Io, form: HitForm, paint: Paint, sessions: ReadonlyMap<string, SessionFields>): Form {
  return (hits, wanted) => {
    const texts = Buffer.from(hits.text.buffer, hits.text.byteOffset, hits.text.length)
      .toString('utf8')
      .split('\n');
    const users = hits.sessions.map((session) => sessions.get(session)?.user ?? '?');
    const columns = io.out.isTTY ? io.out.columns : null;
    return wanted
      .map((at) => {
        const text = texts[at] as string;
        const row = form === 'rows' ? text : rowOf(JSON.parse(text) as StatementFields);
        return finishedRow(row, users[hits.sessionOf[at] as number] as string, columns, paint);
      })
      .join('');
  };
}

/** Rows are made where the hits are found, but where only the session decides: then most would be made in vain. */
function formOf(filter: SearchFilter, output: OutputFormat): HitForm {
  if (output !== 'table') return 'lines';
  return needsSession(filter) && takesAll(filter) ? 'lines' : 'rows';
}

/** Prints the hits of a search as they come. */
class SearchPrinter {
  found = 0;
  readonly #io: Io;
  readonly #filter: SearchFilter;
  readonly #limit: number;
  readonly #form: Form;
  /** Sessions opened so far in the reel being read: hits may belong to a session of an earlier segment. */
  readonly #sessions = new Map<string, SessionFields>();
  #reel = '';

  constructor(io: Io, filter: SearchFilter, limit: number, output: OutputFormat, paint: Paint) {
    this.#io = io;
    this.#filter = filter;
    this.#limit = limit;
    if (output === 'table') this.#form = rowsForm(io, formOf(filter, output), paint, this.#sessions);
    else this.#form = linesForm(output === 'json' ? comma : null);
  }

  get isFull(): boolean {
    return this.found >= this.#limit;
  }

  async print({ key, found, trouble, ended }: SearchAnswer): Promise<void> {
    if (ended !== null) throw new CommandError(ended.code, ended.message, { exit: exitCode.environment });
    if (found === null) {
      this.#io.err.write(`pgtape: ${printable(key)}: ${trouble} (pgtape verify tells more)\n`);
      this.#io.exit(exitCode.found);
      return;
    }
    const reel = key.slice(0, key.lastIndexOf('/'));
    if (reel !== this.#reel) this.#sessions.clear();
    this.#reel = reel;
    for (const opened of found.opened) this.#sessions.set(opened.session, opened);
    const admitted = found.sessions.map((session) => sessionTest(this.#filter, this.#sessions.get(session)));
    const wanted: number[] = [];
    for (let at = 0; at < found.ends.length && this.found + wanted.length < this.#limit; at += 1) {
      if (admitted[found.sessionOf[at] as number] === true) wanted.push(at);
    }
    if (wanted.length === 0) return;
    const text = this.#form(found, wanted, this.found);
    this.found += wanted.length;
    await put(this.#io.out, text);
  }
}

async function search(io: Io, archive: Archive, task: SearchTask, printer: SearchPrinter): Promise<void> {
  const threads = Math.min(8, availableParallelism());
  const objects = (await reelsByTime(archive, archive.reels)).flatMap(objectsOf);
  for await (const answer of searchObjects(task, objects, threads, io.stop)) {
    await printer.print(answer);
    if (printer.isFull || io.stop.aborted) break;
  }
}

async function run(io: Io, pattern: string | undefined, flags: Flags, command: Command): Promise<void> {
  const filter = filterOf(io, pattern, flags);
  const what = spoken(pattern, flags, ['output', 'limit']);
  const archive = await openReading(io, flags, { action: 'search', what });
  const limit = flags.limit ?? Number.POSITIVE_INFINITY;
  const printer = new SearchPrinter(io, filter, limit, flags.output, paintOf(io, command));
  const task: SearchTask = {
    source: archive.source,
    filter,
    form: formOf(filter, flags.output),
    limit: flags.limit ?? null,
  };
  if (flags.output === 'json') await put(io.out, '[');
  await search(io, archive, task, printer);
  if (flags.output === 'json') await put(io.out, printer.found === 0 ? ']\n' : '\n]\n');
  throwIfStopped(io);
  if (printer.found === 0) {
    io.err.write(`${paintOf(io, command, io.err).dim('nothing found')}\n`);
    io.exit(exitCode.found);
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError('a whole number is needed.');
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
    .addHelpText('after', asCalled(help))
    .action((pattern: string | undefined, flags: Flags, command: Command) =>
      run(io, pattern, flags, command),
    );
}
