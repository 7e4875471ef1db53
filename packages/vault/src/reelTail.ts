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
  readonly recovered: boolean;
}

export function emptyTail(recorder: string, reel: string): ReelTail {
  return { reel, recorder, segment: 0, sealDigest: ZERO_DIGEST, lastSeq: 0, nextKey: '', recovered: false };
}

export function tailAfter(segment: SegmentSuccess): ReelTail {
  return {
    reel: segment.header.reel,
    recorder: segment.header.recorder,
    segment: segment.seal.segment,
    sealDigest: segment.sealDigest,
    lastSeq: segment.seal.last_seq,
    nextKey: segment.seal.next_key,
    recovered: segment.header.recovered,
  };
}

export type Continuation =
  | { readonly kind: 'next' }
  /** Archived before, under this number; whether with these bytes is for the archive to say. */
  | { readonly kind: 'seen' }
  | { readonly kind: 'ahead'; readonly expected: number }
  | { readonly kind: 'contradicts'; readonly detail: string };

/**
 * Where the segment stands to the reel's tail. The rules are DESIGN 4's: numbers and seqs without gap, `prev`
 * the digest of the seal before, signed by the key the seal before names. Only a dead recorder's successor
 * has another key, and it says so.
 */
export function continuationOf(tail: ReelTail, segment: SegmentSuccess): Continuation {
  const { header, seal } = segment;
  if (seal.segment <= tail.segment) return { kind: 'seen' };
  if (seal.segment > tail.segment + 1) return { kind: 'ahead', expected: tail.segment + 1 };
  const contradicts = (detail: string): Continuation => ({ kind: 'contradicts', detail });
  if (seal.prev !== tail.sealDigest) {
    return contradicts(`prev is ${seal.prev}, the seal before is ${tail.sealDigest}`);
  }
  if (seal.first_seq !== tail.lastSeq + 1) {
    return contradicts(`first_seq is ${seal.first_seq}, expected ${tail.lastSeq + 1}`);
  }
  if (tail.recovered && !header.recovered) return contradicts('a recovered reel goes on as if it were not');
  // Every recovery starts with a key of its own, and a recorder that recovers may die too: recovered segments
  // prove no key.
  if (tail.segment > 0 && !header.recovered && header.key !== tail.nextKey) {
    return contradicts(`signed by ${header.key}, the seal before names ${tail.nextKey}`);
  }
  return { kind: 'next' };
}
