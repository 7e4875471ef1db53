/**
 * Makes the files of an evidence bundle out of segments that were checked: chosen lines, their proofs, seals, the log's
 * proofs, keys. Reads no archive and no log; docs/formats/bundle.md is its contract.
 */
import { formatTlogProof } from '@pgtape/tlog';
import type { ParsedRecord } from '../checkRecord.ts';
import { checkSegment, type SegmentSuccess } from '../checkSegment.ts';
import { EvidenceError } from '../evidenceError.ts';
import { FORMAT_VERSION } from '../formatNumbers.ts';
import type { Signer } from '../signer.ts';
import { SegmentTree } from './lineProofs.ts';
import {
  BUNDLE_FORMAT,
  bundleContext,
  bundlePaths,
  jsonText,
  keysText,
  type Lack,
  type LineProofs,
  type Manifest,
  proofsText,
  RedactedLine,
  redactedContext,
  type Selection,
  signatureField,
  sumsOf,
} from './manifest.ts';
import { readme } from './readme.ts';

/** An entry of the log and its inclusion proof in the bundle's checkpoint. */
export interface LoggedEntry {
  readonly entry: Uint8Array;
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
}

/** `redacted` of a line that may not be: it is shown whole. */
export type Shown = 'whole' | 'redacted' | 'not';

export interface BundleSegment {
  /** Key of the stored object. */
  readonly key: string;
  /** The segment's text, decompressed. */
  readonly text: Uint8Array;
  /** What becomes of each record line. */
  readonly show: (record: ParsedRecord) => Shown;
  /** null: it is not in the log. */
  readonly leaf: LoggedEntry | null;
}

export interface BundleReel {
  /** Seal lines from the reel's first to the last that is shown, or only those that are shown. */
  readonly seals: readonly Uint8Array[];
  readonly isChain: boolean;
  /** Keys the reel began with. */
  readonly key: string;
  readonly recoveryKey: string;
  readonly start: LoggedEntry | null;
}

export interface BundlePlan {
  /** Wall ns. */
  readonly at: string;
  /** Program and version. */
  readonly by: string;
  readonly selection: Selection;
  readonly sessions: Manifest['sessions'];
  /** In the order of reel and number. */
  readonly segments: readonly BundleSegment[];
  readonly reels: ReadonlyMap<string, BundleReel>;
  readonly log: {
    readonly checkpoint: Uint8Array;
    readonly vkeys: readonly string[];
    /** The policy file, as given or made of the log's keys. */
    readonly policy: Uint8Array;
    readonly hasWitnessPolicy: boolean;
  } | null;
  readonly exporter: Signer | null;
  /** The checker that goes with it, as bytes. */
  readonly checker: Uint8Array;
  /** What the exporter's own verification said of what is shown. */
  readonly report: unknown;
}

const text = (value: string): Buffer => Buffer.from(value);
const json = (value: unknown): Buffer => text(jsonText(value));

/**
 * Files of the bundle by their names.
 * @throws EvidenceError `BUNDLE_SEGMENT` for a segment that does not pass its own check, `BUNDLE_KEY` where lines are to be
 * redacted and nobody signs
 */
export function makeBundle(plan: BundlePlan): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const shown = plan.segments.map((segment) => addSegment(files, plan, segment));
  for (const [reel, { seals, start }] of plan.reels) {
    files.set(bundlePaths.seals(reel), joined(seals));
    if (start === null || plan.log === null) continue;
    addEntry(files, plan.log.checkpoint, start, bundlePaths.startLeaf(reel), bundlePaths.startProof(reel));
  }
  if (plan.log !== null) {
    files.set(bundlePaths.checkpoint, plan.log.checkpoint);
    files.set(bundlePaths.policy, plan.log.policy);
  }
  const manifest: Manifest = {
    format: BUNDLE_FORMAT,
    at: plan.at,
    by: plan.by,
    // What is not well-formed would be escaped, and by other writers otherwise.
    selection: { ...plan.selection, what: plan.selection.what.toWellFormed() },
    sessions: plan.sessions,
    reels: [...plan.reels].map(([reel, { key, recoveryKey }]) => ({ reel, key, recovery_key: recoveryKey })),
    segments: shown,
    exporter: plan.exporter?.publicKey ?? null,
    lacks: lacksOf(plan),
  };
  files.set(bundlePaths.manifest, json(manifest));
  files.set(bundlePaths.keys, text(keysText(plan.log?.vkeys ?? [], manifest)));
  files.set(bundlePaths.report, json(plan.report));
  files.set(bundlePaths.checker, plan.checker);
  files.set(bundlePaths.readme, text(readme(manifest)));
  const sums = text(sumsOf(files));
  files.set(bundlePaths.sums, sums);
  if (plan.exporter !== null) {
    const signature = Buffer.from(plan.exporter.sign(Buffer.concat([text(bundleContext), sums])));
    files.set(bundlePaths.signature, text(`${plan.exporter.publicKey} ${signature.toString('hex')}\n`));
  }
  return files;
}

function lacksOf({ log, segments, reels }: BundlePlan): Lack[] {
  const lacks: Lack[] = [];
  if (log === null) lacks.push('log');
  else {
    if (segments.some(({ leaf }) => leaf === null)) lacks.push('log_entry');
    if (!log.hasWitnessPolicy) lacks.push('policy');
    if ([...reels.values()].some(({ start }) => start === null)) lacks.push('reel_start');
  }
  if ([...reels.values()].some(({ isChain }) => !isChain)) lacks.push('seal_chain');
  return lacks;
}

function joined(lines: readonly Uint8Array[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [line, text('\n')]));
}

function addEntry(
  files: Map<string, Uint8Array>,
  checkpoint: Uint8Array,
  { entry, index, hashes }: LoggedEntry,
  leafFile: string,
  proofFile: string,
): void {
  files.set(leafFile, entry);
  files.set(proofFile, formatTlogProof({ extra: null, index, hashes, checkpoint }));
}

function addSegment(
  files: Map<string, Uint8Array>,
  plan: BundlePlan,
  { key, text: bytes, show, leaf }: BundleSegment,
): Manifest['segments'][number] {
  const check = checkSegment(bytes);
  if (!check.ok) throw new EvidenceError('BUNDLE_SEGMENT', `${key} cannot be shown: ${check.reason}`);
  const { reel, recorder, segment } = check.header;
  const lines = sealedLines(bytes, check);
  const tree = SegmentTree.ofLines(lines);
  const shown: Uint8Array[] = [lines[0]!];
  const proofs: LineProofs['lines'] = [proofAt(tree, 0)];
  let redacted = 0;
  for (const [i, record] of check.records.entries()) {
    const how = show(record);
    if (how === 'not') continue;
    const index = i + 1;
    const isRedacted = how === 'redacted' && isRedactable(record.kind);
    if (isRedacted) redacted++;
    shown.push(isRedacted ? redactedLine(record, tree.leaf(index), plan.exporter) : lines[index]!);
    proofs.push(proofAt(tree, index));
  }
  files.set(bundlePaths.lines(reel, segment), joined(shown));
  files.set(bundlePaths.proofs(reel, segment), text(proofsText({ lines: proofs })));
  if (leaf !== null && plan.log !== null) {
    const { checkpoint } = plan.log;
    addEntry(files, checkpoint, leaf, bundlePaths.leaf(reel, segment), bundlePaths.proof(reel, segment));
  }
  return {
    reel,
    recorder,
    segment,
    object: key,
    lines: shown.length - 1,
    redacted,
    leaf: plan.log === null ? null : (leaf?.index ?? null),
  };
}

/** Header and records, without newlines: the leaves of the segment's tree. */
function sealedLines(bytes: Uint8Array, { lines }: SegmentSuccess): Uint8Array[] {
  const header = bytes.subarray(0, lines[0]!.start - 1);
  return [header, ...lines.map(({ start, end }) => bytes.subarray(start, end))];
}

function proofAt(tree: SegmentTree, index: number): LineProofs['lines'][number] {
  return { index, proof: tree.proof(index).map((hash) => Buffer.from(hash).toString('hex')) };
}

/** What says that something is missing, or where a session ends, stays as it is. */
export function isRedactable(kind: string): boolean {
  return RedactedLine.shape.of.safeParse(kind).success;
}

function redactedLine(record: ParsedRecord, leaf: Uint8Array, exporter: Signer | null): Buffer {
  if (exporter === null) throw new EvidenceError('BUNDLE_KEY', 'a redacted line needs a key that signs it');
  const fields: Omit<RedactedLine, 'sig'> = {
    v: FORMAT_VERSION,
    kind: 'redacted',
    reel: record.reel,
    seq: record.seq,
    at: record.at,
    of: record.kind as RedactedLine['of'],
    session: record.session!,
    n: record.n!,
    leaf: Buffer.from(leaf).toString('hex'),
    by: exporter.publicKey,
  };
  const body = JSON.stringify(fields).slice(0, -1);
  const signature = Buffer.from(exporter.sign(text(redactedContext + body)));
  return text(`${body}${signatureField}"${signature.toString('hex')}"}`);
}
