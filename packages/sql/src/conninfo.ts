/**
 * Passwords in libpq connection strings (docs, "Connection Strings"): keyword=value pairs and URIs. Works on
 * any text and errs towards finding too much; knows nothing of SQL.
 */
import { char, isBlank, skipBlanks } from './characters.ts';

export const REDACTED = '[redacted]';

/** Where a password stands in a text; `start === end` where one would stand at the text's end. */
export interface PasswordSpan {
  readonly start: number;
  readonly end: number;
  /** Blanks stand between keyword and `=`, as they may in a connection string and often do in other texts. */
  readonly spaced: boolean;
  /** The value is cut off by the text's end or a format placeholder: it is written elsewhere. */
  readonly open: boolean;
}

const hint = /:\/\/|passw(?:or)?d|pwd/i;
const hints = new RegExp(hint.source, 'gi');
const placeholder = /^%(?:\d{1,9}\$)?-?\d{0,9}[sLI]/;
const postgresScheme = /postgres(?:ql)?$/i;
const opening = /^\s*(?:\w{1,63}\s*=|postgres(?:ql)?:\/\/)/i;
const otherPair = /\b(?:host|hostaddr|port|dbname|user|service|sslmode|passfile)\s*=/i;

/** The text's value is made up by `format`: `%s`, `%1$L`. */
export function isPlaceholder(text: string): boolean {
  return placeholder.test(text);
}

/** It begins as a connection string does. */
export function looksLikeConninfo(text: string): boolean {
  return opening.test(text);
}

/**
 * Whether blanks around `=` mean a connection string here: it begins like one, or has another pair of one.
 */
export function hasConninfoPairs(text: string): boolean {
  return opening.test(text) || otherPair.test(text);
}

/**
 * For values that are data (parameters): the text with every password of a connection string or URI in it
 * replaced by `[redacted]`, null when there is none.
 */
export function redactConninfo(text: string): string | null {
  if (!hint.test(text)) return null;
  let out = '';
  let from = 0;
  for (const { start, end } of passwordSpans(text)) {
    if (start < from || start === end || text.slice(start, end) === REDACTED) continue;
    out += text.slice(from, start) + REDACTED;
    from = end;
  }
  return from === 0 ? null : out + text.slice(from);
}

/** All passwords, in order of their beginning. Linear in the text's length. */
export function passwordSpans(text: string): PasswordSpan[] {
  const spans: PasswordSpan[] = [];
  const userinfo = new UserinfoReader(text);
  hints.lastIndex = 0;
  for (let match = hints.exec(text); match !== null; match = hints.exec(text)) {
    const after = match.index + match[0].length;
    const span = match[0] === '://' ? userinfo.at(match.index) : pairValue(text, after);
    if (span === null) continue;
    spans.push(span);
    hints.lastIndex = Math.max(after, span.end);
  }
  return spans;
}

/** The value of `password = value`, from behind the keyword. libpq skips blanks on both sides of `=`. */
function pairValue(text: string, after: number): PasswordSpan | null {
  const equals = skipBlanks(text, after);
  if (text.charCodeAt(equals) !== char.equals) return null;
  const first = skipBlanks(text, equals + 1);
  const spaced = equals > after;
  const quote = text.charCodeAt(first);
  const quoted = quote === char.quote || quote === char.doubleQuote;
  const start = quoted ? first + 1 : first;
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === char.backslash) end++;
    else if (quoted ? code === quote : isBlank(code)) break;
  }
  end = Math.min(end, text.length);
  if (start === end && end < text.length) return null;
  const cut = quoted ? end === text.length : start === end;
  return { start, end, spaced, open: cut || isPlaceholder(text.slice(start, end)) };
}

/**
 * Reads `user:password@` behind `://`; remembers each run of text without blanks, so that all of them cost
 * one pass.
 */
class UserinfoReader {
  readonly #text: string;
  #runEnd = -1;
  #lastAt = -1;

  constructor(text: string) {
    this.#text = text;
  }

  at(scheme: number): PasswordSpan | null {
    const text = this.#text;
    const from = scheme + 3;
    this.#measureRun(from);
    let authorityEnd = from;
    let colon = -1;
    let atSign = -1;
    for (; authorityEnd < this.#runEnd; authorityEnd++) {
      const code = text.charCodeAt(authorityEnd);
      if (code === char.slash || code === 0x3f || code === 0x23) break;
      if (code === char.colon && colon < 0) colon = authorityEnd;
      if (code === 0x40) atSign = authorityEnd;
    }
    if (colon < 0 || (atSign >= 0 && atSign < colon)) return null;
    const start = colon + 1;
    if (atSign >= 0) return this.#span(start, atSign);
    // A reserved character in the password should have been percent-encoded; people forget.
    const tail = text.slice(start, Math.min(authorityEnd, start + 20));
    const postgres = postgresScheme.test(text.slice(Math.max(0, scheme - 10), scheme));
    if (postgres && this.#lastAt > start && !/^\d*$/.test(tail)) return this.#span(start, this.#lastAt);
    if (start === text.length || isPlaceholder(tail)) return { start, end: start, spaced: false, open: true };
    return null;
  }

  #span(start: number, end: number): PasswordSpan | null {
    if (start === end) return null;
    return { start, end, spaced: false, open: isPlaceholder(this.#text.slice(start, end)) };
  }

  #measureRun(from: number): void {
    if (from <= this.#runEnd) return;
    const text = this.#text;
    let end = from;
    this.#lastAt = -1;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (isBlank(code) || code === char.quote || code === char.doubleQuote) break;
      if (code === 0x40) this.#lastAt = end;
    }
    this.#runEnd = end;
  }
}
