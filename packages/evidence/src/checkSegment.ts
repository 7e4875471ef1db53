/**
 * Checks one segment alone: structure, numbers, tree, signature. Knows nothing of other segments and nothing
 * of storage.
 */
import { isUtf8 } from 'node:buffer';
import { MerkleTree } from '@pgtape/tlog';
import { checkRecord, fieldsOf, type ParsedRecord } from './checkRecord.ts';
import { LINE_BYTES_MAX } from './formatNumbers.ts';
import { sealContext, sealDigest, sealSignatureField } from './seal.ts';
import { HeaderLine, SealLine } from './segmentLines.ts';
import { keyId, verifySignature } from './signer.ts';

/** Byte range of a record line in the segment's text, newline excluded. */
export interface LineSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * `not_utf8`, `line_ending`, `line_too_long`: not lines of text. `header_*`, `seal_*`: the first or last
 * line. `reel_mismatch`, `segment_mismatch`: header and seal, or a line, speak of different ones. `count`,
 * `seq_gap`: numbers do not follow. `bad_json`, `line_invalid`: a record line. `seal_signature`: not signed
 * by the header's key. `tree_root`: lines are not the sealed ones.
 */
export type SegmentReason =
  | 'not_utf8'
  | 'line_ending'
  | 'line_too_long'
  | 'header_missing'
  | 'header_invalid'
  | 'seal_missing'
  | 'seal_invalid'
  | 'seal_signature'
  | 'tree_root'
  | 'count'
  | 'seq_gap'
  | 'reel_mismatch'
  | 'segment_mismatch'
  | 'bad_json'
  | 'line_invalid';

export interface SegmentFailure {
  readonly ok: false;
  readonly reason: SegmentReason;
  /** For people; never a line's text. */
  readonly detail: string;
  /** Line of the text it is about, from 1. */
  readonly line?: number;
}

export interface SegmentSuccess {
  readonly ok: true;
  readonly header: HeaderLine;
  readonly seal: SealLine;
  /** SHA-256 of the seal line: the next segment's `prev`. */
  readonly sealDigest: string;
  /** Record lines, header and seal excluded. */
  readonly lines: readonly LineSpan[];
  /** The record lines, parsed and as the schema says. */
  readonly records: readonly ParsedRecord[];
}

export type SegmentCheck = SegmentSuccess | SegmentFailure;

export interface SegmentCheckOptions {
  /**
   * Write every line again by the rules of the format and demand the same bytes; default false.
   */
  readonly strict?: boolean;
}

const newline = 0x0a;

/** Checks the decompressed text of one segment object. Never throws, whatever the bytes. */
export function checkSegment(text: Uint8Array, options: SegmentCheckOptions = {}): SegmentCheck {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
  const spans = spansOf(bytes);
  if ('reason' in spans) return spans;
  const header = readHeader(bytes, spans[0]);
  if ('reason' in header) return header;
  const sealSpan = spans.length > 1 ? spans.at(-1) : undefined;
  const seal = readSeal(bytes, sealSpan, spans.length, header);
  if ('reason' in seal) return seal;
  const lines = spans.slice(1, -1);
  if (lines.length !== seal.count || seal.last_seq - seal.first_seq + 1 !== seal.count) {
    return failure(
      'count',
      `the seal counts ${seal.count} records ${seal.first_seq}..${seal.last_seq}, there are ${lines.length}`,
    );
  }
  const records = readRecords(bytes, lines, header.reel, seal.first_seq, options.strict ?? false);
  if ('reason' in records) return records;
  const root = rootOf(bytes, spans);
  if (root !== seal.root)
    return failure('tree_root', `the lines hash to ${root}, the seal says ${seal.root}`);
  const digest = sealDigest(bytes.subarray(sealSpan!.start, sealSpan!.end));
  return { ok: true, header, seal, sealDigest: digest, lines, records };
}

function spansOf(bytes: Buffer): LineSpan[] | SegmentFailure {
  if (bytes.length === 0) return failure('header_missing', 'the segment is empty');
  if (!isUtf8(bytes)) return failure('not_utf8', 'the segment is not UTF-8');
  const spans: LineSpan[] = [];
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(newline, start);
    if (end === -1) return failure('line_ending', 'the last line does not end', spans.length + 1);
    if (end === start) return failure('line_ending', 'an empty line', spans.length + 1);
    if (end - start > LINE_BYTES_MAX)
      return failure('line_too_long', `${end - start} bytes`, spans.length + 1);
    spans.push({ start, end });
    start = end + 1;
  }
  return spans;
}

function readHeader(bytes: Buffer, span: LineSpan | undefined): HeaderLine | SegmentFailure {
  const text = span === undefined ? '' : bytes.toString('utf8', span.start, span.end);
  const value = parseJson(text);
  if (kindOf(value) !== 'header') return failure('header_missing', 'the first line is not a header', 1);
  const header = HeaderLine.safeParse(value);
  // Equality of the bytes: a field given twice, or in another order, would otherwise be read in more than one
  // way.
  if (!header.success || JSON.stringify(header.data) !== text) {
    return failure(
      'header_invalid',
      header.success ? 'not written as the format says' : fieldsOf(header.error),
      1,
    );
  }
  return header.data;
}

function readSeal(
  bytes: Buffer,
  span: LineSpan | undefined,
  line: number,
  header: HeaderLine,
): SealLine | SegmentFailure {
  const text = span === undefined ? '' : bytes.toString('utf8', span.start, span.end);
  const value = parseJson(text);
  if (span === undefined || kindOf(value) !== 'seal') {
    return failure('seal_missing', 'the last line is not a seal', line);
  }
  const parsed = SealLine.safeParse(value);
  if (!parsed.success || JSON.stringify(parsed.data) !== text) {
    return failure(
      'seal_invalid',
      parsed.success ? 'not written as the format says' : fieldsOf(parsed.error),
      line,
    );
  }
  const seal = parsed.data;
  if (seal.reel !== header.reel)
    return failure('reel_mismatch', 'the seal names another reel than the header', line);
  if (seal.segment !== header.segment) {
    return failure('segment_mismatch', `header ${header.segment}, seal ${seal.segment}`, line);
  }
  const signed = Buffer.from(sealContext + text.slice(0, text.lastIndexOf(sealSignatureField)));
  if (
    seal.key_id !== keyId(header.key) ||
    !verifySignature(header.key, signed, Buffer.from(seal.sig, 'hex'))
  ) {
    return failure('seal_signature', `not signed by the header's key ${keyId(header.key)}`, line);
  }
  return seal;
}

function readRecords(
  bytes: Buffer,
  lines: readonly LineSpan[],
  reel: string,
  firstSeq: number,
  strict: boolean,
): ParsedRecord[] | SegmentFailure {
  const records = new Array<ParsedRecord>(lines.length);
  for (let i = 0; i < lines.length; i++) {
    const { start, end } = lines[i]!;
    const text = bytes.toString('utf8', start, end);
    const value = parseJson(text);
    if (value === undefined) return failure('bad_json', 'not JSON', i + 2);
    const record = checkRecord(value, strict ? text : undefined);
    if (typeof record === 'string') return failure('line_invalid', record, i + 2);
    if (record.reel !== reel)
      return failure('reel_mismatch', 'the line names another reel than the header', i + 2);
    if (record.seq !== firstSeq + i)
      return failure('seq_gap', `seq ${record.seq} where ${firstSeq + i} must stand`, i + 2);
    records[i] = record;
  }
  return records;
}

/** RFC 6962 root over all lines but the last, the seal. */
function rootOf(bytes: Buffer, spans: readonly LineSpan[]): string {
  const tree = new MerkleTree();
  for (let i = 0; i < spans.length - 1; i++) tree.push(bytes.subarray(spans[i]!.start, spans[i]!.end));
  return Buffer.from(tree.root()).toString('hex');
}

/** undefined for what is not JSON; JSON itself has no undefined. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function kindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
}

function failure(reason: SegmentReason, detail: string, line?: number): SegmentFailure {
  return { ok: false, reason, detail, ...(line !== undefined && { line }) };
}
