/** Colour and the safety of text on a terminal. Colours only where a person looks; never raw control characters. */
import type { Io, Output } from './io.ts';

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const plain: Paint = {
  bold: (text) => text,
  dim: (text) => text,
  red: (text) => text,
  green: (text) => text,
  yellow: (text) => text,
  cyan: (text) => text,
};

const code = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`;

const coloured: Paint = {
  bold: code(1, 22),
  dim: code(2, 22),
  red: code(31, 39),
  green: code(32, 39),
  yellow: code(33, 39),
  cyan: code(36, 39),
};

/** Colour if `output` is a terminal, `NO_COLOR` is unset (no-color.org) and `--no-color` was not given. */
export function paintFor(io: Io, output: Output, wanted: boolean): Paint {
  const refused = !wanted || (io.env.NO_COLOR ?? '') !== '' || io.env.TERM === 'dumb';
  return output.isTTY && !refused ? coloured : plain;
}

/** Everything that `printable` may have to change; most texts hold nothing of it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

/** Recorded text may hold escape sequences that would drive the reader's terminal: each control character is shown instead. */
export function printable(text: string, keepNewlines = false): string {
  if (!unprintable.test(text)) return text;
  let shown = '';
  for (const char of text) {
    const point = char.codePointAt(0) as number;
    const isControl = point < 0x20 || (point >= 0x7f && point < 0xa0) || point === 0x2028 || point === 0x2029;
    const isBidi = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
    if (keepNewlines && (char === '\n' || char === '\t')) shown += char;
    else if (isControl || isBidi) shown += point < 0x20 ? String.fromCodePoint(0x2400 + point) : '\ufffd';
    else shown += char;
  }
  return shown;
}
