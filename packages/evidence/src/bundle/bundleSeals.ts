/** The seals of one reel in a bundle: their order, the chain between them, the keys that sign. Knows no lines. */
import { sealContext, sealDigest, sealSignatureField, ZERO_DIGEST } from '../seal.ts';
import { SealLine } from '../segmentLines.ts';
import { keyId, verifySignature } from '../signer.ts';
import type { BundleFindings } from './bundleFindings.ts';

export interface CheckedSeal {
  readonly seal: SealLine;
  /** SHA-256 of the line. */
  readonly digest: string;
  readonly signed: Uint8Array;
}

export interface ReelKeys {
  readonly reel: string;
  readonly key: string;
  readonly recovery_key: string;
}

/** The lines of a file; null where it does not end with a newline or has an empty line. */
export function linesOfFile(bytes: Uint8Array): Buffer[] | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const lines: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const end = file.indexOf(0x0a, at);
    if (end <= at) return null;
    lines.push(file.subarray(at, end));
    at = end + 1;
  }
  return lines;
}

/** A value by its schema, written as JSON.stringify writes it; null otherwise. */
export function exactly<T>(
  line: Uint8Array,
  parse: (value: unknown) => { readonly success: boolean; readonly data?: T | undefined },
): T | null {
  const text = Buffer.from(line).toString('utf8');
  try {
    const { success, data } = parse(JSON.parse(text));
    return success && data !== undefined && JSON.stringify(data) === text ? data : null;
  } catch {
    return null;
  }
}

/**
 * The seals of a reel by their numbers. Each is signed by the key that the one before it announces, or by the recovery
 * key; the first by the reel's first key. Behind a hole any key may sign: the log, or the header, must vouch for it.
 */
export function checkSeals(
  file: string,
  bytes: Uint8Array,
  keys: ReelKeys,
  findings: BundleFindings,
): { readonly seals: ReadonlyMap<number, CheckedSeal>; readonly isChain: boolean } {
  const seals = new Map<number, CheckedSeal>();
  const lines = linesOfFile(bytes) ?? [];
  let before: CheckedSeal | null = null;
  let isChain = true;
  if (lines.length === 0) findings.forged(file, 'seal_missing', 'no lines');
  for (const [i, line] of lines.entries()) {
    const artefact = `${file}#${i + 1}`;
    const seal = exactly(line, (value) => SealLine.safeParse(value));
    if (seal === null || seal.reel !== keys.reel) {
      findings.forged(artefact, 'seal_invalid', 'not a seal of this reel');
      return { seals, isChain: false };
    }
    const text = line.toString('utf8');
    const signed = Buffer.from(sealContext + text.slice(0, text.lastIndexOf(sealSignatureField)));
    const checked = { seal, digest: sealDigest(line), signed };
    if (seal.segment === (before?.seal.segment ?? 0) + 1)
      checkLink(artefact, checked, before, keys, findings);
    else if (seal.segment > (before?.seal.segment ?? 0)) isChain = false;
    else findings.forged(artefact, 'segment_order', `segment ${seal.segment} after ${before?.seal.segment}`);
    seals.set(seal.segment, checked);
    before = checked;
  }
  return { seals, isChain };
}

function checkLink(
  artefact: string,
  { seal, signed }: CheckedSeal,
  before: CheckedSeal | null,
  keys: ReelKeys,
  findings: BundleFindings,
): void {
  if (seal.prev !== (before?.digest ?? ZERO_DIGEST))
    findings.forged(artefact, 'chain_prev', 'it does not follow the seal before it');
  if (seal.first_seq !== (before?.seal.last_seq ?? 0) + 1)
    findings.forged(artefact, 'seq_gap', `starts at seq ${seal.first_seq}`);
  const allowed = [before?.seal.next_key ?? keys.key, keys.recovery_key];
  if (!allowed.some((key) => isSignedBy(key, seal, signed)))
    findings.forged(
      artefact,
      'key_chain',
      'not signed by the key that was announced, nor by the recovery key',
    );
}

export function isSignedBy(key: string, seal: SealLine, signed: Uint8Array): boolean {
  return seal.key_id === keyId(key) && verifySignature(key, signed, Buffer.from(seal.sig, 'hex'));
}
