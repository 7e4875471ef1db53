/**
 * Owns printing floating point numbers as PostgreSQL 12 and later do: the shortest decimal that reads back
 * as the same number. Source: `src/common/d2s.c`, `f2s.c`. Knows nothing of where the numbers come from.
 *
 * JavaScript's own shortest decimal may lie exactly halfway between two numbers and rely on ties going to
 * the even one; PostgreSQL never prints such a decimal. It is then longer by a digit.
 */
import type { ValueDecoder } from './valueDecoder.ts';

const view = new DataView(new ArrayBuffer(8));

/** From this power of ten on, `%g` of a float4 or a float8 turns to exponents. */
const fixedMax4 = 1e6;
const fixedMax8 = 1e15;
const fixedMin = 1e-4;

function special(value: number): string | null {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return null;
}

/** C prints at least two digits of exponent. */
function exponential(digits: string): string {
  return digits.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** A finite positive whole number in decimal digits: exactly, from a form like `1.25e+30`. */
function wholeNumber(digits: string): bigint {
  const [mantissa = '', exponent = '0'] = digits.split('e');
  const [units = '', fraction = ''] = mantissa.split('.');
  return BigInt(units + fraction.padEnd(Number(exponent), '0'));
}

/**
 * Whether a decimal reads back as `value` without relying on a tie. Only whole numbers from 2^53 on can tie.
 */
function isInside8(digits: string, value: number): boolean {
  if (Number(digits) !== value) return false;
  view.setFloat64(0, value);
  const bits = view.getBigInt64(0);
  view.setBigInt64(0, bits + 1n);
  const above = view.getFloat64(0);
  view.setBigInt64(0, bits - 1n);
  const below = view.getFloat64(0);
  const exact = BigInt(value);
  const decimal = wholeNumber(digits);
  if (decimal > exact) return !Number.isFinite(above) || 2n * (decimal - exact) < BigInt(above) - exact;
  return 2n * (exact - decimal) < exact - BigInt(below);
}

/** Ties are possible only where the decimal's 17 digits can name a point between two whole numbers. */
const tieMin = 2 ** 53;
const tieMax = 1e40;

function shortest8(magnitude: number): string {
  const digits = magnitude.toExponential();
  if (magnitude < tieMin || magnitude > tieMax || isInside8(digits, magnitude)) return digits;
  for (let places = 14; places < 16; places += 1) {
    const longer = magnitude.toExponential(places);
    if (isInside8(longer, magnitude)) return longer;
  }
  return magnitude.toExponential(16);
}

/** A float8 as PostgreSQL prints it. */
export function float8Text(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= fixedMin && magnitude < fixedMax8) return String(value);
  return special(value) ?? (value < 0 ? '-' : '') + exponential(shortest8(magnitude));
}

/** Halfway to the next float4 up (1) or down (-1): exact as a double. */
function halfway4(magnitude: number, direction: 1 | -1): number {
  view.setFloat32(0, magnitude);
  const bits = view.getInt32(0);
  view.setInt32(0, bits + direction);
  const next = view.getFloat32(0);
  if (Number.isFinite(next)) return (magnitude + next) / 2;
  // Above the largest float4: as far as to the one below.
  view.setInt32(0, bits - 1);
  return magnitude + (magnitude - view.getFloat32(0)) / 2;
}

/**
 * The nearest decimal with `places` digits after the first one. Between two as near, JavaScript takes the
 * larger one, PostgreSQL the even one.
 */
function nearest4(magnitude: number, places: number): string {
  const digits = magnitude.toExponential(places);
  const longer = magnitude.toExponential(places + 1);
  const isTie = longer.includes('5e') && Number(longer) === magnitude;
  return isTie ? digits.replace(/[13579](?=e)/, (odd) => String(Number(odd) - 1)) : digits;
}

/** The shortest decimal strictly between the two halfway points, as the double nearest to it. */
function shortest4(magnitude: number): number {
  const low = halfway4(magnitude, -1);
  const high = halfway4(magnitude, 1);
  for (let places = 0; places < 8; places += 1) {
    const digits = nearest4(magnitude, places);
    const decimal = Number(digits);
    if (decimal > low && decimal < high) return decimal;
    // At a power of two the space below is half the space above, and the nearest decimal may miss where the
    // next one fits.
    const step = Number(`1e${Number(digits.slice(digits.indexOf('e') + 1)) - places}`);
    const above = Number((decimal + step).toExponential(places));
    if (decimal <= low && above < high) return above;
  }
  return Number(nearest4(magnitude, 8));
}

/** A float4 (given as the double of the same value) as PostgreSQL prints it. */
export function float4Text(value: number): string {
  const plain = special(value);
  if (plain !== null) return plain;
  const decimal = shortest4(Math.abs(value));
  const sign = value < 0 ? '-' : '';
  if (decimal >= fixedMin && decimal < fixedMax4) return sign + String(decimal);
  return sign + exponential(decimal.toExponential());
}

/** `float4recv`. */
export const float4: ValueDecoder = (cursor) => float4Text(cursor.float32());
/** `float8recv`. */
export const float8: ValueDecoder = (cursor) => float8Text(cursor.float64());
