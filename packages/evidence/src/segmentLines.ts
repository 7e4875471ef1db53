/** Schemas of the two lines of a segment that are not records. */
import { z } from 'zod';
import { count, Digest, hex, nanoseconds, ReelId } from './fields.ts';
import { FORMAT_VERSION } from './formatNumbers.ts';

export const HeaderLine = z
  .strictObject({
    v: z.literal(FORMAT_VERSION),
    kind: z.literal('header'),
    reel: ReelId,
    recorder: hex(8).describe("Opaque id of the recorder's spool, part of the object's key."),
    segment: z.int().positive().describe('1, 2, 3 ... within the reel.'),
    salt: hex(8),
    key: hex(32).describe("Ed25519 public key that signs this segment's seal."),
    recovery_key: hex(32).describe(
      "Ed25519 public key derived from the seed in the reel's journal, the same in every header of the reel: signs what is recovered.",
    ),
    recovered: z
      .boolean()
      .describe('Sealed from the journal by who lacks the announced key; `key` is then `recovery_key`.'),
    boot: z.string().describe('Boot id of the machine: monotonic clocks compare within one boot only.'),
    clock: z.string().describe('Where the clocks come from.'),
    host: z.string().describe('Host name of the recorder.'),
    name: z.string(),
    version: z.string(),
  })
  .describe('Leaf 0 of every segment.');

export const SealLine = z
  .strictObject({
    v: z.literal(FORMAT_VERSION),
    kind: z.literal('seal'),
    reel: ReelId,
    segment: z.int().positive(),
    first_seq: z.int().positive(),
    last_seq: z.int().positive(),
    count: z.int().positive().describe('Records, header not counted.'),
    root: Digest.describe('RFC 6962 root over header and record lines.'),
    prev: Digest.describe('SHA-256 of the previous seal line of the reel; 64 zeros for the first.'),
    open_sessions: count.describe('Sessions open when it was sealed.'),
    policy: Digest,
    key_id: hex(8).describe('First 8 bytes of SHA-256 of the signing public key.'),
    next_key: hex(32).describe(
      'Public key that signs the next segment; of a recovered segment, `recovery_key`.',
    ),
    at: nanoseconds,
    sig: hex(64),
  })
  .describe(
    'The last line of a segment. Signed: `pgtape-seal-v1`, a newline, and this line up to, not including, `,"sig":`.',
  );

export type HeaderLine = z.infer<typeof HeaderLine>;
export type SealLine = z.infer<typeof SealLine>;
