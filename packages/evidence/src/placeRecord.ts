/** The records in which a recorder says what became of its place: who got past it, and what it was told anew. */
import { z } from 'zod';
import { count, Digest, lineHead, nanoseconds } from './fields.ts';

/** A line of these is short whatever somebody called himself. */
const name = z.string().describe("The server's word, cut at 256 characters.");

export const Bypass = z
  .strictObject({
    ...lineHead,
    kind: z.literal('bypass'),
    how: z
      .enum(['activity', 'counted'])
      .describe(
        '`activity`: pg_stat_activity showed it; `counted`: it came and went between two looks, and only ' +
          'pg_stat_database has counted it: then user, address and the like are empty and numbers 0.',
      ),
    sessions: z.int().positive().describe('How many; over 1 where they are told together.'),
    pid: count.describe("Of the server's backend."),
    user: name,
    database: name,
    address: z.string().describe('Where it came from; empty for a unix socket.'),
    port: count,
    application: name.describe('What it called itself.'),
    started: nanoseconds.describe("When it began, by the server's clock; `0` with `counted`."),
  })
  .describe('Sessions of the server that no recorder opened: what they did is not on tape.');

export const Configured = z
  .strictObject({
    ...lineHead,
    kind: z.literal('configured'),
    config: z
      .string()
      .describe("First 16 hex digits of the SHA-256 of the configuration's text; empty where there is none."),
    policy: Digest.describe('SHA-256 of the policy from here on; seals carry it from the next one on.'),
    changed: z.array(z.string()).max(64).describe('Keys that are in force from here on.'),
    restart_needed: z
      .array(z.string())
      .max(64)
      .describe('Keys that differ and are not in force before the recorder is started anew.'),
  })
  .describe('Another configuration was taken over while running.');

export const placeRecords = [Bypass, Configured] as const;
