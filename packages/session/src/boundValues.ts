/**
 * The parameter values of one Bind or FunctionCall, kept until its record is made: their types may only be
 * told by then. Holds bounded copies of the values as they were sent, secrets taken out on arrival. Knows no
 * statement.
 */
import { hash } from 'node:crypto';
import { redactConninfo } from '@pgtape/sql';
import { type Charset, charsetOf } from './charset.ts';
import type { SessionLimits } from './limits.ts';
import { prefix } from './sqlText.ts';

/** A value that is not kept as it was sent. */
export interface AlteredValue {
  /** Its length on the wire. */
  readonly len: number;
  /** Of the whole value; absent where it held a secret, or was never seen whole. */
  readonly sha256?: string;
  readonly redacted?: true;
}

export interface BoundState {
  readonly formats: number[];
  /** Base64. */
  readonly values: (string | null)[];
  readonly altered?: [number, AlteredValue][];
  readonly encoding?: string;
  readonly inFlight?: true;
}

export class BoundValues {
  /** As sent: none (all text), one (for all), or one each. */
  readonly formats: readonly number[];
  readonly values: readonly (Uint8Array | null)[];
  readonly altered: ReadonlyMap<number, AlteredValue> | null;
  /** What it holds, for the bound over all that is held. */
  readonly bytes: number;
  /** The client encoding of what is not ASCII in them; null where that is UTF8 for certain, or nothing is. */
  charset: Charset | null = null;
  /** The encoding may have changed before it. */
  inFlight = false;

  constructor(
    formats: readonly number[],
    values: readonly (Uint8Array | null)[],
    altered: ReadonlyMap<number, AlteredValue> | null,
    bytes: number,
  ) {
    this.formats = formats;
    this.values = values;
    this.altered = altered;
    this.bytes = bytes;
  }

  /** A secret was taken out of one of the values. */
  get secret(): boolean {
    if (this.altered === null) return false;
    for (const value of this.altered.values()) if (value.redacted === true) return true;
    return false;
  }

  state(): BoundState {
    return {
      formats: [...this.formats],
      values: this.values.map((value) => (value === null ? null : Buffer.from(value).toString('base64'))),
      ...(this.altered !== null && { altered: [...this.altered] }),
      ...(this.charset !== null && { encoding: this.charset.name }),
      ...(this.inFlight && { inFlight: true as const }),
    };
  }

  static of(state: BoundState): BoundValues {
    const altered = state.altered === undefined ? null : new Map(state.altered);
    const values = state.values.map((value) => (value === null ? null : Buffer.from(value, 'base64')));
    const bytes = values.reduce((sum, value) => sum + valueBytes + (value?.length ?? 0), 0);
    const bound = new BoundValues(state.formats, values, altered, bytes);
    if (state.encoding !== undefined) bound.charset = charsetOf(state.encoding);
    bound.inFlight = state.inFlight === true;
    return bound;
  }
}

/** What a value takes beside its bytes, about. */
const valueBytes = 64;
const noFormats: readonly number[] = [];
/** Up to this size a loop copies faster than a call. */
const loopBytesMax = 64;

/**
 * Copies the section of counted format codes and counted values at `offset`; null where the server would
 * refuse it.
 * @param whole false: `body` is the message's first bytes only; what is there is taken
 */
export function bindValues(
  body: Uint8Array,
  offset: number,
  whole: boolean,
  limits: SessionLimits,
): BoundValues | null {
  const end = body.length;
  let at = offset + 2;
  if (at > end) return null;
  const formatsCount = uint16(body, offset);
  if (at + 2 * formatsCount + 2 > end) return null;
  let formats = noFormats;
  if (formatsCount > 0) {
    const kept: number[] = [];
    for (let number = 0; number < formatsCount && number < limits.paramsMax; number += 1) {
      kept.push(uint16(body, at + 2 * number));
    }
    formats = kept;
  }
  at += 2 * formatsCount;
  const count = uint16(body, at);
  return copied(body, at + 2, count, formats, whole, limits);
}

function copied(
  body: Uint8Array,
  from: number,
  count: number,
  formats: readonly number[],
  whole: boolean,
  limits: SessionLimits,
): BoundValues | null {
  const end = body.length;
  const values: (Uint8Array | null)[] = [];
  let altered: Map<number, AlteredValue> | null = null;
  let bytes = 0;
  let at = from;
  for (let number = 0; number < count; number += 1) {
    if (at + 4 > end) return whole ? null : new BoundValues(formats, values, altered, bytes);
    const length = int32(body, at);
    at += 4;
    if (length < -1 || (whole && length > end - at)) return null;
    const last = Math.min(end, at + Math.max(0, length));
    if (number < limits.paramsMax) {
      const change = length < 0 ? null : changed(body, at, last, length, limits.paramBytesMax);
      if (change !== null) {
        altered ??= new Map();
        altered.set(number, change.altered);
      }
      const value = length < 0 ? null : (change?.value ?? copy(body, at, last));
      values.push(value);
      bytes += valueBytes + (value?.length ?? 0);
    }
    at = last;
  }
  return new BoundValues(formats, values, altered, bytes);
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function int32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  // From Buffer's pool: decoding a small array of V8's own heap first moves it out of there, for half a
  // microsecond.
  const made = Buffer.allocUnsafe(length);
  if (length > loopBytesMax) made.set(bytes.subarray(start, end));
  else for (let at = 0; at < length; at += 1) made[at] = bytes[start + at]!;
  return made;
}

/** What is kept of a value that cannot be kept as it is; null for all others. */
function changed(
  bytes: Uint8Array,
  start: number,
  end: number,
  length: number,
  bytesMax: number,
): { value: Uint8Array; altered: AlteredValue } | null {
  if (mayHoldSecret(bytes, start, end)) {
    const secret = redactConninfo(Buffer.prototype.toString.call(bytes, 'utf8', start, end));
    if (secret !== null) {
      return { value: Buffer.from(prefix(secret, bytesMax)), altered: { len: length, redacted: true } };
    }
  }
  const seen = end - start;
  if (seen === length && length <= bytesMax) return null;
  let last = Math.min(end, start + bytesMax);
  // Ends between two characters, should they be UTF-8.
  for (let back = 0; back < 3 && last < end && (bytes[last]! & 0xc0) === 0x80; back += 1) last -= 1;
  const value = Buffer.from(bytes.subarray(start, last));
  if (seen < length) return { value, altered: { len: length } };
  return { value, altered: { len: length, sha256: hash('sha256', bytes.subarray(start, end)) } };
}

/**
 * Every connection string with a password in it has `pass` or `://`; nothing without one of them is looked at
 * again.
 */
function mayHoldSecret(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end - 2; at += 1) {
    const byte = bytes[at]!;
    if (byte === 0x3a) {
      if (bytes[at + 1] === 0x2f && bytes[at + 2] === 0x2f) return true;
    } else if (
      (byte | 0x20) === 0x70 &&
      (bytes[at + 1]! | 0x20) === 0x61 &&
      (bytes[at + 2]! | 0x20) === 0x73
    ) {
      return true;
    }
  }
  return false;
}
