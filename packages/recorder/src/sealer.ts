/**
 * Owns the sealing of one reel: records get their numbers and salts, become lines in a segment's tree and spans in its request, and
 * a full segment gets its seal. The private keys live here and nowhere else. Knows no files.
 */
import { constants as zlib, zstdCompressSync } from 'node:zlib';
import {
  type DraftRecord,
  headerLine,
  headerSaltOf,
  newSigner,
  recoverySigner,
  type Signer,
  saltsOf,
  sealDigest,
  sealLine,
  ZERO_DIGEST,
} from '@pgtape/evidence';
import { SegmentRequest, type SpanSession } from '@pgtape/otlp';
import { MerkleTree } from '@pgtape/tlog';
import type { ReelEntry } from './journalFormat.ts';

/** Where a segment closes, whichever comes first; the time is the journal's, so that decoding again cuts at the same records. */
export interface SegmentLimits {
  readonly records: number;
  /** Bytes of lines. */
  readonly bytes: number;
  readonly maxSeconds: number;
}

/** The last sealed segment of a reel. */
export interface ChainHead {
  /** 0: none is sealed yet. */
  readonly segment: number;
  readonly lastSeq: number;
  /** SHA-256 of its seal line. */
  readonly digest: string;
}

export const emptyChain: ChainHead = { segment: 0, lastSeq: 0, digest: ZERO_DIGEST };

/** A segment as it will be sent: an ExportTraceServiceRequest, zstd. */
export interface SealedSegment extends ChainHead {
  readonly records: number;
  readonly bytes: Buffer;
}

export interface SealerOptions {
  readonly reel: ReelEntry;
  readonly limits: SegmentLimits;
  /** True when another process, or this one before it lost its key, began the reel. */
  readonly recovered: boolean;
  /** Of the salts, 32 hex digits, where the reel's own must not be used again. */
  readonly saltSeed?: string;
  readonly head: ChainHead;
  /** Records below this number were told by the snapshot that decoding starts from. */
  readonly nextSeq: number;
  /** Sessions as spans know them at that snapshot. */
  readonly spans: readonly SpanSession[];
  /** Sessions whose `opened` record stands before that snapshot and whose `closed` record does not. */
  readonly openSessions: number;
  readonly wallUs: () => number;
  readonly sealed: (segment: SealedSegment) => void;
}

const saltsAtOnce = 512;
/** A window of 256 KiB stays in the processor's cache and still holds what repeats. */
const compression = {
  chunkSize: 128 * 1024,
  params: { [zlib.ZSTD_c_compressionLevel]: 1, [zlib.ZSTD_c_windowLog]: 18 },
};

export class SegmentSealer {
  readonly #options: SealerOptions;
  readonly #request: SegmentRequest;
  readonly #tree = new MerkleTree();
  readonly #sealedFields: { reel: string; seq: number; salt: string };
  readonly #saltSeed: string;
  /** Signs everything of a recovered reel; of an ordinary one nothing, it is only named. */
  readonly #recovery: Signer;
  #signer: Signer;
  #head: ChainHead;
  #nextSeq: number;
  /** Number of the open segment's first record, and when it came; 0: no segment is open. */
  #firstSeq = 0;
  #openedNs = 0;
  #openSessions: number;
  #policy: string;
  #salts: string[] = [];
  #saltsFrom = 0;

  constructor(options: SealerOptions) {
    this.#options = options;
    const { reel, spans, head, nextSeq } = options;
    this.#head = head;
    this.#nextSeq = nextSeq;
    this.#openSessions = options.openSessions;
    this.#policy = reel.policy;
    this.#saltSeed = options.saltSeed ?? reel.seed;
    this.#recovery = recoverySigner(reel.seed);
    this.#signer = options.recovered ? this.#recovery : newSigner();
    this.#sealedFields = { reel: reel.reel, seq: 0, salt: '' };
    const resource = {
      'service.name': 'pgtape-recorder',
      'service.version': reel.version,
      'service.instance.id': reel.recorder,
      'host.name': reel.host,
    };
    this.#request = new SegmentRequest(resource, spans);
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** A segment is open: records wait to be sealed. */
  get isOpen(): boolean {
    return this.#firstSeq > 0;
  }

  get head(): ChainHead {
    return this.#head;
  }

  get spans(): SpanSession[] {
    return this.#request.sessions();
  }

  get openSessions(): number {
    return this.#openSessions;
  }

  /** Appends a record; one that a sealed segment already holds only moves the numbers and the spans' sessions on. */
  record(draft: DraftRecord, monoNs: number): void {
    if (this.#firstSeq === 0) this.#begin(monoNs);
    const fields = this.#sealedFields;
    fields.seq = this.#nextSeq++;
    fields.salt = this.#salt(fields.seq);
    if (draft.kind === 'opened') this.#openSessions += 1;
    else if (draft.kind === 'closed') this.#openSessions -= 1;
    else if (draft.kind === 'configured') this.#policy = draft.policy;
    const line = this.#request.record(draft, fields);
    if (fields.seq <= this.#head.lastSeq) {
      this.#firstSeq = 0;
      return;
    }
    this.#tree.push(line);
    const { records, bytes } = this.#options.limits;
    if (fields.seq - this.#firstSeq + 1 >= records || this.#request.lineBytes >= bytes) this.seal();
  }

  /** Seals a segment whose first record has waited long enough. */
  turnEnd(monoNs: number): void {
    if (this.#firstSeq > 0 && monoNs - this.#openedNs >= this.#options.limits.maxSeconds * 1e9) this.seal();
  }

  /** Seals what is open, if anything is. The key that signs is forgotten with the call, unless it is the journal's. */
  seal(): void {
    if (this.#firstSeq === 0) return;
    const { reel, wallUs, sealed, recovered } = this.#options;
    const next = recovered ? this.#recovery : newSigner();
    const segment = this.#head.segment + 1;
    const lastSeq = this.#nextSeq - 1;
    const records = this.#nextSeq - this.#firstSeq;
    const seal = sealLine(
      {
        reel: reel.reel,
        segment,
        first_seq: this.#firstSeq,
        last_seq: lastSeq,
        count: records,
        root: Buffer.from(this.#tree.root()).toString('hex'),
        prev: this.#head.digest,
        open_sessions: this.#openSessions,
        policy: this.#policy,
        next_key: next.publicKey,
        at: `${Math.round(wallUs())}000`,
      },
      this.#signer,
    );
    this.#signer = next;
    this.#firstSeq = 0;
    const bytes = zstdCompressSync(this.#request.end(seal), compression);
    this.#head = { segment, lastSeq, digest: sealDigest(seal) };
    sealed({ ...this.#head, records, bytes });
  }

  #begin(monoNs: number): void {
    const { reel, recovered } = this.#options;
    const segment = this.#head.segment + 1;
    const header = headerLine({
      v: 1,
      kind: 'header',
      reel: reel.reel,
      recorder: reel.recorder,
      segment,
      salt: headerSaltOf(this.#saltSeed, segment),
      key: this.#signer.publicKey,
      recovery_key: this.#recovery.publicKey,
      recovered,
      boot: reel.boot,
      clock: 'realtime+monotonic',
      host: reel.host,
      name: reel.name,
      version: reel.version,
    });
    this.#firstSeq = this.#nextSeq;
    this.#openedNs = monoNs;
    this.#request.begin(header);
    this.#tree.clear();
    this.#tree.push(Buffer.from(header));
  }

  #salt(seq: number): string {
    const at = seq - this.#saltsFrom;
    if (at < this.#salts.length && at >= 0) return this.#salts[at]!;
    this.#saltsFrom = seq;
    this.#salts = saltsOf(this.#saltSeed, seq, saltsAtOnce);
    return this.#salts[0]!;
  }
}
