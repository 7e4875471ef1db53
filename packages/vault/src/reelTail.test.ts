import {
  type HeaderLine,
  type Kind,
  type ParsedRecord,
  type SealLine,
  type SegmentSuccess,
  ZERO_DIGEST,
} from '@pgtape/evidence';
import { continuationOf, emptyTail, type ReelTail, tailAfter } from './reelTail.ts';

const reel = 'ab'.repeat(16);
const recorder = 'cd'.repeat(8);
const key = (name: string): string => Buffer.from(name.padEnd(32)).toString('hex');
const digest = (name: string): string => Buffer.from(name.padEnd(32)).toString('hex');

function segment(
  header: Partial<HeaderLine>,
  seal: Partial<SealLine>,
  kinds: readonly Kind[] = [],
): SegmentSuccess {
  const number = seal.segment ?? 4;
  return {
    ok: true,
    sealDigest: digest(`seal ${number}`),
    lines: [],
    records: kinds.map((kind) => ({ kind }) as ParsedRecord),
    header: {
      v: 1,
      kind: 'header',
      reel,
      recorder,
      segment: number,
      salt: '00'.repeat(8),
      key: header.recovered ? key('recovery') : key('four'),
      recovery_key: key('recovery'),
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
      next_key: header.recovered ? key('recovery') : key('five'),
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
  recoveryKey: key('recovery'),
  recovered: false,
  closed: false,
};
const recovered: ReelTail = { ...third, recovered: true };
const closed: ReelTail = { ...third, closed: true };
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
    { name: 'recovered', tail: third, header: { recovered: true }, seal: {}, kind: 'next' },
    {
      name: 'recovered from the first',
      tail: emptyTail(recorder, reel),
      header: { recovered: true },
      seal: first,
      kind: 'next',
    },
    {
      name: 'recovered from the first by a foreign key',
      tail: emptyTail(recorder, reel),
      header: { key: key('other'), recovered: true },
      seal: first,
      kind: 'contradicts',
    },
    {
      name: 'recovered by a foreign key on an open reel',
      tail: third,
      header: { key: key('other'), recovered: true },
      seal: {},
      kind: 'contradicts',
    },
    {
      name: 'recovered by a foreign key that calls itself the recovery key',
      tail: third,
      header: { key: key('other'), recovery_key: key('other'), recovered: true },
      seal: { next_key: key('other') },
      kind: 'contradicts',
    },
    {
      name: 'recovered by the announced key',
      tail: third,
      header: { key: key('four'), recovered: true },
      seal: {},
      kind: 'contradicts',
    },
    {
      name: 'recovered, handing the reel on',
      tail: third,
      header: { recovered: true },
      seal: { next_key: key('five') },
      kind: 'contradicts',
    },
    {
      name: 'a changed recovery key',
      tail: third,
      header: { recovery_key: key('other') },
      seal: {},
      kind: 'contradicts',
    },
    { name: 'after the end', tail: closed, header: {}, seal: {}, kind: 'contradicts' },
    {
      name: 'recovered after the end',
      tail: closed,
      header: { recovered: true },
      seal: {},
      kind: 'contradicts',
    },
    { name: 'the last of a closed reel again', tail: closed, header: {}, seal: { segment: 3 }, kind: 'seen' },
    { name: 'recovered goes on', tail: recovered, header: { recovered: true }, seal: {}, kind: 'next' },
    { name: 'recovered no more', tail: recovered, header: {}, seal: {}, kind: 'contradicts' },
  ])('$name is $kind', ({ tail, header, seal, kind }) => {
    expect(continuationOf(tail, segment(header, seal)).kind).toBe(kind);
  });

  it('names the number expected', () => {
    expect(continuationOf(third, segment({}, { segment: 9 }))).toEqual({ kind: 'ahead', expected: 4 });
  });

  it('remembers the end, and lets nothing follow it within its segment', () => {
    expect(tailAfter(segment({}, {}, ['closed', 'reel_closed'])).closed).toBe(true);
    expect(tailAfter(segment({}, {}, ['closed'])).closed).toBe(false);
    expect(continuationOf(third, segment({}, {}, ['closed', 'reel_closed'])).kind).toBe('next');
    expect(continuationOf(third, segment({}, {}, ['reel_closed', 'gap'])).kind).toBe('contradicts');
  });

  it('goes on from what it accepted', () => {
    const tail = tailAfter(segment({}, {}));
    const fifth = { segment: 5, prev: digest('seal 4'), first_seq: 41 };
    expect(continuationOf(tail, segment({ key: key('five') }, fifth))).toEqual({ kind: 'next' });
  });
});
