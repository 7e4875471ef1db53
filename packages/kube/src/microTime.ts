/** Owns the time format of Leases and Events, which must have microseconds. Pure. */

/** Milliseconds since 1970 as MicroTime: `2026-11-20T17:00:00.123000Z`. */
export function microTime(ms: number): string {
  return `${new Date(Math.floor(ms)).toISOString().slice(0, -1)}000Z`;
}
