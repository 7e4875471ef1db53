/** Legal holds as people and programs read them. */
import type { HoldScope } from '@pgtape/evidence';
import { wallText } from './format.ts';
import type { ShownHold } from './holdClient.ts';
import { type Io, put } from './io.ts';
import type { Paint } from './paint.ts';
import { type Column, fitting, type OutputFormat, tableText } from './table.ts';

/** A scope in one line, in the words of the options. */
function scopeText({ sessions, user, database, since, until, search }: HoldScope): string {
  const shown =
    sessions !== undefined && sessions.length > 2 ? `${sessions.length} sessions` : sessions?.join(',');
  const parts: readonly (readonly [string, string | undefined])[] = [
    ['session', shown],
    ['user', user],
    ['database', database],
    ['since', since && wallText(since).slice(0, 19)],
    ['until', until && wallText(until).slice(0, 19)],
    ['search', search],
  ];
  return parts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])).join(' ');
}

const columns: readonly Column<ShownHold>[] = [
  { title: 'HOLD', cell: ({ hold }) => hold.slice(0, 12) },
  {
    title: 'STATE',
    cell: ({ state }) => state,
    colour: ({ state }, text, paint) => (state === 'active' ? paint.green(text) : text),
  },
  { title: 'CASE', cell: (row) => row.case },
  { title: 'PLACED', spare: 1, cell: ({ at }) => `${wallText(at).slice(0, 16)}Z` },
  { title: 'BY', spare: 2, cell: ({ who }) => who },
  { title: 'OBJECTS', right: true, cell: ({ objects }) => String(objects) },
  { title: 'NOTES', spare: 3, cell: ({ notes }) => notes.join(',') },
  { title: 'SCOPE', cell: ({ scope }) => scopeText(scope) },
];

/** Prints holds; `json` is a list where a list was asked for. */
export async function printHolds(
  io: Io,
  holds: readonly ShownHold[],
  { output, isList }: { readonly output: OutputFormat; readonly isList: boolean },
  paint: Paint,
): Promise<void> {
  if (output === 'jsonl') return await put(io.out, holds.map((hold) => `${JSON.stringify(hold)}\n`).join(''));
  if (output === 'json') {
    return await put(io.out, `${JSON.stringify(isList ? holds : holds[0], null, 2)}\n`);
  }
  const { columns: kept } = fitting(holds, columns, io.out);
  await put(io.out, tableText(holds, kept, io.out, paint));
}
