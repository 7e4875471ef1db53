import { createHash } from 'node:crypto';
import { entryOf, type LogEntry } from '../jsonLog.ts';
import { compareEvents, emptyComparison } from './compareSessions.ts';
import {
  compareTotals,
  compareTraces,
  countTape,
  droppedByError,
  type TapeTotal,
  withinQuery,
} from './countOracle.ts';
import { countTrace } from './libpqTrace.ts';
import { namedDifferences } from './namedDifferences.ts';
import { eventOf, type ServerEvent, serverSessions } from './serverEvents.ts';
import type { StatementEvent, TapeEvent, TapeStatement } from './tapeEvents.ts';

const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex');

const record = (fields: Partial<TapeStatement>): TapeStatement => ({
  n: 2,
  protocol: 'simple',
  sql: 'SELECT 1',
  outcome: 'completed',
  stage: 'query',
  returned_rows: 0,
  ...fields,
});

const told = (...pieces: Partial<TapeStatement>[]): StatementEvent => ({
  kind: 'statements',
  pieces: pieces.map(record),
});

const executed = (fields: Partial<TapeStatement>): StatementEvent =>
  told({ protocol: 'extended', stage: 'execute', statement: '', portal: '', ...fields });

const ran = (what: string, parameters: string | null = null, queryId = '7'): ServerEvent => ({
  kind: 'ran',
  what,
  parameters,
  queryId,
});

const failed = (sqlstate: string, statement: string | null): ServerEvent => ({
  kind: 'error',
  severity: 'ERROR',
  sqlstate,
  message: 'm',
  statement,
});

const error = (sqlstate: string) => ({ severity: 'ERROR', sqlstate, message: 'm' });

function compare(server: readonly ServerEvent[], tape: readonly TapeEvent[]) {
  const into = emptyComparison();
  compareEvents('here', server, tape, into);
  const { same, named, unnamedCount } = into;
  return { same, named, unnamedCount };
}

/** One query, counted so often by the server, with one row a call. */
function counted(told: Partial<TapeTotal>, calls: number, withoutEntry: number) {
  const tape = new Map([
    ['7', { calls: 0, rows: 0, doubtfulCalls: 0, doubtfulRows: 0, tag: '', sql: '', ...told }],
  ]);
  const { different, named } = compareTotals(tape, new Map([['7', { calls, rows: calls }]]), withoutEntry);
  return { same: 0, named, unnamedCount: different.length };
}

const alike = { same: 1, named: {}, unnamedCount: 0 };

describe('log and tape are the same', () => {
  it.each<{ name: string; server: ServerEvent; tape: TapeEvent }>([
    { name: 'a Query', server: ran('statement: SELECT 1'), tape: told({}) },
    {
      name: 'a Query of three, with comments and blanks between',
      server: ran("statement: SELECT 1 ; -- one;\n SELECT ';' /* x */ ;SELECT 3;"),
      tape: told(
        { sql: 'SELECT 1', part: 1 },
        { sql: "-- one;\n SELECT ';' /* x */", part: 2 },
        { sql: 'SELECT 3', part: 3 },
      ),
    },
    {
      name: 'a text cut at the bound, by length and hash',
      server: ran('statement: SELECT 123456'),
      tape: told({
        sql: 'SELECT 1',
        sql_cut: { len: 13, sha256: sha256Of('SELECT 123456') },
      }),
    },
    {
      name: 'a redacted text',
      server: ran("statement: CREATE ROLE r PASSWORD 'x' LOGIN"),
      tape: told({ sql: "CREATE ROLE r PASSWORD '[redacted]' LOGIN", redacted: ['password'] }),
    },
    {
      name: 'an Execute with its names and values',
      server: ran('execute s/p: SELECT $1, $2', "$1 = 'it''s', $2 = NULL"),
      tape: executed({
        sql: 'SELECT $1, $2',
        statement: 's',
        portal: 'p',
        params: [
          { v: "it's", enc: 'text', type: 'text' },
          { v: null, enc: 'text', type: 'text' },
        ],
      }),
    },
    {
      name: 'an Execute that goes on with a portal',
      server: ran('execute fetch from <unnamed>: SELECT 1'),
      tape: executed({ outcome: 'suspended' }),
    },
    {
      name: 'a FunctionCall',
      server: ran('fastpath function call: "lo_open" (OID 952)'),
      tape: told({ protocol: 'function', stage: 'function', sql: null, function_oid: 952 }),
    },
    {
      name: 'an error in the second of two statements',
      server: failed('22012', 'SELECT 1; SELECT 1/0; SELECT 3'),
      tape: told(
        { sql: 'SELECT 1', part: 1 },
        { sql: 'SELECT 1/0; SELECT 3', part: 2, outcome: 'failed', error: error('22012') },
      ),
    },
    {
      name: 'an error of the commit itself',
      server: failed('23505', null),
      tape: { kind: 'loose_error', where: 'transaction', error: error('23505') },
    },
  ])('$name', ({ server, tape }) => {
    expect(compare([server], [tape])).toEqual(alike);
  });
});

describe('what has no name is an error', () => {
  it.each<{ name: string; server: ServerEvent[]; tape: TapeEvent[]; unnamedCount: number }>([
    { name: 'another text', server: [ran('statement: SELECT 2')], tape: [told({})], unnamedCount: 1 },
    { name: 'missing on tape', server: [ran('statement: SELECT 1')], tape: [], unnamedCount: 1 },
    { name: 'never logged', server: [], tape: [told({})], unnamedCount: 1 },
    {
      name: 'two in another order',
      server: [ran('statement: SELECT 1'), ran('statement: SELECT 2')],
      tape: [told({ sql: 'SELECT 2' }), told({})],
      unnamedCount: 2,
    },
    {
      name: 'another SQLSTATE',
      server: [failed('22012', 'SELECT 1')],
      tape: [told({ outcome: 'failed', error: error('22013') })],
      unnamedCount: 1,
    },
    {
      name: 'a failure told as completed',
      server: [failed('22012', 'SELECT 1')],
      tape: [told({})],
      unnamedCount: 1,
    },
    {
      name: 'another value',
      server: [ran('execute <unnamed>: SELECT $1', "$1 = '1'")],
      tape: [executed({ sql: 'SELECT $1', params: [{ v: '2', enc: 'text', type: 'int4' }] })],
      unnamedCount: 1,
    },
    {
      name: 'NULL told as the empty text',
      server: [ran('execute <unnamed>: SELECT $1', '$1 = NULL')],
      tape: [executed({ sql: 'SELECT $1', params: [{ v: '', enc: 'text', type: 'int4' }] })],
      unnamedCount: 1,
    },
    {
      name: 'a statement between two parts',
      server: [ran('statement: SELECT 1; DROP TABLE t; SELECT 2')],
      tape: [told({ sql: 'SELECT 1', part: 1 }, { sql: 'SELECT 2', part: 2 })],
      unnamedCount: 1,
    },
    {
      name: 'text before and behind what was redacted',
      server: [ran("statement: ALTER ROLE r PASSWORD 'x' SUPERUSER")],
      tape: [told({ sql: "CREATE ROLE r PASSWORD '[redacted]' LOGIN", redacted: ['password'] })],
      unnamedCount: 1,
    },
  ])('$name', ({ server, tape, unnamedCount }) => {
    expect(compare(server, tape)).toMatchObject({ named: {}, unnamedCount });
  });
});

/** For each name: what it lets pass, and its nearest neighbour that it must not. */
const examples: Readonly<Record<string, { passes: () => unknown; refuses: () => unknown }>> = {
  skipped_never_ran: {
    passes: () => compare([], [executed({ outcome: 'skipped' })]),
    refuses: () => compare([], [executed({ outcome: 'failed', error: error('42601') })]),
  },
  empty_execute_is_not_logged: {
    passes: () => compare([], [executed({ outcome: 'empty', sql: '' })]),
    refuses: () => compare([], [told({ outcome: 'empty', sql: '' })]),
  },
  fatal_error_is_told_of_the_session: {
    passes: () => {
      const { named, unnamedCount } = compare(
        [failed('57P01', 'SELECT 1')],
        [told({ outcome: 'lost' }), { kind: 'loose_error', where: 'closed', error: error('57P01') }],
      );
      return { same: 0, named, unnamedCount };
    },
    refuses: () => compare([], [told({ outcome: 'lost' })]),
  },
  [droppedByError]: {
    passes: () => counted({ calls: 2, rows: 2, doubtfulCalls: 1, doubtfulRows: 1 }, 1, 0),
    refuses: () => counted({ calls: 3, rows: 3, doubtfulCalls: 1, doubtfulRows: 1 }, 1, 0),
  },
  refresh_tells_no_rows: {
    passes: () => counted({ calls: 1, tag: 'REFRESH MATERIALIZED VIEW' }, 1, 0),
    refuses: () => counted({ calls: 1, tag: 'CREATE MATERIALIZED VIEW' }, 1, 0),
  },
  rules_rows_are_not_in_the_tag: {
    passes: () => counted({ calls: 1, tag: 'UPDATE 0' }, 1, 0),
    refuses: () => counted({ calls: 2, rows: 1, tag: 'UPDATE 1' }, 2, 0),
  },
  [withinQuery]: {
    passes: () => counted({ calls: 1, rows: 1 }, 2, 1),
    refuses: () => counted({ calls: 1, rows: 1 }, 3, 1),
  },
};

describe('named differences', () => {
  it('each has an example', () => {
    expect(Object.keys(examples).sort()).toEqual(namedDifferences.map(({ name }) => name).sort());
  });

  it.each(Object.entries(examples))('%s passes, and its neighbour does not', (name, { passes, refuses }) => {
    expect(passes()).toEqual({ same: 0, named: { [name]: 1 }, unnamedCount: 0 });
    expect(refuses()).toEqual({ same: 0, named: {}, unnamedCount: 1 });
  });
});

describe('the server log', () => {
  const entry = (fields: Partial<LogEntry>): LogEntry => ({
    pid: 4,
    session_id: 'a.4',
    line_num: 1,
    backend_type: 'client backend',
    error_severity: 'LOG',
    ...fields,
  });

  it('keeps all digits of a query id, and its own of two', () => {
    const line = `{"message":"duration: 1.0 ms  statement: SELECT '\\"query_id\\":1'","query_id":-4892706748500259999}`;
    expect(entryOf(line).query_id).toBe('-4892706748500259999');
  });

  it('tells executions from Parse, Bind and notices', () => {
    const events = [
      entry({ message: 'duration: 0.1 ms  parse <unnamed>: SELECT 1' }),
      entry({ message: 'duration: 0.1 ms  bind <unnamed>: SELECT 1', detail: "Parameters: $1 = '1'" }),
      entry({ message: 'duration: 0.1 ms  execute <unnamed>: SELECT 1', detail: "parameters: $1 = '1'" }),
      entry({ error_severity: 'WARNING', message: 'careful' }),
      entry({ error_severity: 'ERROR', state_code: '22012', message: 'm', statement: 's' }),
    ].map(eventOf);
    expect(events).toEqual([
      null,
      null,
      { kind: 'ran', what: 'execute <unnamed>: SELECT 1', parameters: "$1 = '1'", queryId: '0' },
      null,
      { kind: 'error', severity: 'ERROR', sqlstate: '22012', message: 'm', statement: 's' },
    ]);
  });

  it('leaves out backends that no client speaks to', () => {
    const sessions = serverSessions([
      entry({ backend_type: 'parallel worker', error_severity: 'ERROR', message: 'm' }),
      entry({ backend_type: 'autovacuum worker', error_severity: 'ERROR', message: 'm' }),
    ]);
    expect(sessions).toEqual([]);
  });
});

describe('counts', () => {
  const trace = [
    'F\t13\tQuery\t "SELECT 1"',
    "B\t11\tDataRow\t 1 1 '1'",
    'B\t13\tCommandComplete\t "SELECT 1"',
  ].join('\n');
  const session = (events: readonly TapeEvent[]) => ({ session: 'r-1', pid: 4, application: 'a', events });
  const setting = told({ sql: 'SET lc_messages TO "C"' });

  it('of a trace and of the tape', () => {
    const counts = { executions: 1, completions: 1, errors: 0, rows: 1 };
    expect(countTrace(trace.split('\n'))).toEqual(counts);
    expect(countTape(session([setting, told({ returned_rows: 1 })]), false)).toEqual(counts);
  });

  it('that differ are told', () => {
    const { different } = compareTraces(new Map([['a', countTrace(trace.split('\n'))]]), [
      session([setting]),
    ]);
    expect(different).toHaveLength(1);
  });
});
