import type { HoldScope, ParsedRecord } from '@pgtape/evidence';
import { atSecond, lineOf, openedLine, statementLine } from './holdRecords.testing.ts';
import { outlineOf, ScopeMatcher, standingOf } from './holdScope.ts';
import { type SessionFacts, SessionMemory } from './sessionFacts.ts';
import { type TextSearch, textSearch } from './textSearch.ts';

const facts = (second: number, user = 'anna', database = 'shop'): SessionFacts => ({
  user,
  database,
  start: BigInt(atSecond(second)),
  segment: 1,
});
const between = (since: number, until: number) => ({ since: atSecond(since), until: atSecond(until) });

describe('standingOf', () => {
  const cases: { name: string; scope: HoldScope; facts: SessionFacts | undefined; standing: string }[] = [
    { name: 'named', scope: { sessions: ['a-1'] }, facts: facts(1), standing: 'covered' },
    { name: 'named, unknown', scope: { sessions: ['a-1'] }, facts: undefined, standing: 'covered' },
    { name: 'not named', scope: { sessions: ['a-2'] }, facts: undefined, standing: 'free' },
    { name: 'the user', scope: { user: 'anna' }, facts: facts(1), standing: 'covered' },
    { name: 'another user', scope: { user: 'bob' }, facts: facts(1), standing: 'free' },
    { name: 'nobody knows which user', scope: { user: 'bob' }, facts: undefined, standing: 'covered' },
    { name: 'the database', scope: { database: 'shop' }, facts: facts(1), standing: 'covered' },
    { name: 'another database', scope: { database: 'pay' }, facts: facts(1), standing: 'free' },
    {
      name: 'the user in another database',
      scope: { user: 'anna', database: 'pay' },
      facts: facts(1),
      standing: 'free',
    },
    { name: 'began within', scope: between(10, 20), facts: facts(10), standing: 'covered' },
    { name: 'began at its end', scope: between(10, 20), facts: facts(20), standing: 'covered' },
    { name: 'began after', scope: between(10, 20), facts: facts(21), standing: 'free' },
    { name: 'began before', scope: between(10, 20), facts: facts(9), standing: 'by_lines' },
    { name: 'began before, no end', scope: { since: atSecond(10) }, facts: facts(9), standing: 'by_lines' },
    { name: 'nobody knows when it began', scope: between(10, 20), facts: undefined, standing: 'by_lines' },
    { name: 'only an end, unknown', scope: { until: atSecond(20) }, facts: undefined, standing: 'covered' },
    { name: 'a text', scope: { search: 'x' }, facts: facts(1), standing: 'by_lines' },
    { name: 'a text, another user', scope: { search: 'x', user: 'bob' }, facts: facts(1), standing: 'free' },
    {
      name: 'a text, a session of later',
      scope: { search: 'x', ...between(1, 2) },
      facts: facts(3),
      standing: 'free',
    },
  ];
  it.each(cases)('$name: $standing', ({ scope, facts: known, standing }) => {
    expect(standingOf(scope, 'a-1', known)).toBe(standing);
  });
});

function matcherOf(scope: HoldScope, sessionsMax = 10): ScopeMatcher {
  return new ScopeMatcher({
    scope,
    search: scope.search === undefined ? null : textSearch(scope.search),
    sessionsMax,
  });
}

/** Plays objects one after another; what each was when it came, and what all are at the end. */
function play(scope: HoldScope, matcher: ScopeMatcher, objects: readonly (readonly ParsedRecord[])[]) {
  const memory = new SessionMemory(100);
  const of = (session: string) => memory.of(session);
  const came = objects.map((records, index) => {
    memory.learn(records, index + 1);
    const newly = matcher.observe(records, of);
    return { newly, ...matcher.coverageOf(outlineOf(records, scope), of) };
  });
  return { came, end: objects.map((records) => matcher.coverageOf(outlineOf(records, scope), of).isCovered) };
}

describe('ScopeMatcher', () => {
  it.each([
    {
      name: 'a session found by its text is covered in whole, also before and after',
      scope: { search: 'secret' },
      objects: [
        [openedLine('a-1', 'anna', 'shop'), openedLine('a-2', 'bob', 'shop')],
        [statementLine('a-1', 'select secret'), statementLine('a-2', 'select 1')],
        [statementLine('a-1', 'select 2'), statementLine('a-3', 'select 2')],
        [statementLine('a-2', 'select 2')],
      ],
      newly: [[], ['a-1'], [], []],
      came: [false, true, true, false],
      end: [true, true, true, false],
      others: [['a-1', 'a-2'], ['a-2'], ['a-3'], ['a-2']],
    },
    {
      name: 'a session still going on in the time is covered in whole',
      scope: between(100, 200),
      objects: [
        [openedLine('a-1', 'anna', 'shop', 10), openedLine('a-2', 'bob', 'shop', 20)],
        [lineOf('closed', 'a-2', 99)],
        [lineOf('closed', 'a-1', 300), openedLine('a-3', 'carl', 'shop', 201)],
        [openedLine('a-4', 'dora', 'shop', 150)],
      ],
      newly: [[], [], ['a-1'], []],
      came: [false, false, true, true],
      end: [true, false, true, true],
      others: [['a-1', 'a-2'], ['a-2'], ['a-3'], []],
    },
    {
      name: 'a text outside the time is not looked at',
      scope: { search: 'drop', ...between(100, 200) },
      objects: [
        [openedLine('a-1', 'anna', 'shop', 10), statementLine('a-1', 'drop table a', 99)],
        [statementLine('a-1', 'drop table b', 201)],
        [statementLine('a-1', 'drop table c', 210, { start: atSecond(200) })],
      ],
      newly: [[], [], ['a-1']],
      came: [false, false, true],
      end: [true, true, true],
      others: [['a-1'], ['a-1'], []],
    },
    {
      name: 'a reel’s own lines are covered by time alone',
      scope: between(100, 200),
      objects: [
        [lineOf('gap', undefined, 99)],
        [lineOf('gap', undefined, 150)],
        [lineOf('heartbeat', undefined, 201)],
      ],
      newly: [[], [], []],
      came: [false, true, false],
      end: [false, true, false],
      others: [[], [], []],
    },
    {
      name: 'and not where a user is named too',
      scope: { user: 'anna', ...between(100, 200) },
      objects: [[lineOf('gap', undefined, 150)]],
      newly: [[]],
      came: [false],
      end: [false],
      others: [[]],
    },
    {
      name: 'parameters, running statements and what EXECUTE runs are read',
      scope: { search: '/4711$/' },
      objects: [
        [statementLine('a-1', 'select $1', 100, { params: [{ v: null }, { v: 'no 4711' }] })],
        [lineOf('running', 'a-2', 100, { sql: 'select 4711', start: atSecond(99) })],
        [statementLine('a-3', 'EXECUTE x', 100, { runs: { sql: 'select 4711' } })],
        [statementLine('a-4', null, 100), lineOf('notification', 'a-4', 100, { payload: '4711' })],
      ],
      newly: [['a-1'], ['a-2'], ['a-3'], []],
      came: [true, true, true, false],
      end: [true, true, true, false],
      others: [[], [], [], ['a-4']],
    },
  ])('$name', ({ scope, objects, newly, came, end, others }) => {
    const played = play(scope, matcherOf(scope), objects);
    expect(played).toEqual({
      came: objects.map((_records, i) => ({ newly: newly[i], isCovered: came[i], others: others[i] })),
      end,
    });
  });

  it('covers every session that might fit once it cannot remember more', () => {
    const matcher = matcherOf({ search: 'x', user: 'anna' }, 1);
    const objects = [
      [openedLine('a-1', 'anna', 'shop'), statementLine('a-1', 'x')],
      [openedLine('a-2', 'anna', 'shop'), statementLine('a-2', 'x')],
      [openedLine('a-3', 'anna', 'shop'), statementLine('a-3', 'y')],
      [openedLine('a-4', 'bob', 'shop'), statementLine('a-4', 'x')],
    ];
    expect(play({ search: 'x', user: 'anna' }, matcher, objects).end).toEqual([true, true, true, false]);
    expect([matcher.isOverflowing, matcher.sessionsMatched]).toEqual([true, 1]);
  });

  it('does not search a session again that fitted before', () => {
    const seen: (readonly string[])[] = [];
    const search: TextSearch = {
      anyOf: (lists) => {
        seen.push(lists.flat());
        return lists.map(() => true);
      },
      timeouts: 0,
    };
    const matcher = new ScopeMatcher({ scope: { search: 'x' }, search, sessionsMax: 10 });
    play({ search: 'x' }, matcher, [[statementLine('a-1', 'one')], [statementLine('a-1', 'two')]]);
    expect(seen).toEqual([['one']]);
  });
});
