import type { ParsedRecord } from '@pgtape/evidence';
import {
  DAY_MS,
  longestMs,
  type RetentionRules,
  retainUntil,
  retentionRules,
  SEAL_AHEAD_MS_MAX,
  sessionMs,
} from './retention.ts';
import { type SessionFacts, SessionMemory } from './sessionFacts.ts';

const reel = '00112233445566778899aabbccddeeff';
const now = 1_795_000_000_000;
const ns = (ms: number): string => `${ms}000000`;

function record(kind: string, session?: string, fields: object = {}): ParsedRecord {
  const head = { v: 1, reel, seq: 1, salt: '0011223344556677', at: ns(now), mono: '1' };
  return { ...head, kind, ...(session !== undefined && { session, n: 1 }), ...fields } as ParsedRecord;
}

const opened = (session: string, user: string, database: string): ParsedRecord =>
  record('opened', session, { user, database, start: ns(now - 5) });

const rules: RetentionRules = {
  baseMs: 30 * DAY_MS,
  classes: [
    { name: 'payments', database: 'pay', ms: 3650 * DAY_MS },
    { name: 'batch', user: 'etl', ms: 7 * DAY_MS },
    { name: 'audited', database: 'shop', user: 'dba', ms: 365 * DAY_MS },
  ],
};

const facts = (user: string, database: string): SessionFacts => ({ user, database, start: 1n, segment: 1 });

describe('sessionMs', () => {
  it.each([
    { name: 'no class fits: the base', facts: facts('anna', 'shop'), days: 30 },
    { name: 'by database', facts: facts('anna', 'pay'), days: 3650 },
    { name: 'by user, shorter than the base', facts: facts('etl', 'shop'), days: 7 },
    { name: 'both named, both must fit', facts: facts('dba', 'shop'), days: 365 },
    { name: 'only one of both fits', facts: facts('dba', 'other'), days: 30 },
    { name: 'two classes fit: the longest', facts: facts('etl', 'pay'), days: 3650 },
    { name: 'an unknown session: the longest of all', facts: undefined, days: 3650 },
  ])('$name', ({ facts: of, days }) => {
    expect(sessionMs(rules, of)).toBe(days * DAY_MS);
  });
});

describe('retainUntil', () => {
  const [anna, etl, pay, lost] = ['a-1', 'a-2', 'a-3', 'a-4'];
  const known = new Map([
    [anna, facts('anna', 'shop')],
    [etl, facts('etl', 'shop')],
    [pay, facts('anna', 'pay')],
  ]);
  const until = (records: readonly ParsedRecord[], sealedAtMs = now, receivedAtMs = now): number =>
    retainUntil(rules, {
      records,
      factsOf: (session) => known.get(session),
      receivedAtMs,
      sealedAt: ns(sealedAtMs),
    });

  it('keeps the end of a vault’s own reel as long as the rest of it', () => {
    const end = {
      records: [record('reel_closed')],
      isVaults: true,
      factsOf: () => undefined,
      receivedAtMs: now,
      sealedAt: ns(now),
    };
    expect(retainUntil(rules, end)).toBe(now + 3650 * DAY_MS);
  });

  it.each([
    { name: 'one session of the base', records: [record('statement', anna)], days: 30 },
    { name: 'one session of a shorter class', records: [record('statement', etl)], days: 7 },
    { name: 'mixed: the longest', records: [record('statement', etl), record('closed', pay)], days: 3650 },
    {
      name: 'the reel’s own records are of the base',
      records: [record('statement', etl), record('heartbeat')],
      days: 30,
    },
    { name: 'a reel’s gap beside a session', records: [record('gap'), record('statement', etl)], days: 30 },
    { name: 'a session’s gap is of its class', records: [record('gap', etl)], days: 7 },
    { name: 'an unknown session', records: [record('statement', lost)], days: 3650 },
    { name: 'what the vault says of itself', records: [record('access')], days: 3650 },
    { name: 'no record', records: [], days: 30 },
    { name: 'the end of a recorder’s reel alone', records: [record('reel_closed')], days: 30 },
  ])('$name', ({ records, days }) => {
    expect(until(records)).toBe(now + days * DAY_MS);
  });

  it.each([
    { name: 'sealed long ago: from receipt', sealed: now - 90 * DAY_MS, from: now },
    { name: 'sealed after receipt, the vault’s clock is behind', sealed: now + 5000, from: now + 5000 },
    { name: 'a day ahead', sealed: now + SEAL_AHEAD_MS_MAX, from: now + SEAL_AHEAD_MS_MAX },
    { name: 'years ahead locks nothing for years', sealed: now + 9999 * DAY_MS, from: now + DAY_MS },
    { name: 'sealed at 0', sealed: 0, from: now },
  ])('counts from: $name', ({ sealed, from }) => {
    expect(until([record('statement', anna)], sealed)).toBe(from + 30 * DAY_MS);
  });
});

describe('retentionRules', () => {
  it.each([
    { name: 'nothing configured', config: undefined, rules: null },
    { name: 'seconds', config: { seconds: 90, classes: [] }, rules: { baseMs: 90_000, classes: [] } },
    {
      name: 'days and classes',
      config: { days: 2, classes: [{ name: 'x', user: 'u', days: 3 }] },
      rules: { baseMs: 2 * DAY_MS, classes: [{ name: 'x', user: 'u', ms: 3 * DAY_MS }] },
    },
  ])('$name', ({ config, rules: wanted }) => {
    expect(retentionRules(config)).toEqual(wanted);
  });

  it('has a longest one', () => {
    expect([longestMs(rules), longestMs({ baseMs: 5, classes: [] })]).toEqual([3650 * DAY_MS, 5]);
  });
});

describe('SessionMemory', () => {
  it('learns from opened lines and forgets the least recently seen', () => {
    const memory = new SessionMemory(2);
    memory.learn([opened('a-1', 'anna', 'shop'), record('statement', 'a-9'), opened('a-2', 'bob', 'pay')], 3);
    expect(memory.of('a-1')).toEqual({
      user: 'anna',
      database: 'shop',
      start: BigInt(ns(now - 5)),
      segment: 3,
    });
    memory.learn([opened('a-3', 'carl', 'pay')], 4);
    expect([memory.of('a-1')?.user, memory.of('a-2'), memory.of('a-3')?.user, memory.size]).toEqual([
      'anna',
      undefined,
      'carl',
      2,
    ]);
  });
});
