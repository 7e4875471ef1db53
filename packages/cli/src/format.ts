/** Times, spans and sizes as people read them. Pure. */

/** Wall nanoseconds (decimal string) as `2026-11-20 21:54:03.123Z`. */
export function wallText(ns: string): string {
  const date = new Date(wallMs(ns));
  // A line nobody has checked may say anything.
  return Number.isNaN(date.getTime()) ? '(no time)' : date.toISOString().replace('T', ' ');
}

/** Wall nanoseconds (decimal string) as milliseconds since 1970, fraction kept to the microsecond. */
export function wallMs(ns: string): number {
  return Number(ns.slice(0, -3) || '0') / 1000;
}

/** Milliseconds since 1970 as wall nanoseconds, whole milliseconds. */
export function wallNs(ms: number): string {
  return `${Math.round(ms)}000000`;
}

/** A span: `340 µs`, `12.3 ms`, `4.02 s`, `3 min 05 s`, `2 h 10 min`. */
export function durationText(ns: number): string {
  if (ns < 1e6) return `${Math.round(ns / 1e3)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(3)} ms`;
  const seconds = ns / 1e9;
  if (seconds < 60) return `${seconds.toPrecision(3)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Bytes: `512 B`, `4.2 KiB`, `1.3 GiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}

const durationUnits: Readonly<Record<string, number>> = {
  us: 1e3,
  ms: 1e6,
  s: 1e9,
  min: 60e9,
  m: 60e9,
  h: 3600e9,
  d: 86400e9,
};

/** `250ms`, `1.5s`, `10min`, `2h`, `7d` in nanoseconds; null when it is none of these. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(us|ms|s|min|m|h|d)$/.exec(text.trim());
  return match === null ? null : Number(match[1]) * (durationUnits[match[2] as string] as number);
}

/** An ISO 8601 time, a date, or a span before `nowMs` (`2h`), in milliseconds since 1970; null when it is none. */
export function parseMoment(text: string, nowMs: number): number | null {
  const span = parseDuration(text);
  if (span !== null) return nowMs - span / 1e6;
  const iso = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text.trim());
  const ms = iso ? Date.parse(text.trim().replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** `1 row`, `2 rows`. */
export function plural(count: number, what: string, many = `${what}s`): string {
  return `${count} ${count === 1 ? what : many}`;
}
