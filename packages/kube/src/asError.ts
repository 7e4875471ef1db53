/** What was thrown, as an Error: promises reject with whatever somebody threw. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
