/** Owns the configuration of retention and of legal holds; it refuses to decide anything by it. */
import { hex } from '@pgtape/evidence';
import { z } from 'zod';

/** A hundred years: what object stores take. */
const DAYS_MAX = 36_500;
const days = z.int().min(1).max(DAYS_MAX);
const name = z.string().min(1).max(1024);

const RetentionClass = z
  .strictObject({
    name: z.string().min(1).max(100).describe('For people.'),
    database: name.optional().describe('Sessions of this database; absent, of every one.'),
    user: name.optional().describe('Sessions of this database user; absent, of every one.'),
    days: days.describe('How long they are kept, shorter or longer than the archive.'),
  })
  .refine(({ database, user }) => database !== undefined || user !== undefined, {
    message: 'a class needs database or user',
  });

export const RetentionConfig = z
  .strictObject({
    days: days.optional().describe('How long every object is kept. Either this or `seconds`.'),
    seconds: z
      .int()
      .min(1)
      .max(DAYS_MAX * 86_400)
      .optional()
      .describe('The same in seconds, to try things out.'),
    classes: z
      .array(RetentionClass)
      .default([])
      .describe(
        'Sessions that are kept for another time. Of several that fit the longest counts; an object is kept as long as the ' +
          'longest of its sessions; a session the vault does not know counts as the longest of all.',
      ),
  })
  .refine(({ days: long, seconds }) => (long === undefined) !== (seconds === undefined), {
    message: 'retention needs either days or seconds',
  })
  .describe('Until when objects are locked, from receipt; absent, they are not. Only ever extended.');

const SecondPerson = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.@:/+-]{1,100}$/)
    .describe('Who it is in `release` records; another one than who asks.'),
  publicKey: hex(32).describe('Ed25519 public key in hex: `pgtape hold key --key FILE` prints it.'),
});

export const HoldsConfig = z.strictObject({
  dualControl: z
    .boolean()
    .default(false)
    .describe('Holds placed from now on are released only with the signature of a second person.'),
  signers: z
    .array(SecondPerson)
    .default([])
    .describe(
      'Second persons and their keys. A name may have several; keys of those who left must stay, or their releases do not count.',
    ),
  releaseHours: z
    .int()
    .min(1)
    .max(8760)
    .default(72)
    .describe('How long after it was asked for a signed release may be done.'),
  holdsMax: z
    .int()
    .positive()
    .default(1000)
    .describe('Holds in force at once: every segment is held against each.'),
  sessionsMax: z
    .int()
    .positive()
    .default(200_000)
    .describe(
      'Sessions a hold remembers because a line of theirs fitted; beyond, it covers more than it names.',
    ),
  formerNames: z
    .array(z.string().min(1).max(200))
    .default([])
    .describe('What this vault was called before (`name`): holds stand in the reels of those names.'),
});
