import { type HeaderLine, type SealLine, type SegmentSuccess, ZERO_DIGEST } from '@pgtape/evidence';
import { continuationOf, emptyTail, type ReelTail, tailAfter } from './reelTail.ts';

const reel = 'ab'.repeat(16);
const recorder = 'cd'.repeat(8);
const key = (name: string): string => Buffer.from(name.padEnd(32)).toString('hex');
const digest = (name: string): string => Buffer.from(name.padEnd(32)).toString('hex');

function segment(header: Partial<HeaderLine>, seal: Partial<SealLine>): SegmentSuccess {
  const number = seal.segment ?? 4;
  return {
    ok: true,
    sealDigest: digest(`seal ${number}`),
    lines: [],
    records: [],
    header: {
      v: 1,
      kind: 'header',
      reel,
      recorder,
      segment: number,
      salt: '00'.repeat(8),
      key: key('four'),
      recovered: false,
      boot: '',
      clock: '',
      host: '',
      name: '',
      version: '',
      ...header,
    },
    seal: {
      v: 1,
      kind: 'seal',
      reel,
      segment: number,
      first_seq: 31,
      last_seq: 40,
      count: 10,
      root: ZERO_DIGEST,
      prev: digest('seal 3'),
      open_sessions: 0,
      policy: ZERO_DIGEST,
      key_id: '00'.repeat(8),
      next_key: key('five'),
      at: '0',
      sig: '00'.repeat(64),
      ...seal,
    },
  };
}

const third: ReelTail = {
  reel,
  recorder,
  segment: 3,
  sealDigest: digest('seal 3'),
  lastSeq: 30,
  nextKey: key('four'),
  recovered: false,
};
const recovered: ReelTail = { ...third, recovered: true };
const first = { segment: 1, prev: ZERO_DIGEST, first_seq: 1 };

describe('continuationOf', () => {
  it.each([
    { name: 'the next', tail: third, header: {}, seal: {}, kind: 'next' },
    { name: 'the first', tail: emptyTail(recorder, reel), header: {}, seal: first, kind: 'next' },
    { name: 'the last again', tail: third, header: {}, seal: { segment: 3 }, kind: 'seen' },
    { name: 'an early one again', tail: third, header: {}, seal: { segment: 1 }, kind: 'seen' },
    { name: 'one left out', tail: third, header: {}, seal: { segment: 5 }, kind: 'ahead' },
    {
      name: 'not the first of a new reel',
      tail: emptyTail(recorder, reel),
      header: {},
      seal: {},
      kind: 'ahead',
    },
    { name: 'another chain', tail: third, header: {}, seal: { prev: digest('other') }, kind: 'contradicts' },
    {
      name: 'a first with a past',
      tail: emptyTail(recorder, reel),
      header: {},
      seal: { ...first, prev: digest('x') },
      kind: 'contradicts',
    },
    { name: 'a seq left out', tail: third, header: {}, seal: { first_seq: 32 }, kind: 'contradicts' },
    { name: 'a seq twice', tail: third, header: {}, seal: { first_seq: 30 }, kind: 'contradicts' },
    { name: 'another key', tail: third, header: { key: key('other') }, seal: {}, kind: 'contradicts' },
    {
      name: 'another key, recovered',
      tail: third,
      header: { key: key('other'), recovered: true },
      seal: {},
      kind: 'next',
    },
    {
      name: 'another key, recovered again',
      tail: recovered,
      header: { key: key('other'), recovered: true },
      seal: {},
      kind: 'next',
    },
    { name: 'recovered goes on', tail: recovered, header: { recovered: true }, seal: {}, kind: 'next' },
    { name: 'recovered no more', tail: recovered, header: {}, seal: {}, kind: 'contradicts' },
  ])('$name is $kind', ({ tail, header, seal, kind }) => {
    expect(continuationOf(tail, segment(header, seal)).kind).toBe(kind);
  });

  it('names the number expected', () => {
    expect(continuationOf(third, segment({}, { segment: 9 }))).toEqual({ kind: 'ahead', expected: 4 });
  });

  it('goes on from what it accepted', () => {
    const tail = tailAfter(segment({}, {}));
    const fifth = { segment: 5, prev: digest('seal 4'), first_seq: 41 };
    expect(continuationOf(tail, segment({ key: key('five') }, fifth))).toEqual({ kind: 'next' });
  });
});
