/**
 * Owns decoding dates, times and intervals, printed as with `DateStyle = ISO`, `IntervalStyle = postgres` and
 * `TimeZone = UTC`. Source: `src/backend/utils/adt/{date,timestamp,datetime}.c`.
 */
import type { Cursor } from '../cursor.ts';
import { refuse, type ValueDecoder } from './valueDecoder.ts';

const usPerSecond = 1_000_000;
const usPerHour = 3_600 * usPerSecond;
const usPerDay = 24 * usPerHour;
/** Days from the civil epoch 0000-03-01 to PostgreSQL's, 2000-01-01. */
const epochDays = 730_425;
/**
 * 4714-11-24 BC, the first day there is (`DATETIME_MIN_JULIAN`), and the first one too far, in days from
 * 2000-01-01.
 */
const dayMin = -2_451_545;
const dayEnd = 2_145_031_949;
/** `MIN_TIMESTAMP`, `END_TIMESTAMP`. */
const timestampMin = -211_813_488_000_000_000n;
const timestampEnd = 9_223_371_331_200_000_000n;
const int32Min = -0x8000_0000;
const int32Max = 0x7fff_ffff;
/** `TZDISP_LIMIT`: seconds a time zone may be away from UTC, exclusive. */
const zoneEnd = 16 * 3600;

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/**
 * A day as `YYYY-MM-DD` and whether it is before Christ. Civil calendar in 400-year eras that begin in March.
 */
function civil(day: number): { readonly text: string; readonly bc: boolean } {
  const shifted = day + epochDays;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const shown = year > 0 ? year : 1 - year;
  return { text: `${String(shown).padStart(4, '0')}-${two(month)}-${two(dayOfMonth)}`, bc: year <= 0 };
}

function fraction(us: number): string {
  return us === 0 ? '' : `.${String(us).padStart(6, '0').replace(/0+$/, '')}`;
}

/** Microseconds of a day, up to and including 24:00:00. */
function clock(us: number): string {
  const seconds = Math.floor(us / usPerSecond);
  const minutes = Math.floor(seconds / 60);
  const time = `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}`;
  return time + fraction(us % usPerSecond);
}

/** `date_recv`. */
export const date: ValueDecoder = (cursor) => {
  const day = cursor.int32();
  if (day === int32Max) return 'infinity';
  if (day === int32Min) return '-infinity';
  if (day < dayMin || day >= dayEnd) return refuse(cursor);
  const { text, bc } = civil(day);
  return bc ? `${text} BC` : text;
};

/** Microseconds of a day, or -1. */
function timeOfDay(cursor: Cursor): number {
  const us = cursor.int32() * 0x1_0000_0000 + cursor.uint32();
  return us >= 0 && us <= usPerDay ? us : -1;
}

/** `time_recv`. */
export const time: ValueDecoder = (cursor) => {
  const us = timeOfDay(cursor);
  return us < 0 ? refuse(cursor) : clock(us);
};

/** `timetz_recv`; the zone is in seconds west of UTC. */
export const timetz: ValueDecoder = (cursor) => {
  const us = timeOfDay(cursor);
  const west = cursor.int32();
  if (us < 0 || Math.abs(west) >= zoneEnd) return refuse(cursor);
  const seconds = Math.abs(west);
  const minutes = Math.floor(seconds / 60) % 60;
  let zone = `${west <= 0 ? '+' : '-'}${two(Math.floor(seconds / 3600))}`;
  if (seconds % 60 !== 0) zone += `:${two(minutes)}:${two(seconds % 60)}`;
  else if (minutes !== 0) zone += `:${two(minutes)}`;
  return clock(us) + zone;
};

function timestampText(cursor: Cursor, zone: string): string {
  const high = cursor.int32();
  const low = cursor.uint32();
  if (high === int32Max && low === 0xffff_ffff) return 'infinity';
  if (high === int32Min && low === 0) return '-infinity';
  let day: number;
  let us: number;
  if (high >= -0x200000 && high < 0x200000) {
    const value = high * 0x1_0000_0000 + low;
    day = Math.floor(value / usPerDay);
    us = value - day * usPerDay;
  } else {
    const value = (BigInt(high) << 32n) | BigInt(low);
    if (value < timestampMin || value >= timestampEnd) return refuse(cursor);
    us = Number(((value % BigInt(usPerDay)) + BigInt(usPerDay)) % BigInt(usPerDay));
    day = Number((value - BigInt(us)) / BigInt(usPerDay));
  }
  const { text, bc } = civil(day);
  return `${text} ${clock(us)}${zone}${bc ? ' BC' : ''}`;
}

/** `timestamp_recv`. */
export const timestamp: ValueDecoder = (cursor) => timestampText(cursor, '');
/** `timestamptz_recv`: microseconds of UTC, printed in UTC whatever the session's zone is. */
export const timestamptz: ValueDecoder = (cursor) => timestampText(cursor, '+00');

/** `EncodeInterval`, style postgres: `1 year -2 mons +3 days -04:05:06.7`. */
export const interval: ValueDecoder = (cursor) => {
  const high = cursor.int32();
  const low = cursor.uint32();
  const days = cursor.int32();
  const months = cursor.int32();
  if (high === int32Max && low === 0xffff_ffff && days === int32Max && months === int32Max) return 'infinity';
  if (high === int32Min && low === 0 && days === int32Min && months === int32Min) return '-infinity';
  const parts: string[] = [];
  let afterNegative = false;
  const units: readonly (readonly [number, string])[] = [
    [Math.trunc(months / 12), 'year'],
    [months % 12, 'mon'],
    [days, 'day'],
  ];
  for (const [value, unit] of units) {
    if (value === 0) continue;
    parts.push(`${afterNegative && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`);
    afterNegative = value < 0;
  }
  const value = (BigInt(high) << 32n) | BigInt(low);
  if (value !== 0n || parts.length === 0) {
    const magnitude = value < 0n ? -value : value;
    const hours = Number(magnitude / BigInt(usPerHour));
    const sign = value < 0n ? '-' : afterNegative ? '+' : '';
    const rest = clock(Number(magnitude % BigInt(usPerHour)));
    parts.push(`${sign}${two(hours)}${rest.slice(2)}`);
  }
  return parts.join(' ');
};
