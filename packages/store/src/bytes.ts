/** Owns when two objects are the same bytes; null is no object. It refuses to know what they mean. */

/** Whether both are absent, or both hold the same bytes. */
export function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
}
