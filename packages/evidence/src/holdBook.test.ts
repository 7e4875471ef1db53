import type { ParsedRecord } from './checkRecord.ts';
import { HoldBook, type HoldEntry } from './holdBook.ts';
import { atSecond, lineOf } from './holdLines.testing.ts';
import { segmentKey } from './segmentKey.ts';

const recorder = '00112233445566aa';
const reel = 'ab'.repeat(16);
const key = (segment: number, of = reel): string => segmentKey(recorder, of, segment);
const own = (segment: number) => ({ key: key(segment, 'cd'.repeat(16)), version: `own${segment}` });

const hold = (id: string, more: object = {}): ParsedRecord =>
  lineOf('hold', undefined, 1, {
    hold: id,
    case: 'c',
    reason: 'r',
    who: 'anna',
    scope: { user: 'u' },
    ...more,
  });
const held = (id: string, ...segments: number[]): ParsedRecord =>
  lineOf('held', undefined, 2, {
    hold: id,
    objects: segments.map((segment) => ({ key: key(segment), version: `v${segment}`, sessions: [] })),
  });
const release = (id: string, more: object = {}): ParsedRecord =>
  lineOf('release', undefined, 3, { hold: id, reason: 'over', who: 'bob', asked: '7', ...more });
const freed = (id: string): ParsedRecord => lineOf('freed', undefined, 4, { hold: id, objects: 1, kept: 0 });

function bookOf(records: readonly ParsedRecord[], accepts = (_hold: HoldEntry) => true): HoldBook {
  const book = new HoldBook(accepts);
  for (const [index, record] of records.entries()) book.apply(record, own(index + 1));
  return book;
}

const states = (book: HoldBook) =>
  book.all.map((entry) => ({
    id: entry.id,
    objects: [...entry.objects].map((object) => object.version),
    own: [...entry.own].map((object) => object.version),
    released: entry.release?.reason ?? null,
    freed: entry.isFreed,
  }));

describe('HoldBook', () => {
  it.each([
    { name: 'nothing', records: [lineOf('heartbeat')], wanted: [] },
    {
      name: 'placed',
      records: [hold('a')],
      wanted: [{ id: 'a', objects: [], own: ['own1'], released: null, freed: false }],
    },
    {
      name: 'objects in two records',
      records: [hold('a'), held('a', 1, 2), held('a', 2, 3)],
      wanted: [
        { id: 'a', objects: ['v1', 'v2', 'v3'], own: ['own1', 'own2', 'own3'], released: null, freed: false },
      ],
    },
    {
      name: 'released, then freed',
      records: [hold('a'), held('a', 1), release('a'), freed('a')],
      wanted: [{ id: 'a', objects: ['v1'], own: ['own1', 'own2'], released: 'over', freed: true }],
    },
    {
      name: 'a second release says nothing',
      records: [hold('a'), release('a'), release('a', { reason: 'again' })],
      wanted: [{ id: 'a', objects: [], own: ['own1'], released: 'over', freed: false }],
    },
    {
      name: 'freed without a release',
      records: [hold('a'), freed('a')],
      wanted: [{ id: 'a', objects: [], own: ['own1'], released: null, freed: false }],
    },
    {
      name: 'placed again under its id, with less',
      records: [hold('a'), hold('a', { scope: { user: 'nobody' } })],
      wanted: [{ id: 'a', objects: [], own: ['own1', 'own2'], released: null, freed: false }],
    },
    { name: 'of a hold nobody placed', records: [held('a', 1), release('a'), freed('a')], wanted: [] },
  ])('reads: $name', ({ records, wanted }) => {
    expect(states(bookOf(records))).toEqual(wanted);
  });

  it('keeps what a hold says of itself', () => {
    const [entry] = bookOf([hold('a', { dual_control: true }), hold('a', { scope: {} })]).all;
    const { objects: _, own: __, ...facts } = entry!;
    expect(facts).toEqual({
      id: 'a',
      case: 'c',
      reason: 'r',
      who: 'anna',
      at: atSecond(1),
      scope: { user: 'u' },
      dualControl: true,
      release: null,
      isFreed: false,
    });
  });

  it('goes on with a hold whose release does not count', () => {
    const book = bookOf([hold('a'), hold('b'), release('a'), release('b')], ({ id }) => id === 'b');
    expect([book.active.map(({ id }) => id), [...book.refused]]).toEqual([['a'], ['a']]);
  });

  it.each([
    { name: 'another active one has it', records: [held('b', 1)], is: true },
    { name: 'another one has other objects', records: [held('b', 2)], is: false },
    { name: 'the other one is released', records: [held('b', 1), release('b')], is: false },
  ])('an object is held by another hold: $name', ({ records, is }) => {
    const book = bookOf([hold('a'), hold('b'), held('a', 1), ...records]);
    expect(book.isHeldByOther(key(1), book.get('a')!)).toBe(is);
  });

  it('an object with records of another hold is held by it', () => {
    const book = new HoldBook(() => true);
    for (const record of [hold('a'), hold('b')]) book.apply(record, own(1));
    expect(book.isHeldByOther(own(1).key, book.get('a')!)).toBe(true);
  });
});
