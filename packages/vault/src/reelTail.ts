/** Owns whether a sound segment continues its reel; pure. It refuses to know where segments are kept. */
import { type SegmentSuccess, ZERO_DIGEST } from '@pgtape/evidence';

/** What the next segment of a reel must fit: its last archived segment. */
export interface ReelTail {
  readonly reel: string;
  readonly recorder: string;
  /** 0 when nothing is archived yet. */
  readonly segment: number;
  /** SHA-256 of the last seal line, hex. */
  readonly sealDigest: string;
  readonly lastSeq: number;
  /** Public key the next segment must be signed with, unless it says `recovered`; '' for segment 0. */
  readonly nextKey: string;
  /** Public key that signs what is recovered, the same in all headers of the reel; '' for segment 0. */
  readonly recoveryKey: string;
  readonly recovered: boolean;
  /** Its last record is `reel_closed`: nothing may follow. */
  readonly closed: boolean;
}

export function emptyTail(recorder: string, reel: string): ReelTail {
  const start = { segment: 0, sealDigest: ZERO_DIGEST, lastSeq: 0, nextKey: '', recoveryKey: '' };
  return { reel, recorder, ...start, recovered: false, closed: false };
}

export function tailAfter(segment: SegmentSuccess): ReelTail {
  return {
    reel: segment.header.reel,
    recorder: segment.header.recorder,
    segment: segment.seal.segment,
    sealDigest: segment.sealDigest,
    lastSeq: segment.seal.last_seq,
    nextKey: segment.seal.next_key,
    recoveryKey: segment.header.recovery_key,
    recovered: segment.header.recovered,
    closed: segment.records.some(({ kind }) => kind === 'reel_closed'),
  };
}

export type Continuation =
  | { readonly kind: 'next' }
  /** Archived before, under this number; whether with these bytes is for the archive to say. */
  | { readonly kind: 'seen' }
  | { readonly kind: 'ahead'; readonly expected: number }
  | { readonly kind: 'contradicts'; readonly detail: string };

/**
 * Where the segment stands to the reel's tail. The rules are docs/formats/segment.md's: numbers and seqs
 * without gap, `prev` the digest of the seal before, signed by the key the seal before names or, where it
 * says `recovered`, by the reel's recovery key.
 */
export function continuationOf(tail: ReelTail, segment: SegmentSuccess): Continuation {
  const { seal } = segment;
  if (seal.segment <= tail.segment) return { kind: 'seen' };
  if (seal.segment > tail.segment + 1) return { kind: 'ahead', expected: tail.segment + 1 };
  const detail = breakOfChain(tail, segment) ?? breakOfKeys(tail, segment);
  return detail === null ? { kind: 'next' } : { kind: 'contradicts', detail };
}

function breakOfChain(tail: ReelTail, { seal, records }: SegmentSuccess): string | null {
  if (tail.closed) return 'the reel is closed';
  if (seal.prev !== tail.sealDigest) return `prev is ${seal.prev}, the seal before is ${tail.sealDigest}`;
  if (seal.first_seq !== tail.lastSeq + 1)
    return `first_seq is ${seal.first_seq}, expected ${tail.lastSeq + 1}`;
  const end = records.findIndex(({ kind }) => kind === 'reel_closed');
  return end === -1 || end === records.length - 1 ? null : 'goes on after the reel is closed';
}

/**
 * Only who has the reel's journal has the recovery key, so reaching the vault is not enough to go on with a
 * reel.
 */
function breakOfKeys(tail: ReelTail, { header, seal }: SegmentSuccess): string | null {
  const { key, recovery_key: recoveryKey, recovered } = header;
  if (tail.segment > 0 && recoveryKey !== tail.recoveryKey)
    return `recovery_key is ${recoveryKey}, the reel's is ${tail.recoveryKey}`;
  if (recovered) {
    if (key !== recoveryKey) return `recovered, but signed by ${key}, the recovery key is ${recoveryKey}`;
    return seal.next_key === recoveryKey ? null : `recovered, but hands the reel to ${seal.next_key}`;
  }
  if (tail.recovered) return 'a recovered reel goes on as if it were not';
  if (tail.segment > 0 && key !== tail.nextKey)
    return `signed by ${key}, the seal before names ${tail.nextKey}`;
  return null;
}
