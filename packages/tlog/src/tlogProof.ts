/**
 * Proofs that stand alone (C2SP tlog-proof, `.tlog-proof`): index, inclusion proof, checkpoint. Refuses to
 * judge the checkpoint; a policy does.
 */
import { base64Bytes, base64Text } from './base64.ts';
import { decimal } from './decimal.ts';
import { hashBytes } from './hash.ts';
import { NOTE_BYTES_MAX } from './note.ts';
import { malformed, type Parsed, parsed } from './parsed.ts';

export interface TlogProof {
  /** Opaque and not authenticated; null when the proof has none. */
  readonly extra: Uint8Array | null;
  readonly index: number;
  /** From the leaf's sibling upwards. */
  readonly hashes: readonly Uint8Array[];
  /** As published, signatures included. */
  readonly checkpoint: Uint8Array;
}

const head = 'c2sp.org/tlog-proof@v1\n';
/** A tree of 2^63 leaves has paths no longer. */
export const PROOF_HASHES_MAX = 63;

export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): Uint8Array {
  const extraLine = extra === null ? '' : `extra ${base64Text(extra)}\n`;
  const lines = hashes.map((hash) => `${base64Text(hash)}\n`).join('');
  return Buffer.concat([Buffer.from(`${head}${extraLine}index ${index}\n${lines}\n`), checkpoint]);
}

/** Never throws. */
export function parseTlogProof(bytes: Uint8Array): Parsed<TlogProof> {
  if (bytes.length > 2 * NOTE_BYTES_MAX) return malformed(`more than ${2 * NOTE_BYTES_MAX} bytes`);
  // Latin 1, so that an offset in the text is one in the bytes; everything before the checkpoint is ASCII.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  if (!text.startsWith(head)) return malformed('first line');
  const end = text.indexOf('\n\n');
  if (end < 0) return malformed('no checkpoint');
  const lines = text.slice(head.length, end).split('\n');
  const extra = lines[0]?.startsWith('extra ')
    ? base64Bytes(lines.shift()!.slice('extra '.length))
    : undefined;
  if (extra === null) return malformed('extra line');
  const indexLine = lines.shift() ?? '';
  const index = indexLine.startsWith('index ') ? decimal(indexLine.slice('index '.length)) : null;
  if (index === null) return malformed('index line');
  const hashes = proofHashes(lines);
  if (!hashes.ok) return hashes;
  return parsed({ extra: extra ?? null, index, hashes: hashes.value, checkpoint: bytes.subarray(end + 2) });
}

/** Lines of base64, one hash each, at most 63. Never throws. */
export function proofHashes(lines: readonly string[]): Parsed<Uint8Array[]> {
  if (lines.length > PROOF_HASHES_MAX) return malformed(`more than ${PROOF_HASHES_MAX} hashes`);
  const hashes: Uint8Array[] = [];
  for (const line of lines) {
    const hash = base64Bytes(line);
    if (hash?.length !== hashBytes) return malformed(`hash ${hashes.length + 1}`);
    hashes.push(hash);
  }
  return parsed(hashes);
}
