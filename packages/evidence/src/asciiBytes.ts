/**
 * Writes the small parts lines are made of straight into bytes: a string glued together first would be written
 * twice. Knows no field.
 */
import { textJson } from './jsonText.ts';

const smallMax = 0x3fffffff;
/** Up to this length a loop in JavaScript is faster than a call. */
const loopUnitsMax = 24;
const quote = 0x22;
const backslash = 0x5c;

export function putBlock(out: Uint8Array, pos: number, block: Uint8Array): number {
  out.set(block, pos);
  return pos + block.length;
}

/** Text of ASCII only: ids, digits, words of the schema. */
export function putAscii(out: Buffer, pos: number, text: string): number {
  return pos + out.write(text, pos, text.length, 'latin1');
}

/** A number as JSON writes it. */
export function putCount(out: Buffer, pos: number, value: number): number {
  if (!(value >= 0 && value <= smallMax) || !Number.isInteger(value))
    return putAscii(out, pos, String(value));
  let rest = value | 0;
  let end = pos + 1;
  for (let power = 10; power <= rest; power *= 10) end += 1;
  for (let at = end - 1; at >= pos; at -= 1) {
    const tenth = (rest / 10) | 0;
    out[at] = 48 + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}

/** Any text as UTF-8. */
export function putText(out: Buffer, pos: number, text: string): number {
  return pos + out.write(text, pos, 'utf8');
}

/** A JSON string, quotes included, byte for byte as JSON.stringify writes it. */
export function putJson(out: Buffer, pos: number, text: string): number {
  const { length } = text;
  if (length > loopUnitsMax) return putText(out, pos, textJson(text));
  out[pos] = quote;
  for (let i = 0; i < length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === quote || unit === backslash) {
      return putText(out, pos, textJson(text));
    }
    out[pos + 1 + i] = unit;
  }
  out[pos + 1 + length] = quote;
  return pos + length + 2;
}
