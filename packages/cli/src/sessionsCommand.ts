/** `pgtape sessions`: who was there, when, from where, and what the evidence is worth. */

import { judgeTogether } from '@pgtape/evidence';
import { Command } from 'commander';
import { asCalled } from './commandExamples.ts';
import { durationText, wallMs, wallText } from './format.ts';
import { type Io, put } from './io.ts';
import type { Paint } from './paint.ts';
import { openReading } from './reading.ts';
import { momentOf, paintOf, type ReadFlags, spoken, withReadOptions } from './readOptions.ts';
import { readReels } from './reelPool.ts';
import { byStart, type SessionSummary } from './sessionList.ts';
import { type Column, fitting, tableText } from './table.ts';
import { verdictColour } from './verdictColour.ts';

const help = `
Examples:
  $ pgtape sessions
  $ pgtape sessions --user grace --since 24h
  $ pgtape sessions -o jsonl | jq 'select(.failed > 0)'

Verdicts: complete (opened, closed, every line there), open (still going on or its reel is), crashed (the
recorder died, or the vault says that its pod is gone; proven up to its last seal), gap (something was not
recorded, and the tape says what), forged (the evidence was changed: see pgtape verify).
`;

interface Flags extends ReadFlags {
  readonly user?: string;
  readonly database?: string;
  readonly since?: string;
  readonly until?: string;
  readonly open?: boolean;
}

const columns: readonly Column<SessionSummary>[] = [
  {
    title: 'SESSION',
    cell: (row) => row.session,
    colour: (row, text, paint) => (row.closed ? text : paint.bold(text)),
  },
  {
    title: 'VERDICT',
    cell: (row) => row.verdict,
    colour: (row, text, paint) => verdictColour(row.verdict, text, paint),
  },
  { title: 'STARTED', cell: (row) => `${wallText(row.start).slice(0, 19)}Z` },
  {
    title: 'LASTED',
    right: true,
    cell: (row) => (row.closed ? durationText((wallMs(row.end) - wallMs(row.start)) * 1e6) : 'open'),
  },
  { title: 'USER', cell: (row) => row.user },
  { title: 'DATABASE', spare: 2, cell: (row) => row.database },
  { title: 'CLIENT', spare: 1, cell: (row) => row.client.replace(/:\d+$/, '') },
  { title: 'STMTS', right: true, cell: (row) => String(row.statements) },
  {
    title: 'FAILED',
    right: true,
    cell: (row) => String(row.failed),
    colour: (row, text, paint) => (row.failed > 0 ? paint.red(text) : text),
  },
  { title: 'ROWS', right: true, spare: 3, cell: (row) => String(row.rows) },
  { title: 'APPLICATION', spare: 4, cell: (row) => row.application },
];

function chosen(io: Io, flags: Flags): (row: SessionSummary) => boolean {
  const since = momentOf(io, flags.since);
  const until = momentOf(io, flags.until);
  return (row) =>
    (flags.user === undefined || row.user === flags.user) &&
    (flags.database === undefined || row.database === flags.database) &&
    (since === null || wallMs(row.end) >= since) &&
    (until === null || wallMs(row.start) <= until) &&
    (flags.open !== true || !row.closed);
}

async function printTable(
  io: Io,
  rows: readonly SessionSummary[],
  paint: Paint,
  errPaint: Paint,
): Promise<void> {
  const { columns: kept, left } = fitting(rows, columns, io.out);
  await put(io.out, tableText(rows, kept, io.out, paint));
  if (left.length === 0) return;
  io.err.write(
    `${errPaint.dim(`no room here for ${left.join(', ')}: a wider terminal or -o json has them`)}\n`,
  );
}

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  const what = spoken(undefined, flags, ['output']);
  const archive = await openReading(io, flags, { action: 'sessions', what });
  const paint = paintOf(io, command, io.err);
  const isWanted = chosen(io, flags);
  const readings = await readReels(io, archive, archive.reels, {}, paint);
  // What the vault's reels say of a reel is part of the verdict on its sessions.
  const judged = judgeTogether(readings.map(({ verdict }) => verdict));
  const rows = readings
    .flatMap(({ sessions }, at) => {
      const verdicts = new Map(judged[at]?.sessions.map(({ session, verdict }) => [session, verdict]));
      return sessions.map((row) => ({ ...row, verdict: verdicts.get(row.session) ?? row.verdict }));
    })
    .filter(isWanted)
    .sort(byStart);
  if (flags.output === 'json') await put(io.out, `${JSON.stringify(rows, null, 2)}\n`);
  else if (flags.output === 'jsonl')
    await put(io.out, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  else if (rows.length === 0) io.err.write('no sessions\n');
  else await printTable(io, rows, paintOf(io, command), paint);
}

/** Builds the command. */
export function sessionsCommand(io: Io): Command {
  return withReadOptions(new Command('sessions'))
    .description('who was there, when, from where, what they did, and the verdict on the evidence')
    .option('--user <name>', 'only of this database user')
    .option('--database <name>', 'only in this database')
    .option('--since <time>', 'still going on at or after: 2026-11-20, 2026-11-20T10:00Z, 24h')
    .option('--until <time>', 'started at or before')
    .option('--open', 'only those still open')
    .addHelpText('after', asCalled(help))
    .action((flags: Flags, command: Command) => run(io, flags, command));
}
