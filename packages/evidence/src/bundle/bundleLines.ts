/** The lines of one segment in a bundle: header, records, redacted lines, each proven to be under the segment's seal. */
import { leafHash, verifyInclusion } from '@pgtape/tlog';
import { checkRecord } from '../checkRecord.ts';
import { HeaderLine } from '../segmentLines.ts';
import { verifySignature } from '../signer.ts';
import type { BundleFindings } from './bundleFindings.ts';
import { type CheckedSeal, exactly, isSignedBy, linesOfFile, type ReelKeys } from './bundleSeals.ts';
import type { SessionLine } from './bundleSessions.ts';
import {
  bundlePaths,
  LineProofs,
  type Manifest,
  proofsText,
  RedactedLine,
  redactedContext,
  signatureField,
} from './manifest.ts';

export interface SegmentLines {
  readonly header: HeaderLine;
  readonly lines: readonly SessionLine[];
}

/** The lines, all of them proven or attested; null, with findings, when any is not. */
export function checkLines(
  files: ReadonlyMap<string, Uint8Array>,
  segment: Manifest['segments'][number],
  { seal, signed }: CheckedSeal,
  keys: ReelKeys,
  exporter: string | null,
  findings: BundleFindings,
): SegmentLines | null {
  const file = bundlePaths.lines(segment.reel, segment.segment);
  const proofFile = bundlePaths.proofs(segment.reel, segment.segment);
  const [bytes, proofBytes] = [files.get(file), files.get(proofFile)];
  if (bytes === undefined || proofBytes === undefined) return null;
  const lines = linesOfFile(bytes);
  if (lines === null || lines.length !== segment.lines + 1)
    return findings.forged(file, 'line_count', `the manifest says ${segment.lines} lines and a header`);
  const proofs = proofsOf(proofBytes);
  if (proofs === null || proofs.lines.length !== lines.length)
    return findings.forged(proofFile, 'proofs_invalid', 'not a proof for each line');
  const root = Buffer.from(seal.root, 'hex');
  const shown: SessionLine[] = [];
  let header: HeaderLine | null = null;
  let before = -1;
  let redacted = 0;
  for (const [i, line] of lines.entries()) {
    const artefact = `${file}#${i + 1}`;
    const { index, proof } = proofs.lines[i]!;
    if (index <= before || (i === 0) !== (index === 0))
      return findings.forged(proofFile, 'line_order', `leaf ${index} of line ${i + 1}`);
    before = index;
    const redaction = i === 0 ? null : exactly(line, (value) => RedactedLine.safeParse(value));
    const leaf = redaction === null ? leafHash(line) : Buffer.from(redaction.leaf, 'hex');
    const path = proof.map((hash) => Buffer.from(hash, 'hex'));
    if (!verifyInclusion(leaf, index, seal.count + 1, path, root))
      return findings.forged(artefact, 'line_inclusion', `not leaf ${index} under the seal's root`);
    if (i === 0) {
      header = headerOf(line, segment, keys);
      if (header === null)
        return findings.forged(artefact, 'header_invalid', 'not the header of this segment');
      continue;
    }
    if (redaction !== null) redacted++;
    const read =
      redaction === null
        ? recordLine(line, artefact, segment.reel, seal.first_seq + index - 1, header!.recovered)
        : redactionLine(line, redaction, artefact, segment.reel, seal.first_seq + index - 1, exporter);
    if (typeof read === 'string') return findings.forged(artefact, read, 'not a line of this place');
    shown.push({ ...read, isRecovered: header!.recovered });
  }
  if (redacted !== segment.redacted)
    return findings.forged(file, 'line_count', `the manifest says ${segment.redacted} redacted lines`);
  if (!isSignedBy(header!.key, seal, signed))
    return findings.forged(
      bundlePaths.seals(segment.reel),
      'seal_signature',
      `of segment ${segment.segment}`,
    );
  return { header: header!, lines: shown };
}

function proofsOf(bytes: Uint8Array): LineProofs | null {
  const text = Buffer.from(bytes).toString('utf8');
  try {
    const parsed = LineProofs.safeParse(JSON.parse(text));
    return parsed.success && proofsText(parsed.data) === text ? parsed.data : null;
  } catch {
    return null;
  }
}

function headerOf(line: Buffer, segment: Manifest['segments'][number], keys: ReelKeys): HeaderLine | null {
  const header = exactly(line, (value) => HeaderLine.safeParse(value));
  const fits =
    header !== null &&
    header.reel === segment.reel &&
    header.recorder === segment.recorder &&
    header.segment === segment.segment &&
    header.recovery_key === keys.recovery_key &&
    (!header.recovered || header.key === keys.recovery_key) &&
    (segment.segment > 1 || header.key === keys.key);
  return fits ? header : null;
}

/** What the line says for its session, or why it cannot stand there. */
function recordLine(
  line: Buffer,
  artefact: string,
  reel: string,
  seq: number,
  isRecovered: boolean,
): SessionLine | string {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return 'bad_json';
  }
  const record = checkRecord(value);
  if (typeof record === 'string') return 'line_invalid';
  if (record.reel !== reel) return 'reel_mismatch';
  if (record.seq !== seq) return 'seq_gap';
  const { session, n, kind, why, reason } = record;
  return { artefact, reel, session, n, kind, why, reason, isRedacted: false, isRecovered };
}

function redactionLine(
  line: Buffer,
  redaction: RedactedLine,
  artefact: string,
  reel: string,
  seq: number,
  exporter: string | null,
): SessionLine | string {
  if (redaction.reel !== reel) return 'reel_mismatch';
  if (redaction.seq !== seq) return 'seq_gap';
  const text = line.toString('utf8');
  const signed = Buffer.from(redactedContext + text.slice(0, text.lastIndexOf(signatureField)));
  const isSigned =
    redaction.by === exporter && verifySignature(redaction.by, signed, Buffer.from(redaction.sig, 'hex'));
  if (!isSigned) return 'exporter_signature';
  const { session, n, of: kind } = redaction;
  return {
    artefact,
    reel,
    session,
    n,
    kind,
    why: undefined,
    reason: undefined,
    isRedacted: true,
    isRecovered: false,
  };
}
