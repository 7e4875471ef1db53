/**
 * The shapes of an evidence bundle's own files: manifest, proofs of lines, redacted lines, sums. docs/formats/bundle.md
 * says what they mean; nothing here decides whether they hold.
 */
import { hash } from 'node:crypto';
import { z } from 'zod';
import { Digest, hex, nanoseconds, ReelId, SessionId } from '../fields.ts';
import { FORMAT_VERSION } from '../formatNumbers.ts';

export const BUNDLE_FORMAT = 'pgtape-bundle-v1';
/** What an exporter signs starts with these, so that a signature is one over nothing else. */
export const bundleContext = 'pgtape-bundle-v1\n';
export const redactedContext = 'pgtape-redacted-v1\n';
export const signatureField = ',"sig":';

export const Selection = z.strictObject({
  kind: z.enum(['sessions', 'search', 'case']),
  what: z.string().describe('Session ids, the text searched for, or the case.'),
});

/** What a bundle can lack, and say so. */
export const Lack = z
  .enum(['log', 'log_entry', 'policy', 'reel_start', 'seal_chain'])
  .describe(
    '`log`: the archive has no transparency log; `log_entry`: a segment was not in the log yet; `policy`: no witness policy was given; ' +
      '`reel_start`: the log does not say which key began a reel; `seal_chain`: seals between the first and those shown are left out.',
  );

export const Manifest = z.strictObject({
  format: z.literal(BUNDLE_FORMAT),
  at: nanoseconds.describe('When it was exported, wall ns.'),
  by: z.string().describe('Program and version.'),
  selection: Selection,
  sessions: z
    .array(
      z.strictObject({
        session: SessionId,
        reel: ReelId,
        whole: z.boolean().describe('False: chosen lines only.'),
      }),
    )
    .min(1),
  reels: z
    .array(
      z.strictObject({
        reel: ReelId,
        key: hex(32).describe('Public key of its first segment.'),
        recovery_key: hex(32),
      }),
    )
    .min(1),
  segments: z
    .array(
      z.strictObject({
        reel: ReelId,
        recorder: hex(8),
        segment: z.int().positive(),
        object: z.string().describe('Key of the stored object.'),
        lines: z.int().positive().describe('Lines shown, header not counted.'),
        redacted: z.int().nonnegative().describe('Of them, those redacted by the exporter.'),
        leaf: z.int().nonnegative().nullable().describe('Index in the log; null: not in it.'),
      }),
    )
    .min(1),
  exporter: hex(32).nullable().describe('Public key that signs SHA256SUMS and redacted lines.'),
  lacks: z.array(Lack),
});
export type Manifest = z.infer<typeof Manifest>;
export type Lack = z.infer<typeof Lack>;
export type Selection = z.infer<typeof Selection>;

/** `proofs/<reel>/<segment>.json`: one entry for each line of the file in `lines/`, in its order. */
export const LineProofs = z.strictObject({
  lines: z
    .array(
      z.strictObject({
        index: z.int().nonnegative().describe("Leaf in the segment's tree; the header is 0."),
        proof: z.array(Digest).max(63).describe('Inclusion proof, from the sibling upwards.'),
      }),
    )
    .min(2),
});
export type LineProofs = z.infer<typeof LineProofs>;

/** What an exporter puts in the place of a line. Its leaf hash is proven, the rest is the exporter's word. */
export const RedactedLine = z.strictObject({
  v: z.literal(FORMAT_VERSION),
  kind: z.literal('redacted'),
  reel: ReelId,
  seq: z.int().positive(),
  at: nanoseconds,
  of: z
    .enum(['opened', 'statement', 'running', 'transaction', 'stretch', 'notification', 'notices'])
    .describe("The line's kind; what says that something is missing or ended is never redacted."),
  session: SessionId,
  n: z.int().positive(),
  leaf: Digest.describe('SHA-256(0x00 || the original line).'),
  by: hex(32).describe("The exporter's public key."),
  sig: hex(64),
});
export type RedactedLine = z.infer<typeof RedactedLine>;

/** JSON files of a bundle are written in this one way. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

/** One line for each proof: short enough to read, and no byte that means nothing. */
export function proofsText({ lines }: LineProofs): string {
  return `{"lines":[\n${lines.map((line) => JSON.stringify(line)).join(',\n')}\n]}\n`;
}

/** Reel and segment as names of files have them. */
export function segmentPath(reel: string, segment: number): string {
  return `${reel}/${String(segment).padStart(8, '0')}`;
}

export const bundlePaths = {
  readme: 'README.md',
  manifest: 'manifest.json',
  sums: 'SHA256SUMS',
  signature: 'SHA256SUMS.sig',
  checkpoint: 'checkpoint',
  policy: 'policy.txt',
  keys: 'keys.txt',
  report: 'report.json',
  checker: 'check.py',
  lines: (reel: string, segment: number) => `lines/${segmentPath(reel, segment)}.jsonl`,
  proofs: (reel: string, segment: number) => `proofs/${segmentPath(reel, segment)}.json`,
  leaf: (reel: string, segment: number) => `log/${segmentPath(reel, segment)}.leaf`,
  proof: (reel: string, segment: number) => `log/${segmentPath(reel, segment)}.tlog-proof`,
  startLeaf: (reel: string) => `log/${reel}/reel_start.leaf`,
  startProof: (reel: string) => `log/${reel}/reel_start.tlog-proof`,
  seals: (reel: string) => `seals/${reel}.jsonl`,
} as const;

/** `sha256sum`'s own format, files in byte order; not of itself and not of its signature. */
export function sumsOf(files: ReadonlyMap<string, Uint8Array>): string {
  return [...files.keys()]
    .filter((name) => name !== bundlePaths.sums && name !== bundlePaths.signature)
    .sort()
    .map((name) => `${hash('sha256', files.get(name)!, 'hex')}  ${name}\n`)
    .join('');
}

/** The keys that the proof stands on, for people to compare with what they got elsewhere. */
export function keysText(
  log: readonly string[],
  { reels, exporter }: Pick<Manifest, 'reels' | 'exporter'>,
): string {
  return [
    '# The public keys this bundle is proven with. They came with it: compare them with keys you got another way.',
    ...log.map((vkey) => `log ${vkey}`),
    ...reels.map(({ reel, key, recovery_key }) => `reel ${reel} first ${key} recovery ${recovery_key}`),
    ...(exporter === null ? [] : [`exporter ${exporter}`]),
    '',
  ].join('\n');
}
