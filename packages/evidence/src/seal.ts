/**
 * The two lines of a segment that are not records: its header and its seal. Refuses to know where segments
 * are kept.
 */
import { hash } from 'node:crypto';
import { FORMAT_VERSION } from './formatNumbers.ts';
import type { HeaderLine, SealLine } from './segmentLines.ts';
import { keyId, type Signer } from './signer.ts';

/** `prev` of a reel's first segment. */
export const ZERO_DIGEST = '0'.repeat(64);
/** What is signed starts with this, so that a signature over a seal is one over nothing else. */
export const sealContext = 'pgtape-seal-v1\n';
/** The signed part of a seal line ends before this. */
export const sealSignatureField = ',"sig":';

export type SealFields = Omit<SealLine, 'v' | 'kind' | 'key_id' | 'sig'>;

/** Leaf 0 of a segment's tree, without newline, fields in schema order. */
export function headerLine(h: HeaderLine): string {
  return JSON.stringify({
    v: FORMAT_VERSION,
    kind: 'header',
    reel: h.reel,
    recorder: h.recorder,
    segment: h.segment,
    salt: h.salt,
    key: h.key,
    recovery_key: h.recovery_key,
    recovered: h.recovered,
    boot: h.boot,
    clock: h.clock,
    host: h.host,
    name: h.name,
    version: h.version,
  });
}

/**
 * A segment's last line, without newline, signed by `signer`, whose public key must be the header's `key`.
 */
export function sealLine(fields: SealFields, signer: Signer): string {
  const body = JSON.stringify({
    v: FORMAT_VERSION,
    kind: 'seal',
    reel: fields.reel,
    segment: fields.segment,
    first_seq: fields.first_seq,
    last_seq: fields.last_seq,
    count: fields.count,
    root: fields.root,
    prev: fields.prev,
    open_sessions: fields.open_sessions,
    policy: fields.policy,
    key_id: keyId(signer.publicKey),
    next_key: fields.next_key,
    at: fields.at,
  }).slice(0, -1);
  const signature = Buffer.from(signer.sign(Buffer.from(sealContext + body)));
  return `${body}${sealSignatureField}"${signature.toString('hex')}"}`;
}

/** SHA-256 of a seal line (no newline), hex: `prev` of the segment after it. */
export function sealDigest(line: Uint8Array | string): string {
  return hash('sha256', line, 'hex');
}
