/**
 * Cuts SQL text into PostgreSQL's tokens (docs, "Lexical Structure"; scan.l). Total and linear: any string is
 * a list of tokens, a literal or comment that never ends runs to the end of the text. It refuses to know what
 * a token means.
 */
import { char, isBlank, isDigit, isHexDigit, isWordPart, isWordStart, skipBlanks } from './characters.ts';

/** What a client may tell about its session; the server's defaults where it does not. */
export interface SqlOptions {
  /** `false`: a backslash escapes in plain '...' literals too. Default true, as in every server since 9.1. */
  readonly standardConformingStrings?: boolean;
}

export const token = {
  end: 0,
  /** Keyword or unquoted identifier. */
  word: 1,
  /** "..." */
  quotedWord: 2,
  /** U&"..." */
  unicodeWord: 3,
  /** '...' or N'...' */
  string: 4,
  /** E'...', and '...' where standard_conforming_strings is off. */
  escapeString: 5,
  /** U&'...' */
  unicodeString: 6,
  /** B'...' or X'...' */
  bitString: 7,
  /** $tag$...$tag$ */
  dollarString: 8,
  number: 9,
  /** $1 */
  parameter: 10,
  /** One character of an operator or of punctuation, in `symbol`. */
  symbol: 11,
  comment: 12,
} as const;
export type Token = (typeof token)[keyof typeof token];

/** True for the kinds the grammar accepts where a value is written as text, and for bit strings. */
export function isLiteral(kind: Token): boolean {
  return kind >= token.string && kind <= token.dollarString;
}

/** A cursor over one text. `next` moves to the following token; the fields describe the one it stands on. */
export class Lexer {
  readonly text: string;
  readonly #plainString: Token;
  kind: Token = token.end;
  start = 0;
  end = 0;
  /** Of literals, quoted words and comments: what stands between the delimiters. */
  bodyStart = 0;
  bodyEnd = 0;
  /** The delimiter that ends it was there. */
  closed = true;
  /** A literal written in several pieces: 'a' newline 'b'. */
  continued = false;
  symbol = 0;

  constructor(text: string, options?: SqlOptions, from = 0) {
    this.text = text;
    this.#plainString = options?.standardConformingStrings === false ? token.escapeString : token.string;
    this.end = from;
  }

  /** The next token that is no comment. */
  next(): Token {
    let kind = this.nextWithComments();
    while (kind === token.comment) kind = this.nextWithComments();
    return kind;
  }

  nextWithComments(): Token {
    const at = skipBlanks(this.text, this.end);
    this.start = at;
    if (at >= this.text.length) return this.#finish(token.end, at);
    const code = this.text.charCodeAt(at);
    if (isWordStart(code)) return this.#word(at, code);
    if (isDigit(code)) return this.#number(at);
    switch (code) {
      case char.quote:
        return this.#quoted(this.#plainString, at + 1);
      case char.doubleQuote:
        return this.#quotedWord(token.quotedWord, at + 1);
      case char.dollar:
        return this.#dollar(at);
      case char.minus:
        return this.#peek(at + 1) === char.minus ? this.#lineComment(at) : this.#symbol(at, code);
      case char.slash:
        return this.#peek(at + 1) === char.star ? this.#blockComment(at) : this.#symbol(at, code);
      default:
        return this.#symbol(at, code);
    }
  }

  /** The token is the word `upper` (ASCII capitals), written in any case and without quotes. */
  isWord(upper: string): boolean {
    const length = upper.length;
    if (this.kind !== token.word || this.end - this.start !== length) return false;
    for (let i = 0; i < length; i++) {
      const code = this.text.charCodeAt(this.start + i);
      const folded = code >= 0x61 && code <= 0x7a ? code - 32 : code;
      if (folded !== upper.charCodeAt(i)) return false;
    }
    return true;
  }

  isSymbol(code: number): boolean {
    return this.kind === token.symbol && this.symbol === code;
  }

  body(): string {
    return this.text.slice(this.bodyStart, this.bodyEnd);
  }

  raw(): string {
    return this.text.slice(this.start, this.end);
  }

  #peek(at: number): number {
    return at < this.text.length ? this.text.charCodeAt(at) : -1;
  }

  #finish(kind: Token, end: number): Token {
    this.kind = kind;
    this.end = end;
    return kind;
  }

  #symbol(at: number, code: number): Token {
    this.symbol = code;
    return this.#finish(token.symbol, at + 1);
  }

  #word(at: number, first: number): Token {
    const second = this.#peek(at + 1);
    if (second === char.quote) {
      switch (first | 0x20) {
        case 0x65:
          return this.#quoted(token.escapeString, at + 2);
        case 0x6e:
          return this.#quoted(this.#plainString, at + 2);
        case 0x62:
        case 0x78:
          return this.#quoted(token.bitString, at + 2);
        default:
      }
    } else if (second === char.ampersand && (first | 0x20) === 0x75) {
      const third = this.#peek(at + 2);
      if (third === char.quote) return this.#quoted(token.unicodeString, at + 3);
      if (third === char.doubleQuote) return this.#quotedWord(token.unicodeWord, at + 3);
    }
    let end = at + 1;
    while (end < this.text.length && isWordPart(this.text.charCodeAt(end))) end++;
    return this.#finish(token.word, end);
  }

  /**
   * Letters right behind a number start a word, as they did up to server 14; later servers refuse the text.
   */
  #number(at: number): Token {
    const radix = this.#peek(at + 1) | 0x20;
    let end = at;
    if (this.text.charCodeAt(at) === char.zero && (radix === 0x78 || radix === 0x6f || radix === 0x62)) {
      end = this.#digits(at + 2, isHexDigit);
      if (end > at + 2) return this.#finish(token.number, end);
    }
    end = this.#digits(at, isDigit);
    if (this.#peek(end) === char.dot && this.#peek(end + 1) !== char.dot)
      end = this.#digits(end + 1, isDigit);
    if ((this.#peek(end) | 0x20) === 0x65) {
      const sign = this.#peek(end + 1);
      const digits = sign === char.plus || sign === char.minus ? end + 2 : end + 1;
      if (isDigit(this.#peek(digits))) end = this.#digits(digits, isDigit);
    }
    return this.#finish(token.number, end);
  }

  #digits(from: number, belongs: (code: number) => boolean): number {
    let at = from;
    for (; at < this.text.length; at++) {
      const code = this.text.charCodeAt(at);
      if (belongs(code)) continue;
      if (code !== char.underscore || at + 1 >= this.text.length) break;
      if (!belongs(this.text.charCodeAt(at + 1))) break;
    }
    return at;
  }

  #quotedWord(kind: Token, bodyStart: number): Token {
    this.bodyStart = bodyStart;
    let at = this.text.indexOf('"', bodyStart);
    while (at >= 0 && this.#peek(at + 1) === char.doubleQuote) at = this.text.indexOf('"', at + 2);
    this.closed = at >= 0;
    this.bodyEnd = at < 0 ? this.text.length : at;
    return this.#finish(kind, at < 0 ? this.text.length : at + 1);
  }

  #quoted(kind: Token, bodyStart: number): Token {
    this.bodyStart = bodyStart;
    this.continued = false;
    let from = bodyStart;
    for (;;) {
      const at = kind === token.escapeString ? this.#escapedEnd(from) : this.#plainEnd(from);
      this.closed = at >= 0;
      this.bodyEnd = at < 0 ? this.text.length : at;
      if (at < 0) return this.#finish(kind, this.text.length);
      const next = continuation(this.text, at + 1);
      if (next < 0) return this.#finish(kind, at + 1);
      this.continued = true;
      from = next;
    }
  }

  #plainEnd(from: number): number {
    let at = this.text.indexOf("'", from);
    while (at >= 0 && this.#peek(at + 1) === char.quote) at = this.text.indexOf("'", at + 2);
    return at;
  }

  #escapedEnd(from: number): number {
    for (let at = from; at < this.text.length; at++) {
      const code = this.text.charCodeAt(at);
      if (code === char.backslash) at++;
      else if (code === char.quote) {
        if (this.#peek(at + 1) !== char.quote) return at;
        at++;
      }
    }
    return -1;
  }

  #dollar(at: number): Token {
    let end = at + 1;
    const first = this.#peek(end);
    if (isDigit(first)) return this.#finish(token.parameter, this.#digits(end, isDigit));
    if (first >= 0 && isWordStart(first)) {
      while (end < this.text.length && isTagPart(this.text.charCodeAt(end))) end++;
    }
    if (this.#peek(end) !== char.dollar) return this.#symbol(at, char.dollar);
    const tag = this.text.slice(at, end + 1);
    const close = this.text.indexOf(tag, end + 1);
    this.bodyStart = end + 1;
    this.bodyEnd = close < 0 ? this.text.length : close;
    this.closed = close >= 0;
    this.continued = false;
    return this.#finish(token.dollarString, close < 0 ? this.text.length : close + tag.length);
  }

  #lineComment(at: number): Token {
    let end = at + 2;
    while (end < this.text.length && !isNewline(this.text.charCodeAt(end))) end++;
    this.bodyStart = at + 2;
    this.bodyEnd = end;
    this.closed = true;
    return this.#finish(token.comment, end);
  }

  #blockComment(at: number): Token {
    let depth = 1;
    let end = at + 2;
    for (; end < this.text.length && depth > 0; end++) {
      const code = this.text.charCodeAt(end);
      if (code === char.slash && this.#peek(end + 1) === char.star) {
        depth++;
        end++;
      } else if (code === char.star && this.#peek(end + 1) === char.slash) {
        depth--;
        end++;
      }
    }
    this.bodyStart = at + 2;
    this.closed = depth === 0;
    this.bodyEnd = this.closed ? end - 2 : this.text.length;
    return this.#finish(token.comment, end);
  }
}

function isNewline(code: number): boolean {
  return code === char.newline || code === char.return;
}

function isTagPart(code: number): boolean {
  return code !== char.dollar && isWordPart(code);
}

/**
 * Where the next piece's body starts if a literal that ended before `from` goes on: blanks and -- comments
 * with at least one newline, then a quote. -1 where it does not.
 */
export function continuation(text: string, from: number): number {
  let newline = false;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isNewline(code)) newline = true;
    else if (code === char.quote) return newline ? at + 1 : -1;
    else if (code === char.minus && text.charCodeAt(at + 1) === char.minus) {
      while (at < text.length && !isNewline(text.charCodeAt(at))) at++;
      at--;
    } else if (!isBlank(code)) return -1;
  }
  return -1;
}
