/** A hit of a search as a row for people: made in the thread that found it, finished where its session is known. Pure. */
import { durationText, wallText } from './format.ts';
import { type Paint, printable } from './paint.ts';
import type { StatementFields } from './searchFilter.ts';
import { fit, widthOf } from './table.ts';

/** What most results and spans need, so that rows stand in columns. */
const resultWidth = 10;
const tookWidth = 7;
/** SQL text that a row shows even where a terminal is too narrow for it. */
const sqlColumnsMin = 12;
const separator = '\u0000';
/** Longest SQL text put in a row; `-o jsonl` has the whole. */
const sqlUnitsMax = 10_000;

/** The parts of a row that need no session. Texts are printable, so that no separator and no newline is in them. */
export function rowOf(statement: StatementFields): string {
  const { error, sql } = statement;
  const when = `${wallText(statement.start)}  ${statement.session}#${statement.n}`;
  const took = durationText(statement.duration_ns).padStart(tookWidth);
  const what = `${printable(error?.sqlstate ?? statement.tag ?? statement.outcome).padEnd(resultWidth)}  ${took}`;
  const text = sql === null ? '(text unknown)' : sql.slice(0, sqlUnitsMax).replaceAll(/\s+/g, ' ');
  return [when, what, printable(text), error === undefined ? '' : 'failed'].join(separator);
}

/** The whole row, with a newline; `columns` null: nothing is cut. */
export function finishedRow(row: string, user: string, columns: number | null, paint: Paint): string {
  const [when = '', what = '', sql = '', failed = ''] = row.split(separator);
  // To the second on a terminal, where room is dear.
  const shownWhen = columns === null ? when : when.replace(/\.\d{3}Z/, '');
  const head = `${shownWhen}  ${printable(user)}  `;
  const middle = `${what}  `;
  const shown =
    columns === null ? sql : fit(sql, Math.max(sqlColumnsMin, columns - widthOf(head) - widthOf(middle)));
  return `${paint.dim(head)}${failed === '' ? paint.green(middle) : paint.red(middle)}${shown}\n`;
}
