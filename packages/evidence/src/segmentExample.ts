/**
 * The worked bytes of docs/formats/segment.md: a real segment, its hashes, its signature and its object, as
 * Markdown.
 */
import { leafHash, nodeHash } from '@pgtape/tlog';
import { type ExampleSegment, exampleRecords, exampleReel } from './exampleReel.ts';
import { sealContext, sealDigest, sealSignatureField } from './seal.ts';
import type { SealLine } from './segmentLines.ts';

const reel = '0102030405060708090a0b0c0d0e0f10';
const recorder = '00112233445566aa';
const session = `${reel.slice(0, 16)}-1`;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const block = (text: string): string => `\`\`\`\n${text}\n\`\`\`\n`;

/** A reel of one segment with four records. */
export function tinySegment(): ExampleSegment {
  const { reelOpened, opened, closed, reelClosed } = exampleRecords;
  const segments = [[reelOpened(recorder), opened(session), closed(session, 2, 0), reelClosed(1, 0)]];
  return exampleReel({ reel, recorder, segments })[0]!;
}

/** Markdown from `### Lines` on. */
export function segmentExample(): string {
  const { key, object, lines } = tinySegment();
  const text = lines.map(String);
  const seal = text.at(-1)!;
  const fields = JSON.parse(seal) as SealLine;
  const header = JSON.parse(text[0]!) as { key: string };
  const signed = sealContext + seal.slice(0, seal.lastIndexOf(sealSignatureField));
  return [
    `### Lines\n\n${block(text.join('\n'))}`,
    `### Tree\n\n${block(treeLines(lines.slice(0, -1)).join('\n'))}`,
    `### Signature\n\nSigned are these ${Buffer.byteLength(signed)} bytes (one newline inside, none at the end):\n\n${block(signed)}`,
    `by the key \`${header.key}\`, giving\n\n${block(fields.sig)}`,
    `SHA-256 of the seal line, \`prev\` of a next segment:\n\n${block(sealDigest(seal))}`,
    `### Object\n\n\`${key}\`, ${object.length} bytes for ${text.join('\n').length + 1} bytes of lines:\n\n${block(dump(object))}`,
  ].join('\n');
}

/** Leaves h0 .. h4, then nodes by the leaves they cover; the last is the root. */
function treeLines(lines: readonly Uint8Array[]): string[] {
  const [h0, h1, h2, h3, h4] = lines.map(leafHash) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const h01 = nodeHash(h0, h1);
  const h23 = nodeHash(h2, h3);
  const h0123 = nodeHash(h01, h23);
  return [
    ...[h0, h1, h2, h3, h4].map((hash, i) => `h${i}    = SHA-256(00 || line ${i + 1})     = ${hex(hash)}`),
    `h01   = SHA-256(01 || h0 || h1)    = ${hex(h01)}`,
    `h23   = SHA-256(01 || h2 || h3)    = ${hex(h23)}`,
    `h0123 = SHA-256(01 || h01 || h23)  = ${hex(h0123)}`,
    `root  = SHA-256(01 || h0123 || h4) = ${hex(nodeHash(h0123, h4))}`,
  ];
}

function dump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 32) {
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hex(bytes.subarray(at, at + 32))}`);
  }
  return rows.join('\n');
}
