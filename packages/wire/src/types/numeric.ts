/**
 * Owns decoding `numeric`: exact decimal digits, never a floating point number. Source: `numeric_recv`,
 * `get_str_from_var`.
 */
import { refuse, type ValueDecoder } from './valueDecoder.ts';

const positive = 0x0000;
const negative = 0x4000;
const specials: Readonly<Record<number, string>> = { 49152: 'NaN', 53248: 'Infinity', 61440: '-Infinity' };
/** `NUMERIC_DSCALE_MAX`. */
const scaleMax = 0x3fff;
/** Base 10,000: four decimal digits to each digit on the wire. */
const digitMax = 9999;

/**
 * Digits on the wire, most significant first, the first one worth 10000^weight; digits beyond `scale` are cut
 * off.
 */
export const numeric: ValueDecoder = (cursor) => {
  const count = cursor.uint16();
  const weight = cursor.int16();
  const sign = cursor.uint16();
  const scale = cursor.uint16();
  const plain = sign === positive || sign === negative;
  if (scale > scaleMax || count * 2 !== cursor.rest || !(plain || sign in specials)) return refuse(cursor);
  let digits = '';
  for (let i = 0; i < count; i += 1) {
    const digit = cursor.uint16();
    if (digit > digitMax) return refuse(cursor);
    digits += String(digit).padStart(4, '0');
  }
  if (!plain) return specials[sign] ?? '';
  const wholeDigits = 4 * (weight + 1);
  const whole =
    wholeDigits > 0 ? digits.slice(0, wholeDigits).padEnd(wholeDigits, '0').replace(/^0+/, '') : '';
  const leading = Math.min(Math.max(-wholeDigits, 0), scale);
  const written = digits.slice(Math.max(wholeDigits, 0), Math.max(wholeDigits, 0) + scale - leading);
  const fraction = ('0'.repeat(leading) + written).padEnd(scale, '0');
  const magnitude = `${whole === '' ? '0' : whole}${scale > 0 ? `.${fraction}` : ''}`;
  // There is no negative zero.
  return sign === negative && /[1-9]/.test(magnitude) ? `-${magnitude}` : magnitude;
};
