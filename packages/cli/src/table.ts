/** Rows as a table for people, as JSON or as JSON Lines for programs. */
import type { Output } from './io.ts';
import { type Paint, printable } from './paint.ts';

export const outputFormats = ['table', 'json', 'jsonl'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface Column<Row> {
  readonly title: string;
  readonly right?: boolean;
  /** Where a terminal is too narrow, columns are left out, the highest number first; absent: never. */
  readonly spare?: number;
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

/** `text` in lines of at most `columns`, all but the first indented; a word longer than that stands alone. */
export function wrapped(text: string, columns: number, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const room = columns - (lines.length === 0 ? 0 : indent);
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

const lastColumnMin = 10;

function widthsOf<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): number[] {
  return columns.map((column) =>
    rows.reduce((width, row) => Math.max(width, widthOf(printable(column.cell(row)))), widthOf(column.title)),
  );
}

/** The columns a terminal has room for, and the titles of those left out. Elsewhere all of them. */
export function fitting<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  output: Output,
): { readonly columns: readonly Column<Row>[]; readonly left: readonly string[] } {
  let kept = columns;
  const left: string[] = [];
  const needed = (): number => {
    const widths = widthsOf(rows, kept);
    const last = Math.min(widths.at(-1) ?? 0, kept.at(-1)?.right === true ? 1e9 : lastColumnMin);
    return widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0) + last;
  };
  while (output.isTTY && needed() > output.columns) {
    const first = kept.reduce<Column<Row> | null>(
      (most, column) => ((column.spare ?? 0) > (most?.spare ?? 0) ? column : most),
      null,
    );
    if (first === null) break;
    kept = kept.filter((column) => column !== first);
    left.push(first.title);
  }
  return { columns: kept, left };
}

/** The whole table with a heading; the last column takes what room a terminal leaves, elsewhere nothing is cut. */
export function tableText<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  output: Output,
  paint: Paint,
): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.cell(row))));
  const widths = widthsOf(rows, columns);
  const last = columns.length - 1;
  if (output.isTTY) {
    const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
    const own = widths[last] as number;
    widths[last] = Math.max(Math.min(own, lastColumnMin), Math.min(own, output.columns - before));
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
