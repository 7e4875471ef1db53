/** Rows as a table for people, as JSON or as JSON Lines for programs. */
import type { Output } from './io.ts';
import { type Paint, printable } from './paint.ts';

export const outputFormats = ['table', 'json', 'jsonl'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface Column<Row> {
  readonly title: string;
  readonly right?: boolean;
  /** Text of the cell, uncoloured; made printable here. */
  readonly cell: (row: Row) => string;
  readonly colour?: (row: Row, text: string, paint: Paint) => string;
}

/** Columns a text takes on a terminal; East Asian wide characters count two. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) {
    const point = char.codePointAt(0) as number;
    const isCombining =
      (point >= 0x300 && point <= 0x36f) || point === 0x200d || (point >= 0xfe00 && point <= 0xfe0f);
    const isWide =
      (point >= 0x1100 && point <= 0x115f) ||
      (point >= 0x2e80 && point <= 0xa4cf) ||
      (point >= 0xac00 && point <= 0xd7a3) ||
      (point >= 0xf900 && point <= 0xfaff) ||
      (point >= 0xff00 && point <= 0xff60) ||
      point >= 0x1f300;
    if (!isCombining) width += isWide ? 2 : 1;
  }
  return width;
}

/** Cut to `columns`, the last one an ellipsis when something is missing. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const char of text) {
    width += widthOf(char);
    if (width > columns - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? blanks + text : text + blanks;
}

/** The whole table with a heading; the last column takes what room a terminal leaves, elsewhere nothing is cut. */
export function tableText<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  output: Output,
  paint: Paint,
): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.cell(row))));
  const widths = columns.map((column, at) =>
    Math.max(widthOf(column.title), ...cells.map((line) => widthOf(line[at] as string))),
  );
  const last = columns.length - 1;
  if (output.isTTY) {
    const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
    widths[last] = Math.max(10, Math.min(widths[last] as number, output.columns - before));
  }
  const line = (texts: readonly string[], dress: (text: string, at: number) => string): string =>
    texts
      .map((text, at) => {
        const width = widths[at] as number;
        const right = columns[at]?.right === true;
        const cut = output.isTTY ? fit(text, width) : text;
        return dress(at === last && !right ? cut : pad(cut, width, right), at);
      })
      .join('  ')
      .trimEnd();
  const head = line(
    columns.map((column) => column.title),
    (text) => paint.dim(text),
  );
  const body = rows.map((row, index) =>
    line(cells[index] as string[], (text, at) => columns[at]?.colour?.(row, text, paint) ?? text),
  );
  return [head, ...body].map((text) => `${text}\n`).join('');
}
