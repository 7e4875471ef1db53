/** Character classes of PostgreSQL's scanner (scan.l) over UTF-16 code units; knows nothing of tokens. */

export const char = {
  tab: 0x09,
  newline: 0x0a,
  return: 0x0d,
  space: 0x20,
  doubleQuote: 0x22,
  dollar: 0x24,
  percent: 0x25,
  ampersand: 0x26,
  quote: 0x27,
  open: 0x28,
  close: 0x29,
  star: 0x2a,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  slash: 0x2f,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  semicolon: 0x3b,
  equals: 0x3d,
  backslash: 0x5c,
  underscore: 0x5f,
} as const;

const blank = 1;
const wordStart = 2;
const digit = 4;
const hexDigit = 8;

const classes = new Uint8Array(128);
for (const code of [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20]) classes[code] = blank;
for (let code = 0x30; code <= 0x39; code++) classes[code] = digit | hexDigit;
for (let code = 0x41; code <= 0x5a; code++) classes[code] = classes[code + 32] = wordStart;
for (let code = 0x41; code <= 0x46; code++) classes[code] = classes[code + 32] = wordStart | hexDigit;
classes[char.underscore] = wordStart;

/** space, tab, newline, return, form feed, vertical tab: nothing of Unicode, as in the server. */
export function isBlank(code: number): boolean {
  return code <= 0x20 && classes[code] === blank;
}

/** Every byte above 127 may start an identifier, so every unit above 127 may. */
export function isWordStart(code: number): boolean {
  return code >= 0x80 || (classes[code]! & wordStart) !== 0;
}

export function isWordPart(code: number): boolean {
  return code >= 0x80 || code === char.dollar || (classes[code]! & (wordStart | digit)) !== 0;
}

export function isDigit(code: number): boolean {
  return code >= char.zero && code <= char.nine;
}

export function isHexDigit(code: number): boolean {
  return code < 0x80 && (classes[code]! & hexDigit) !== 0;
}

/** The position of the first unit at or after `from` that is no blank. */
export function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && isBlank(text.charCodeAt(at))) at++;
  return at;
}
