/** Owns record lines with only the fields that retention and holds look at, for tests of both. */
import type { ParsedRecord } from './checkRecord.ts';

export const testReel = '00112233445566778899aabbccddeeff';

/** Nanoseconds, as lines say them, of a second. */
export const atSecond = (second: number): string => `${BigInt(second) * 1_000_000_000n}`;

export function lineOf(kind: string, session?: string, second = 100, fields: object = {}): ParsedRecord {
  const head = { v: 1, reel: testReel, seq: 1, salt: '0011223344556677', at: atSecond(second), mono: '1' };
  return { ...head, kind, ...(session !== undefined && { session, n: 1 }), ...fields } as ParsedRecord;
}
