/** Finds statements in the text of one segment: hops by bytes, parses only lines that can be hits. Pure. */
import {
  needsSession,
  type SearchFilter,
  type SessionFields,
  type StatementFields,
  statementTest,
} from './searchFilter.ts';
import { rowOf } from './searchRow.ts';

/** `lines`: each hit's exact line and a newline. `rows`: each hit as `searchRow` writes it, and a newline. */
export type HitForm = 'lines' | 'rows';

export interface ScanTask {
  readonly filter: SearchFilter;
  readonly form: HitForm;
  /** Hits wanted of one segment at most; null: all. */
  readonly limit: number | null;
}

export interface SegmentHits {
  /** Every `opened` record of the segment: hits may belong to sessions of earlier segments. */
  readonly opened: readonly SessionFields[];
  /** The sessions of the hits, each once. */
  readonly sessions: readonly string[];
  /** For each hit, in the order of the lines: the index of its session, and where its text ends. */
  readonly sessionOf: Uint32Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  /** The texts of the hits, one after the other. */
  readonly text: Uint8Array<ArrayBuffer>;
}

const newline = 0x0a;
const openedMark = Buffer.from('"kind":"opened"');
const statementMark = Buffer.from('"kind":"statement"');
const sessionMark = Buffer.from('"session":"');
const quote = 0x22;

/** Where the structural marks can stand: `kind` follows v, reel, seq, salt, at and mono, all of bounded length. */
const kindColumnMax = 220;

/**
 * Where to land. Lines are canonical JSON, and inside a JSON string every quote has a backslash before it: a mark
 * that holds a bare quote is structure, never content. What is landed on is judged by its parsed line all the same.
 */
interface Hop {
  readonly mark: Buffer;
  /** Whether the line can be a hit, by what follows the mark; null: always. */
  readonly admits: ((text: Buffer, at: number) => boolean) | null;
}

function above(limit: number): (text: Buffer, at: number) => boolean {
  return (text, at) => {
    let value = 0;
    for (let digit = text[at] ?? 0; digit >= 0x30 && digit <= 0x39; digit = text[++at] ?? 0) {
      value = value * 10 + digit - 0x30;
    }
    return value > limit;
  };
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The mark that leaves the fewest lines to parse. */
function hopOf(filter: SearchFilter): Hop {
  const at = (mark: string, admits: Hop['admits'] = null): Hop => ({ mark: Buffer.from(mark), admits });
  const { text, error, slowerThanNs, rowsOver, tag } = filter;
  if (text !== null && text !== '') return at(escaped(text));
  if (error !== null) return at(`"sqlstate":"${error === 'any' ? '' : escaped(error)}`);
  if (slowerThanNs !== null) return at('"duration_ns":', above(slowerThanNs));
  if (rowsOver !== null) return at('rows":', above(rowsOver));
  if (tag !== null) return at(`"tag":"${escaped(tag.toUpperCase())}`);
  return { mark: statementMark, admits: null };
}

/** Calls `visit` with each line a hop lands on, once, until it returns false. */
function eachLanding(text: Buffer, hop: Hop, visit: (start: number, end: number) => boolean): void {
  const { mark, admits } = hop;
  for (let at = text.indexOf(mark); at !== -1; ) {
    let next = at + mark.length;
    if (admits === null || admits(text, next)) {
      const start = text.lastIndexOf(newline, at) + 1;
      const found = text.indexOf(newline, at);
      next = found === -1 ? text.length : found;
      if (!visit(start, next)) return;
    }
    at = text.indexOf(mark, next);
  }
}

function isOfKind(text: Buffer, mark: Buffer, start: number, end: number): boolean {
  const at = text.subarray(start, Math.min(end, start + kindColumnMax)).indexOf(mark);
  return at !== -1;
}

function openedOf(text: Buffer): SessionFields[] {
  const opened: SessionFields[] = [];
  eachLanding(text, { mark: openedMark, admits: null }, (start, end) => {
    if (!isOfKind(text, openedMark, start, end)) return true;
    const record = JSON.parse(text.toString('utf8', start, end)) as SessionFields & { kind: string };
    const { kind, session, user, database, application_name, client } = record;
    if (kind === 'opened') opened.push({ session, user, database, application_name, client });
    return true;
  });
  return opened;
}

/** Session of a line whose kind has one, read from its bytes. */
function sessionAt(text: Buffer, start: number): string {
  const at = text.indexOf(sessionMark, start) + sessionMark.length;
  return text.toString('latin1', at, text.indexOf(quote, at));
}

/** Collects what was found, in one buffer that grows. */
class Hits {
  readonly #sessions = new Map<string, number>();
  readonly #sessionOf: number[] = [];
  readonly #ends: number[] = [];
  #text = Buffer.allocUnsafeSlow(64 * 1024);
  #length = 0;

  get count(): number {
    return this.#ends.length;
  }

  add(session: string, bytes: Uint8Array): void {
    const end = this.#length + bytes.length + 1;
    if (end > this.#text.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, this.#text.length * 2));
      this.#text.copy(larger, 0, 0, this.#length);
      this.#text = larger;
    }
    this.#text.set(bytes, this.#length);
    this.#text[end - 1] = newline;
    this.#length = end;
    const known = this.#sessions.get(session);
    if (known === undefined) this.#sessions.set(session, this.#sessions.size);
    this.#sessionOf.push(known ?? this.#sessions.size - 1);
    this.#ends.push(end);
  }

  over(opened: readonly SessionFields[]): SegmentHits {
    const buffer = this.#text.buffer as ArrayBuffer;
    return {
      opened,
      sessions: [...this.#sessions.keys()],
      sessionOf: Uint32Array.from(this.#sessionOf),
      ends: Uint32Array.from(this.#ends),
      text: new Uint8Array(buffer, 0, this.#length),
    };
  }
}

/** A filter that asks nothing of a statement itself, so that a line need not be parsed. */
export function takesAll(filter: SearchFilter): boolean {
  const { text, regex, tag, error, sinceMs, untilMs, slowerThanNs, rowsOver } = filter;
  return [text, regex, tag, error, sinceMs, untilMs, slowerThanNs, rowsOver].every((part) => part === null);
}

/** One searcher serves many segments, so that the regular expression and the marks are made once. */
export function searcher(task: ScanTask): (segment: Buffer) => SegmentHits {
  const { filter, form } = task;
  const limit = task.limit === null || needsSession(filter) ? Number.POSITIVE_INFINITY : task.limit;
  const matches = statementTest(filter);
  const hop = hopOf(filter);
  const unread = form === 'lines' && takesAll(filter);
  return (text) => {
    const hits = new Hits();
    eachLanding(text, hop, (start, end) => {
      if (!isOfKind(text, statementMark, start, end)) return true;
      const bytes = text.subarray(start, end);
      if (unread) hits.add(sessionAt(text, start), bytes);
      else {
        const statement = JSON.parse(text.toString('utf8', start, end)) as StatementFields & { kind: string };
        if (statement.kind !== 'statement' || !matches(statement)) return true;
        hits.add(statement.session, form === 'lines' ? bytes : Buffer.from(rowOf(statement)));
      }
      return hits.count < limit;
    });
    return hits.over(openedOf(text));
  };
}
