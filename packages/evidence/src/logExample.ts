/**
 * The worked bytes of docs/formats/log.md: leaves, hashes, tiles, checkpoint, cosignature and proof of a log of
 * three leaves, as Markdown.
 */
import {
  bundleBytes,
  COSIGNATURE_V1,
  checkpointBody,
  cosignatureBytes,
  cosignedMessage,
  ED25519,
  formatNote,
  formatTlogProof,
  formatVkey,
  inclusionProof,
  leafHash,
  nodeHash,
  TileTree,
  verifierKey,
} from '@pgtape/tlog';
import { checkSegment } from './checkSegment.ts';
import { exampleSigner } from './exampleReel.ts';
import { type Leaf, leafText, objectDigest, reelStartLeaf, segmentLeaf } from './leaf.ts';
import { tinySegment } from './segmentExample.ts';
import { decodeObject } from './segmentObject.ts';

const origin = 'pgtape.example/log';
const witnessName = 'witness.example/1';
const at = '1795000010000000000';
const cosignedAt = 1_795_000_012;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const block = (text: string): string => `\`\`\`\n${text}\n\`\`\`\n`;

/** Of the segment that segment.md shows, and of a second reel. */
function exampleLeaves(): Leaf[] {
  const { object } = tinySegment();
  const segment = checkSegment(decodeObject(object));
  if (!segment.ok) throw new Error(segment.reason);
  const stored = { sha256: objectDigest(object), version: '', retainUntil: null, at };
  const start = reelStartLeaf(segment, null, at);
  return [start, segmentLeaf(segment, stored), { ...start, reel: 'ff'.repeat(16) }];
}

/** Markdown from `### Leaves` on. */
export function logExample(): string {
  const entries = exampleLeaves().map((leaf) => Buffer.from(leafText(leaf)));
  const hashes = entries.map(leafHash);
  const [h0, h1, h2] = hashes as [Uint8Array, Uint8Array, Uint8Array];
  const tree = new TileTree();
  for (const hash of hashes) tree.push(hash);
  const bundle = bundleBytes(entries);
  const text = checkpointBody({ origin, size: 3, root: tree.root(), extensions: [] });
  const log = keyOf('example log key', origin, ED25519);
  const witness = keyOf('example witness key', witnessName, COSIGNATURE_V1);
  const cosignature = witness.signer.sign(cosignedMessage(text, cosignedAt));
  const signatures = [
    { name: origin, id: log.key.id, signature: log.signer.sign(Buffer.from(text)) },
    { name: witnessName, id: witness.key.id, signature: cosignatureBytes(cosignedAt, cosignature) },
  ];
  const checkpoint = formatNote({ text, signatures });
  const hash = inclusionProof(hashes, 1);
  const proof = formatTlogProof({ extra: null, index: 1, hashes: hash, checkpoint: Buffer.from(checkpoint) });
  const h01 = nodeHash(h0, h1);
  return [
    `### Leaves\n\n${block(entries.map(String).join('\n'))}`,
    `### Tree\n\n${block(
      [
        ...hashes.map((leaf, i) => `h${i}   = SHA-256(00 || leaf ${i})  = ${hex(leaf)}`),
        `h01  = SHA-256(01 || h0 || h1) = ${hex(h01)}`,
        `root = SHA-256(01 || h01 || h2) = ${hex(nodeHash(h01, h2))}`,
      ].join('\n'),
    )}`,
    '### Tiles\n',
    '`log/tile/0/000.p/3`, 96 bytes, is `h0 h1 h2`. ' +
      `\`log/tile/entries/000.p/3\` has ${bundle.length} bytes: each leaf behind its length,`,
    `\`${entries.map(lengthHex).join('`, `')}\`.\n`,
    "### Keys\n\nThe log's is SHA-256 of `example log key 1`, the witness's SHA-256 of `example witness key 1`:\n",
    block(`${formatVkey(log.key)}\n${formatVkey(witness.key)}`),
    `### Checkpoint\n\n${block(checkpoint.trimEnd())}`,
    `### Proof\n\nThat leaf 1 is in it, a \`.tlog-proof\`:\n\n${block(Buffer.from(proof).toString().trimEnd())}`,
  ].join('\n');
}

const lengthHex = ({ length }: Uint8Array): string => length.toString(16).padStart(4, '0');

function keyOf(
  keys: string,
  name: string,
  type: number,
): { signer: ReturnType<typeof exampleSigner>; key: ReturnType<typeof verifierKey> } {
  const signer = exampleSigner(keys, 1);
  return { signer, key: verifierKey(name, type, Buffer.from(signer.publicKey, 'hex')) };
}
