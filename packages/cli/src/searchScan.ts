/** Finds statements in the text of one segment: jumps by bytes, parses only lines that can be hits. Pure. */
import {
  type SearchFilter,
  type SessionFields,
  type StatementFields,
  statementTest,
} from './searchFilter.ts';

export interface SegmentHits {
  /** Every `opened` record of the segment: hits may belong to sessions of earlier segments. */
  readonly opened: readonly SessionFields[];
  /** The exact lines that matched, and what the reader prints of them. */
  readonly hits: readonly { readonly line: string; readonly statement: StatementFields }[];
  readonly statements: number;
}

const newline = 0x0a;
const openedMark = Buffer.from('"kind":"opened"');
const statementMark = Buffer.from('"kind":"statement"');

/** Where the structural marks can stand: `kind` follows v, reel, seq, salt, at and mono, all of bounded length. */
const kindColumnMax = 220;

/** Calls `visit` with each line whose `kind` is the marked one. */
function eachOfKind(text: Buffer, mark: Buffer, visit: (start: number, end: number) => void): void {
  for (let at = text.indexOf(mark); at !== -1; ) {
    const start = text.lastIndexOf(newline, at) + 1;
    const found = text.indexOf(newline, at);
    const end = found === -1 ? text.length : found;
    if (at - start < kindColumnMax) visit(start, end);
    at = text.indexOf(mark, end);
  }
}

/** Calls `visit` with each line that holds `needle`. */
function eachHolding(text: Buffer, needle: Buffer, visit: (start: number, end: number) => void): void {
  for (let at = text.indexOf(needle); at !== -1; ) {
    const start = text.lastIndexOf(newline, at) + 1;
    const found = text.indexOf(newline, at);
    const end = found === -1 ? text.length : found;
    visit(start, end);
    at = text.indexOf(needle, end);
  }
}

/** How a text stands in a line; null where its escaped form is not unique or it could span marks. */
function needleOf(text: string): Buffer | null {
  const escaped = JSON.stringify(text).slice(1, -1);
  return escaped === '' ? null : Buffer.from(escaped);
}

/** One searcher serves many segments, so that the regular expression and the needle are made once. */
export function searcher(filter: SearchFilter): (segment: Buffer) => SegmentHits {
  const matches = statementTest(filter);
  const needle = filter.text === null ? null : needleOf(filter.text);
  return (text) => {
    const opened: SessionFields[] = [];
    const hits: { line: string; statement: StatementFields }[] = [];
    let statements = 0;
    eachOfKind(text, openedMark, (start, end) => {
      const record = JSON.parse(text.toString('utf8', start, end)) as SessionFields & { kind: string };
      if (record.kind === 'opened') opened.push(record);
    });
    const judge = (start: number, end: number): void => {
      const mark = text.indexOf(statementMark, start);
      if (mark === -1 || mark > end || mark - start >= kindColumnMax) return;
      statements += 1;
      const line = text.toString('utf8', start, end);
      const statement = JSON.parse(line) as StatementFields & { kind: string };
      if (statement.kind === 'statement' && matches(statement)) hits.push({ line, statement });
    };
    if (needle === null) eachOfKind(text, statementMark, judge);
    else eachHolding(text, needle, judge);
    return { opened, hits, statements };
  };
}
