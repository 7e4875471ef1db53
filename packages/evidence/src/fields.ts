/** Fields that lines of every kind are made of. */
import { z } from 'zod';
import { FORMAT_VERSION } from './formatNumbers.ts';

export const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
export const nanoseconds = z.string().regex(/^\d{1,20}$/);
export const count = z.int().nonnegative();
export const sqlstate = z.string().regex(/^[0-9A-Z]{5}$/);

export const ReelId = hex(16).describe('Random id of the reel.');
export const Digest = hex(32);

export const SessionId = z
  .string()
  .regex(/^[0-9a-f]{16}-[1-9]\d{0,15}$/)
  .describe('`<first 16 hex digits of the reel>-<number of the session in the reel>`.');

/** Opens every record. */
export const lineHead = {
  v: z.literal(FORMAT_VERSION).describe('Version of the format.'),
  reel: ReelId,
  seq: z.int().positive().describe('1, 2, 3 ... over the whole reel.'),
  salt: hex(8).describe(
    "8 random bytes, so that a line's hash tells nothing to someone who guesses its content.",
  ),
  at: nanoseconds.describe('Wall clock when the record was made, ns since 1970 UTC.'),
  mono: nanoseconds.describe('Monotonic clock of the same moment, ns since the reel started.'),
};
