/**
 * The log's leaves: what each commits to, and its exact bytes. Opaque ids and hashes only, never a name, a host
 * or a text; refuses to know how a log is kept.
 */
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { SegmentSuccess } from './checkSegment.ts';
import { Digest, hex, nanoseconds, ReelId } from './fields.ts';
import { FORMAT_VERSION } from './formatNumbers.ts';
import { parseSegmentKey, segmentKey } from './segmentKey.ts';

/** Longest leaf, in bytes. */
export const LEAF_BYTES_MAX = 1024;

const objectKey = z.string().max(200);
/** As a store names it; '' where it has no versions. */
const version = z.string().regex(/^[\x21-\x7e]{0,256}$/);

export const SegmentLeaf = z
  .strictObject({
    v: z.literal(FORMAT_VERSION),
    kind: z.literal('segment'),
    reel: ReelId,
    segment: z.int().positive(),
    first_seq: z.int().positive(),
    last_seq: z.int().positive(),
    count: z.int().positive().describe('Records, as the seal says.'),
    root: Digest.describe("The seal's `root`."),
    seal: Digest.describe('SHA-256 of the seal line.'),
    object: objectKey.describe('Key of the stored object.'),
    version: version.describe("The store's version id of it; empty where the store has no versions."),
    sha256: Digest.describe('SHA-256 of the stored object.'),
    retain_until: nanoseconds
      .nullable()
      .describe('When the retention it was stored with ends; null where the store enforces none.'),
    at: nanoseconds.describe("When the vault had stored it, by the vault's clock."),
  })
  .describe('One segment of a reel, stored.');
export type SegmentLeaf = z.infer<typeof SegmentLeaf>;

export const ReelStartLeaf = z
  .strictObject({
    v: z.literal(FORMAT_VERSION),
    kind: z.literal('reel_start'),
    reel: ReelId,
    recorder: hex(8).describe("The recorder's id, part of the objects' keys."),
    key: hex(32).describe("Public key that signs the reel's first segment."),
    recovery_key: hex(32),
    enrolment: Digest.nullable().describe(
      "SHA-256 of the `enrolment` record's line in the vault's reel, of a vault's own reel that of its `vault_opened`; " +
        'null where the vault kept no such record.',
    ),
    at: nanoseconds,
  })
  .describe('Stands before the first `segment` of its reel: who may sign it.');
export type ReelStartLeaf = z.infer<typeof ReelStartLeaf>;

export const Leaf = z.discriminatedUnion('kind', [SegmentLeaf, ReelStartLeaf]);
export type Leaf = z.infer<typeof Leaf>;

/** How a segment lies in a store. */
export interface StoredAs {
  /** SHA-256 of the object, hex. */
  readonly sha256: string;
  readonly version: string;
  /** Nanoseconds since 1970. */
  readonly retainUntil: string | null;
  /** Nanoseconds since 1970. */
  readonly at: string;
}

/** A leaf's bytes as text: JSON without spaces, fields in schema order. @throws ZodError for a leaf that is none */
export function leafText(leaf: Leaf): string {
  return JSON.stringify(Leaf.parse(leaf));
}

/** The leaf, or what is wrong with its bytes; they must be those `leafText` writes. Never throws. */
export function parseLeaf(bytes: Uint8Array): Leaf | string {
  if (bytes.length > LEAF_BYTES_MAX) return `more than ${LEAF_BYTES_MAX} bytes`;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  const reading = Leaf.safeParse(value);
  if (!reading.success) return `fields ${reading.error.issues.map(({ path }) => path.join('.')).join(', ')}`;
  const leaf = reading.data;
  if (JSON.stringify(leaf) !== text) return 'not written as the format says';
  if (leaf.kind === 'segment' && !isOwnObject(leaf)) return 'object is not that of reel and segment';
  return leaf;
}

function isOwnObject({ object, reel, segment }: SegmentLeaf): boolean {
  const name = parseSegmentKey(object);
  return name?.reel === reel && name.segment === segment;
}

export function segmentLeaf({ header, seal, sealDigest }: SegmentSuccess, stored: StoredAs): SegmentLeaf {
  return {
    v: FORMAT_VERSION,
    kind: 'segment',
    reel: header.reel,
    segment: seal.segment,
    first_seq: seal.first_seq,
    last_seq: seal.last_seq,
    count: seal.count,
    root: seal.root,
    seal: sealDigest,
    object: segmentKey(header.recorder, header.reel, seal.segment),
    version: stored.version,
    sha256: stored.sha256,
    retain_until: stored.retainUntil,
    at: stored.at,
  };
}

/** Of a reel by the header of its first segment. `enrolment`: digest of that record's line. */
export function reelStartLeaf(
  { header }: Pick<SegmentSuccess, 'header'>,
  enrolment: string | null,
  at: string,
): ReelStartLeaf {
  const { reel, recorder, key, recovery_key } = header;
  return { v: FORMAT_VERSION, kind: 'reel_start', reel, recorder, key, recovery_key, enrolment, at };
}

/** SHA-256 of an object as leaves write it. */
export function objectDigest(object: Uint8Array): string {
  return hash('sha256', object, 'hex');
}
