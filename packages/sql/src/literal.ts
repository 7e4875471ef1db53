/**
 * What a literal or an identifier token means: its value with quotes, escapes and continuations resolved.
 * Total.
 */
import { char, isHexDigit } from './characters.ts';
import { continuation, Lexer, token } from './lexer.ts';

/** NAMEDATALEN - 1: longer identifiers are the same identifier (docs, "Identifiers and Key Words"). */
export const IDENTIFIER_BYTES_MAX = 63;

const replacement = '\ufffd';
const utf8 = new TextDecoder();
const encoder = new TextEncoder();
const identifierRoom = new Uint8Array(IDENTIFIER_BYTES_MAX);

/** The value of the string literal the lexer stands on. Of a bit string: its digits as written. */
export function literalValue(lexer: Lexer): string {
  switch (lexer.kind) {
    case token.escapeString:
      return unescapeBackslashes(pieces(lexer));
    case token.unicodeString:
      return unescapeUnicode(pieces(lexer), unicodeEscapeAfter(lexer));
    case token.dollarString:
      return lexer.body();
    default:
      return undouble(pieces(lexer), "'");
  }
}

/**
 * The name of the identifier the lexer stands on, folded and truncated as the server does; null on any other
 * token.
 */
export function identifierName(lexer: Lexer): string | null {
  switch (lexer.kind) {
    case token.word:
      return truncateIdentifier(lexer.raw().replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase()));
    case token.quotedWord:
      return truncateIdentifier(undouble(lexer.body(), '"'));
    case token.unicodeWord: {
      const body = undouble(lexer.body(), '"');
      return truncateIdentifier(unescapeUnicode(body, unicodeEscapeAfter(lexer)));
    }
    default:
      return null;
  }
}

function truncateIdentifier(name: string): string {
  if (name.length * 3 <= IDENTIFIER_BYTES_MAX) return name;
  const { read } = encoder.encodeInto(name, identifierRoom);
  return read < name.length ? name.slice(0, read) : name;
}

function undouble(body: string, quote: string): string {
  return body.includes(quote) ? body.replaceAll(quote + quote, quote) : body;
}

/** The body without what stands between the pieces of a continued literal. */
function pieces(lexer: Lexer): string {
  if (!lexer.continued) return lexer.body();
  const { text, bodyEnd } = lexer;
  const escapes = lexer.kind === token.escapeString;
  let out = '';
  let from = lexer.bodyStart;
  for (let at = from; at < bodyEnd; at++) {
    const code = text.charCodeAt(at);
    if (escapes && code === char.backslash) at++;
    else if (code === char.quote) {
      if (text.charCodeAt(at + 1) === char.quote) at++;
      else {
        out += text.slice(from, at);
        from = continuation(text, at + 1);
        at = from - 1;
      }
    }
  }
  return out + text.slice(from, bodyEnd);
}

const letters: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** E'' (docs, "String Constants with C-Style Escapes"); \ooo and \xhh give bytes of UTF-8. */
function unescapeBackslashes(body: string): string {
  if (!body.includes('\\')) return undouble(body, "'");
  const escapes = /\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))|''/gs;
  let out = '';
  let from = 0;
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) out += utf8.decode(Uint8Array.from(bytes));
    bytes = [];
  };
  for (const match of body.matchAll(escapes)) {
    const [all, octal, hex, unit, point, other] = match;
    if (match.index > from) {
      flush();
      out += body.slice(from, match.index);
    }
    from = match.index + all.length;
    const byte = octal !== undefined ? Number.parseInt(octal, 8) & 255 : hex && Number.parseInt(hex, 16);
    if (typeof byte === 'number') {
      bytes.push(byte);
      continue;
    }
    flush();
    if (unit !== undefined) out += String.fromCharCode(Number.parseInt(unit, 16));
    else if (point !== undefined) out += codePoint(point);
    else out += other === undefined ? "'" : (letters[other] ?? other);
  }
  flush();
  return out + body.slice(from);
}

function codePoint(hex: string): string {
  const code = Number.parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : replacement;
}

/**
 * U&'' and U&"": the mark and XXXX, the mark and +XXXXXX, the mark twice. Doubled quotes are already resolved
 * in identifiers.
 */
function unescapeUnicode(body: string, markCode: number): string {
  const text = undouble(body, "'");
  const mark = String.fromCharCode(markCode);
  let at = text.indexOf(mark);
  if (at < 0) return text;
  let out = '';
  let from = 0;
  while (at >= 0) {
    out += text.slice(from, at);
    const digits = text.charCodeAt(at + 1) === char.plus ? 6 : 4;
    const start = digits === 6 ? at + 2 : at + 1;
    if (text.charCodeAt(at + 1) === markCode) {
      out += mark;
      from = at + 2;
    } else if (allHex(text, start, digits)) {
      const hex = text.slice(start, start + digits);
      out += digits === 4 ? String.fromCharCode(Number.parseInt(hex, 16)) : codePoint(hex);
      from = start + digits;
    } else {
      out += mark;
      from = at + 1;
    }
    at = text.indexOf(mark, from);
  }
  return out + text.slice(from);
}

function allHex(text: string, start: number, digits: number): boolean {
  if (start + digits > text.length) return false;
  for (let at = start; at < start + digits; at++) {
    if (!isHexDigit(text.charCodeAt(at))) return false;
  }
  return true;
}

/** The escape character a following UESCAPE 'c' names, else the backslash. */
function unicodeEscapeAfter(lexer: Lexer): number {
  const ahead = new Lexer(lexer.text, undefined, lexer.end);
  ahead.next();
  if (!ahead.isWord('UESCAPE')) return char.backslash;
  if (ahead.next() !== token.string || ahead.bodyEnd - ahead.bodyStart !== 1) return char.backslash;
  return ahead.text.charCodeAt(ahead.bodyStart);
}
