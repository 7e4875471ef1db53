/**
 * Checks a reel: its segments in order, the chain between them, and every session in it. Reads no archive
 * itself.
 */
import type { ParsedRecord } from './checkRecord.ts';
import { checkSegment, type SegmentSuccess } from './checkSegment.ts';
import { EvidenceError } from './evidenceError.ts';
import { Findings } from './findings.ts';
import { objectDigest } from './leaf.ts';
import type { ObjectFacts } from './log/logReads.ts';
import { notProven } from './notProven.ts';
import { ZERO_DIGEST } from './seal.ts';
import { parseSegmentKey, type SegmentName, segmentKey } from './segmentKey.ts';
import type { HeaderLine, SealLine } from './segmentLines.ts';
import { decodeObject } from './segmentObject.ts';
import { type ReelEnd, SessionLedger } from './sessionLedger.ts';
import { isVouching, VaultLedger } from './vaultLedger.ts';
import { type ReelVerdict, worse } from './verdict.ts';

export interface StoredSegment {
  readonly key: string;
  /** As stored: compressed. */
  readonly object: Uint8Array;
}

export interface CheckedLine {
  readonly key: string;
  /** Line of the object, from 1; the header is 1. */
  readonly line: number;
  /** Valid during the call only. */
  readonly bytes: Uint8Array;
  readonly record: ParsedRecord;
}

export interface CheckReelOptions {
  /**
   * Public keys, 64 hex digits, one of which must have signed the reel's first segment; where that one is
   * recovered, this is the reel's recovery key.
   */
  readonly trustedKeys?: ReadonlySet<string>;
  /** Write each line again by the rules of the format and demand the same bytes. */
  readonly strict?: boolean;
  /** Decompressed bytes accepted of one object. */
  readonly segmentBytesMax?: number;
  /** Called for each record line of each segment that passed its own check. */
  readonly onLine?: (line: CheckedLine) => void;
  /** Called for each object that has a place in the reel, before its lines: what the log's check wants to know of it. */
  readonly onObject?: (facts: ObjectFacts) => void;
}

/** Missing segments named one by one; a longer hole is named by its first and last. */
const missingNamedMax = 100;

/**
 * Verdict over one reel. `segments` come in the order of their keys; each finding names the object, line or
 * session it is about. Never throws for anything the objects hold; errors of the iterable and of `onLine`
 * pass through.
 */
export async function checkReel(
  segments: Iterable<StoredSegment> | AsyncIterable<StoredSegment>,
  options: CheckReelOptions = {},
): Promise<ReelVerdict> {
  const check = new ReelCheck(options);
  for await (const segment of segments) check.add(segment);
  return check.finish();
}

/** What the next segment must continue. */
interface Chain {
  readonly digest: string;
  /** null: any key may sign, there is none before. */
  readonly nextKey: string | null;
  readonly lastSeq: number;
}

const chainStart: Chain = { digest: ZERO_DIGEST, nextKey: null, lastSeq: 0 };

function factsOf(key: string, object: Uint8Array, segment: SegmentSuccess | null): ObjectFacts {
  const sha256 = objectDigest(object);
  if (segment === null) return { key, sha256, seal: null };
  const { header, seal, sealDigest: digest } = segment;
  return {
    key,
    sha256,
    seal: {
      digest,
      root: seal.root,
      firstSeq: seal.first_seq,
      lastSeq: seal.last_seq,
      count: seal.count,
      key: header.key,
      recoveryKey: header.recovery_key,
    },
  };
}

class ReelCheck {
  readonly #options: CheckReelOptions;
  readonly #findings = new Findings();
  readonly #sessions = new SessionLedger(this.#findings);
  readonly #vault = new VaultLedger(this.#findings);
  #name: SegmentName | undefined;
  #lastKey = '';
  #firstSigner = '';
  #tail: ReelVerdict['tail'] = null;
  /** null after a segment that could not be checked: what follows cannot be tied to it. */
  #chain: Chain | null = chainStart;
  #expected = 1;
  #arrived = new Set<number>();
  #segments = 0;
  #records = 0;
  #bytes = 0;
  #recovered = false;
  /** Of the first header that was read; '' before. */
  #recoveryKey = '';
  #crashed = false;
  #closedBy = '';
  /** Whether the last line so far is one that a reel may end with. */
  #ended = false;

  constructor(options: CheckReelOptions) {
    this.#options = options;
  }

  add({ key, object }: StoredSegment): void {
    const name = this.#place(key);
    if (name === null) return;
    this.#segments++;
    this.#expected = name.segment + 1;
    this.#lastKey = key;
    const text = this.#decode(key, object);
    const segment = text === null ? null : this.#sound(key, name, text);
    this.#bytes += text?.length ?? 0;
    this.#options.onObject?.(factsOf(key, object, segment));
    if (text === null || segment === null) return;
    this.#link(key, segment);
    this.#read(key, text, segment);
  }

  /**
   * The segment when it passes its own check and is the one its key names; null, with a finding, otherwise.
   */
  #sound(key: string, name: SegmentName, text: Uint8Array): SegmentSuccess | null {
    const segment = checkSegment(text, this.#options);
    if (!segment.ok) {
      const artefact = segment.line === undefined ? key : `${key}#${segment.line}`;
      return this.#untie(artefact, segment.reason, segment.detail);
    }
    const { reel, recorder, segment: number } = segment.header;
    if (reel !== name.reel) return this.#untie(key, 'reel_mismatch', `holds a segment of reel ${reel}`);
    if (recorder !== name.recorder)
      return this.#untie(key, 'recorder_mismatch', `holds one of recorder ${recorder}`);
    if (number !== name.segment) return this.#untie(key, 'segment_mismatch', `holds segment ${number}`);
    return segment;
  }

  /**
   * The key's name when its segment is to be checked now; null, with a finding, when it has no place here.
   */
  #place(key: string): SegmentName | null {
    const name = parseSegmentKey(key);
    if (name === null) return this.#misplaced(key, 'key_invalid', 'not the key of a segment');
    this.#name ??= name;
    if (name.reel !== this.#name.reel || name.recorder !== this.#name.recorder) {
      return this.#misplaced(key, 'reel_mismatch', `the key is of another reel than ${this.#name.reel}`);
    }
    if (this.#arrived.has(name.segment))
      return this.#misplaced(key, 'segment_duplicated', 'the segment came before');
    if (name.segment < this.#expected)
      return this.#misplaced(key, 'segment_order', `came after segment ${this.#expected - 1}`);
    this.#arrived.add(name.segment);
    if (name.segment > this.#expected) this.#missing(this.#name, name.segment);
    return name;
  }

  #misplaced(key: string, reason: string, detail: string): null {
    this.#findings.add('forged', key, reason, detail);
    return null;
  }

  #missing(name: SegmentName, until: number): void {
    const keyOf = (segment: number) => segmentKey(name.recorder, name.reel, segment);
    const count = until - this.#expected;
    if (count > missingNamedMax) {
      const detail = `${count} segments up to ${keyOf(until - 1)} are missing, ${keyOf(until)} is there`;
      this.#untie(keyOf(this.#expected), 'segment_missing', detail);
      return;
    }
    for (let segment = this.#expected; segment < until; segment++) {
      this.#untie(
        keyOf(segment),
        'segment_missing',
        `segment ${segment} is missing, segment ${until} is there`,
      );
    }
  }

  #decode(key: string, object: Uint8Array): Uint8Array | null {
    try {
      return decodeObject(object, this.#options.segmentBytesMax);
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      return this.#untie(key, error.code.toLowerCase(), error.message);
    }
  }

  #untie(artefact: string, reason: string, detail: string): null {
    this.#findings.add('forged', artefact, reason, detail);
    this.#chain = null;
    this.#sessions.untie();
    return null;
  }

  /** Checks that the segment continues the one before it. */
  #link(key: string, { header, seal, sealDigest }: SegmentSuccess): void {
    const chain = this.#chain;
    this.#recover(key, header, seal);
    if (chain !== null) {
      if (seal.prev !== chain.digest)
        this.#untie(key, 'chain_prev', 'its seal does not follow the seal before it');
      this.#checkKey(key, header.key, header.recovered, chain);
      if (seal.first_seq !== chain.lastSeq + 1) {
        this.#untie(key, 'seq_gap', `starts at seq ${seal.first_seq} where ${chain.lastSeq + 1} must stand`);
      }
    }
    this.#chain = { digest: sealDigest, nextKey: seal.next_key, lastSeq: seal.last_seq };
    if (seal.segment === 1) this.#firstSigner = header.key;
    this.#tail = { segment: seal.segment, seal: sealDigest };
  }

  #checkKey(key: string, signedBy: string, recovered: boolean, chain: Chain): void {
    const { trustedKeys } = this.#options;
    if (chain.nextKey === null) {
      if (trustedKeys?.has(signedBy) === false)
        this.#untie(key, 'key_untrusted', `signed by ${signedBy}, which is not among the trusted keys`);
    } else if (signedBy !== chain.nextKey && !recovered) {
      this.#untie(key, 'key_chain', 'not signed by the key that the segment before it announced');
    }
  }

  /** A recovered segment has the key of the reel's journal, and only recovered ones follow it. */
  #recover(key: string, header: HeaderLine, seal: SealLine): void {
    const { recovered, recovery_key: recoveryKey } = header;
    if (this.#recoveryKey === '') this.#recoveryKey = recoveryKey;
    if (recoveryKey !== this.#recoveryKey)
      this.#untie(key, 'recovery_key_changed', `names ${recoveryKey}, the reel's is ${this.#recoveryKey}`);
    if (!recovered) {
      if (this.#recovered)
        this.#untie(key, 'recovered_resumed', 'the recorder goes on after its reel was recovered');
      return;
    }
    if (header.key !== recoveryKey || seal.next_key !== recoveryKey)
      this.#untie(key, 'recovery_key', "says it was recovered, but not with the key of the reel's journal");
    if (this.#recovered) return;
    this.#recovered = true;
    this.#crashed = true;
    const detail = 'from here on sealed from the journal, not by the process that wrote it';
    this.#findings.add('crashed', key, 'recovered', detail);
  }

  #read(key: string, text: Uint8Array, segment: SegmentSuccess): void {
    const { onLine } = this.#options;
    const { lines, records, header } = segment;
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      const line = i + 2;
      this.#records++;
      const { start, end } = lines[i]!;
      const digest = isVouching(record.kind) ? objectDigest(text.subarray(start, end)) : '';
      this.#follow(record, key, line, header.recorder, digest);
      if (record.session !== undefined) this.#sessions.record(record, key, line, header.recovered);
      onLine?.({ key, line, bytes: text.subarray(start, end), record });
    }
  }

  /** What holds for the lines of the whole reel. */
  #follow(record: ParsedRecord, key: string, line: number, recorder: string, digest: string): void {
    const artefact = `${key}#${line}`;
    if (this.#closedBy !== '') {
      this.#findings.add('forged', artefact, 'after_reel_closed', `the reel ended with ${this.#closedBy}`);
    }
    const opens = record.kind === 'reel_opened' || record.kind === 'vault_opened';
    if (opens !== (record.seq === 1)) {
      this.#findings.add('forged', artefact, 'reel_opened', 'a reel opens with its first line and no other');
    }
    this.#vault.record(record, artefact, digest);
    if (opens && record.recorder !== recorder) {
      this.#findings.add('forged', artefact, 'recorder_mismatch', `opened by recorder ${record.recorder}`);
    }
    if (record.kind === 'reel_closed') this.#closedBy = artefact;
    this.#ended = record.kind === 'reel_closed';
    if (record.kind !== 'gap' || record.session !== undefined) return;
    const crashed = record.reason === 'recorder_crashed';
    if (crashed) this.#crashed = this.#ended = true;
    const verdict = crashed ? 'crashed' : 'gap';
    this.#findings.add(verdict, artefact, String(record.reason), String(record.detail));
  }

  finish(): ReelVerdict {
    const closed = this.#closedBy !== '';
    const end: ReelEnd = this.#crashed ? 'crashed' : closed ? 'closed' : 'open';
    if (this.#segments === 0) this.#findings.add('forged', '', 'no_segments', 'there is no segment to check');
    const sessions = this.#sessions.finish(end);
    if (!this.#ended && this.#segments > 0) {
      this.#findings.add('open', this.#lastKey, 'not_closed', 'the reel does not end here: no line says so');
    }
    return {
      reel: this.#name?.reel ?? '',
      recorder: this.#name?.recorder ?? '',
      by: this.#vault.by,
      closed,
      ended: this.#ended,
      key: this.#firstSigner,
      recoveryKey: this.#recoveryKey,
      tail: this.#tail,
      verdict: sessions.reduce((worst, session) => worse(worst, session.verdict), this.#findings.worst),
      findings: this.#findings.list(this.#lastKey),
      segments: this.#segments,
      records: this.#records,
      bytes: this.#bytes,
      sessions,
      notProven: notProven({
        end,
        ended: this.#ended,
        lastKey: this.#lastKey,
        trusted: this.#options.trustedKeys !== undefined,
      }),
      vault: this.#vault.words(),
    };
  }
}
