/**
 * Owns the decision about one request: checked, stored, given a place in the log, and only then acknowledged
 * (R3). It refuses to know of sockets.
 *
 * A reel's tail is read from the archive when the reel is first seen, and again after anything went wrong
 * with it: recovery is the ordinary path. An acknowledgement always stands behind a putOnce made by this
 * process, for an object that merely is there may be one whose directory a dead process had not synced.
 */
import { checkSegment, joinLines, type SegmentSuccess, vaultKinds } from '@pgtape/evidence';
import { readSegmentRequest } from '@pgtape/otlp';
import { StoreError } from '@pgtape/store';
import { TlogError } from '@pgtape/tlog';
import { type Archive, ArchiveDamaged, type ArchivedSegment } from './archive.ts';
import type { Caller, Enrolment, Enrolments } from './enrolments.ts';
import type { Quarantine } from './quarantine.ts';
import { continuationOf, type ReelTail, tailAfter } from './reelTail.ts';
import { full, later, misfit, notEnrolled, type Refusal, type RefusalReason, unsound } from './refusal.ts';
import type { Sequence } from './segmentLog.ts';
import { SequencerError, type SequencerErrorCode } from './sequencer.ts';
import { Serial } from './serial.ts';
import { VaultReelError } from './vaultReel.ts';

export interface StoredSegment {
  readonly kind: 'stored';
  readonly segment: SegmentSuccess;
  /** Header, records and seal, each with its newline: what `segment.lines` are ranges of. */
  readonly text: Uint8Array;
  readonly objectBytes: number;
  readonly putMs: number;
}

/** What became of a request; all but `refused` are acknowledged. */
export type Outcome =
  | StoredSegment
  | { readonly kind: 'duplicate'; readonly segment: SegmentSuccess }
  | { readonly kind: 'view'; readonly spans: number }
  | Refusal;

/** What the receiver tells beside its answer; called before the answer is given. */
export interface ReceiverEvents {
  /** A segment was refused because an earlier one, `expected`, is missing. */
  ahead(header: SegmentSuccess['header'], expected: number): void;
  /** A segment was refused because nobody vouches for it. */
  notEnrolled(reel: string, detail: string): void;
  /** Evidence contradicts the archive: someone must look at it. `key` is where it lies. */
  quarantined(reel: string, segment: number, key: string, detail: string): void;
  /** As `quarantined`, but there is no room to keep it. */
  quarantineFull(reel: string, segment: number, detail: string): void;
  /**
   * What failed inside the vault while it received; the request is refused with `store` or `archive_damaged`.
   */
  failed(reel: string, segment: number, error: Error): void;
}

export interface ReceiverOptions {
  readonly archive: Archive;
  /** What stands in the place of a recorder's id in the vault's own reels, which nobody may send. */
  readonly vaultId: string;
  readonly quarantine: Quarantine;
  readonly enrolments: Pick<Enrolments, 'check' | 'begin'>;
  /** A stored segment's place in the log. */
  readonly sequence: Sequence;
  readonly events: ReceiverEvents;
  /** Bytes of requests being received at once; one request is always let in. */
  readonly inflightBytesMax: number;
  /** Reels whose tail is remembered. */
  readonly tailsMax: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** False when another vault took the archive over. */
  readonly holdsLock: () => boolean;
}

const retryMs = { overloaded: 500, store: 1000, damaged: 30_000, closing: 1000, identity: 2000 } as const;

/** What a failure inside the vault is called; the segment may be stored, and is sent again. */
function refusalOf(failure: Error): Refusal {
  if (failure instanceof ArchiveDamaged)
    return later('archive_damaged', `${failure.key} is damaged`, retryMs.damaged);
  if (failure instanceof SequencerError) {
    const { reason, wait } = logRefusals[failure.code];
    return later(reason, failure.code, retryMs[wait]);
  }
  if (failure instanceof TlogError) return later('log_damaged', failure.code, retryMs.damaged);
  return later('store', failure instanceof StoreError ? failure.code : 'internal', retryMs.store);
}

const logRefusals = {
  LOG_FENCED: { reason: 'log_fenced', wait: 'damaged' },
  LOG_JOURNAL: { reason: 'log_journal', wait: 'store' },
  LOG_BEHIND: { reason: 'log_behind', wait: 'store' },
  LOG_CLOSED: { reason: 'closing', wait: 'closing' },
} as const satisfies Record<SequencerErrorCode, { reason: RefusalReason; wait: keyof typeof retryMs }>;

interface Sent {
  readonly segment: SegmentSuccess;
  readonly text: Uint8Array;
  readonly caller: Caller;
}

/** A caller of whom the connection says nothing. */
const unknownCaller: Caller = { certificate: null, proof: null, token: null, address: '' };

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #serial = new Serial();
  /** By reel, least recently used first. */
  readonly #tails = new Map<string, ReelTail>();
  #inflightBytes = 0;
  #closing = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /**
   * Learns whose the archive's reels are, so that the first segment need not wait for it; tried again then
   * when it fails. Rejects with StoreError.
   */
  async prepare(): Promise<void> {
    await this.#options.archive.owners.load();
  }

  /** Never rejects. The request's bytes must stay as they are until it resolves. */
  async receive(request: Uint8Array, caller: Caller = unknownCaller): Promise<Outcome> {
    if (this.#closing) return later('closing', 'the vault stops', retryMs.closing);
    if (this.#inflightBytes > 0 && this.#inflightBytes + request.length > this.#options.inflightBytesMax) {
      return later('overloaded', 'too many bytes in flight', retryMs.overloaded);
    }
    this.#inflightBytes += request.length;
    try {
      return await this.#read(request, caller);
    } finally {
      this.#inflightBytes -= request.length;
    }
  }

  /**
   * The reel's last archived segment; null when nothing of it is archived. `recorder` null: whose it is.
   */
  async tailOf(reel: string, recorder: string | null): Promise<ReelTail | null> {
    const owner = recorder ?? (await this.#options.archive.owners.ownerOf(reel));
    if (owner === null) return null;
    const tail = await this.#serial.run(reel, () => this.#tail(owner, reel));
    return tail.segment === 0 ? null : tail;
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  get tailsKnown(): number {
    return this.#tails.size;
  }

  /** Refuses what comes, and resolves when what came has its answer. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#serial.idle();
  }

  async #read(request: Uint8Array, caller: Caller): Promise<Outcome> {
    const reading = readSegmentRequest(request);
    if (reading.kind === 'view') return reading;
    if (reading.kind === 'malformed') return unsound('malformed', reading.reason);
    const text = joinLines(reading.lines);
    const segment = checkSegment(text);
    if (!segment.ok) {
      const line = segment.line === undefined ? '' : `line ${segment.line}: `;
      return unsound(segment.reason, `${line}${segment.detail}`);
    }
    return await this.#serial.run(segment.header.reel, () => this.#judgeSafely({ segment, text, caller }));
  }

  /** After any failure the tail is forgotten: what the archive holds is then unknown, and is read again. */
  async #judgeSafely(sent: Sent): Promise<Outcome> {
    const { header, seal } = sent.segment;
    if (!this.#options.holdsLock())
      return later('lock_lost', 'another vault has the archive', retryMs.damaged);
    try {
      return await this.#judge(sent);
    } catch (error) {
      this.#tails.delete(header.reel);
      const failure = error instanceof Error ? error : new Error(String(error));
      // The reel tells itself why it was not written.
      if (failure instanceof VaultReelError) return later('vault_reel', failure.code, retryMs.store);
      this.#options.events.failed(header.reel, seal.segment, failure);
      return refusalOf(failure);
    }
  }

  async #judge(sent: Sent): Promise<Outcome> {
    const { segment } = sent;
    const { header, seal } = segment;
    if (header.recorder === this.#options.vaultId || segment.records.some(({ kind }) => vaultKinds.has(kind)))
      return await this.#quarantine(sent, 'a vault writes this; recorders do not');
    const owner = await this.#options.archive.owners.ownerOf(header.reel);
    if (owner !== null && owner !== header.recorder) {
      return await this.#quarantine(sent, `the reel is of recorder ${owner}, not ${header.recorder}`);
    }
    const tail = await this.#tail(header.recorder, header.reel);
    const enrolment = await this.#options.enrolments.check(segment, sent.caller, tail.segment > 0);
    if ('refused' in enrolment) {
      const { refused, reason = 'not_enrolled' } = enrolment;
      if (reason === 'api_unreachable' || reason === 'reviews_limited')
        return later(reason, refused, retryMs.identity);
      const detail = reason === 'not_enrolled' ? refused : `${reason}: ${refused}`;
      this.#options.events.notEnrolled(header.reel, detail);
      return notEnrolled(refused, reason);
    }
    const continuation = continuationOf(tail, sent.segment);
    switch (continuation.kind) {
      case 'ahead':
        this.#options.events.ahead(header, continuation.expected);
        return misfit('out_of_order', `expected segment ${continuation.expected}, got ${seal.segment}`);
      case 'contradicts':
        return await this.#quarantine(sent, continuation.detail);
      case 'seen':
        return await this.#seen(sent);
      case 'next':
        return await this.#next(sent, enrolment);
    }
  }

  async #next(sent: Sent, enrolment: Enrolment): Promise<Outcome> {
    const { archive, enrolments, sequence, now } = this.#options;
    if (sent.segment.seal.segment === 1) await enrolments.begin(sent.segment, enrolment);
    const from = now();
    archive.owners.claim(sent.segment.header);
    const put = await archive.put(sent.segment, sent.text);
    const putMs = now() - from;
    // The tail said there is none: someone else writes into this archive, or a listing hid it.
    if (put.answer === 'exists') {
      this.#tails.delete(sent.segment.header.reel);
      return await this.#logged(await this.#compared(sent), sent, put);
    }
    await sequence(sent.segment, put);
    this.#remember(tailAfter(sent.segment));
    const { segment, text } = sent;
    return { kind: 'stored', segment, text, objectBytes: put.bytes, putMs };
  }

  async #seen(sent: Sent): Promise<Outcome> {
    // Looked at before it is put: where the object was deleted, a put would quietly fill the hole.
    const compared = await this.#compared(sent);
    if (compared.kind !== 'duplicate') return compared;
    return await this.#logged(compared, sent, await this.#options.archive.put(sent.segment, sent.text));
  }

  /** Whoever stored it may have died before its leaf was durable. */
  async #logged(compared: Outcome, sent: Sent, put: ArchivedSegment): Promise<Outcome> {
    if (compared.kind === 'duplicate') await this.#options.sequence(sent.segment, put);
    return compared;
  }

  /** Whether the archived object of this number is the same segment: its seal commits to every byte. */
  async #compared(sent: Sent): Promise<Outcome> {
    const { header, seal, sealDigest } = sent.segment;
    const archived = await this.#options.archive.sealDigestOf(header.recorder, header.reel, seal.segment);
    if (archived !== sealDigest) {
      return await this.#quarantine(sent, `archived with other bytes, seal ${archived}`);
    }
    return { kind: 'duplicate', segment: sent.segment };
  }

  async #quarantine(sent: Sent, detail: string): Promise<Outcome> {
    const { header, seal } = sent.segment;
    const { quarantine, events } = this.#options;
    const { key, kept } = await quarantine.keep(sent.segment, sent.text);
    if (!kept) {
      events.quarantineFull(header.reel, seal.segment, detail);
      return full(`segment ${seal.segment}: ${detail}`);
    }
    events.quarantined(header.reel, seal.segment, key, detail);
    return misfit('forged', `segment ${seal.segment}: ${detail}`);
  }

  async #tail(recorder: string, reel: string): Promise<ReelTail> {
    const tail = this.#tails.get(reel) ?? (await this.#options.archive.tailOf(recorder, reel));
    // What is not archived is not remembered: a sender could name any number of reels.
    if (tail.segment > 0) this.#remember(tail);
    return tail;
  }

  #remember(tail: ReelTail): void {
    this.#tails.delete(tail.reel);
    this.#tails.set(tail.reel, tail);
    if (this.#tails.size <= this.#options.tailsMax) return;
    for (const oldest of this.#tails.keys()) {
      this.#tails.delete(oldest);
      return;
    }
  }
}
