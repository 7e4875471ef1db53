import { entryOf } from '../jsonLog.ts';
import type { ArchivedRecord } from '../stack.ts';
import { agreement, differenceOf } from './agreement.ts';
import { executionOf, loggedParams, serverExecutions } from './serverExecutions.ts';
import { tapeExecutions } from './tapeExecutions.ts';

const param = (v: string | null, more = {}) => ({
  v,
  enc: 'text',
  format: 'binary',
  type: 'int4',
  oid: 23,
  len: 4,
  ...more,
});
const statement = (n: number, sql: string, more = {}): ArchivedRecord => ({
  kind: 'statement',
  reel: 'r',
  seq: n,
  session: 's',
  n,
  sql,
  outcome: 'completed',
  protocol: 'extended',
  ...more,
});
const line = (message: string, more = {}): string =>
  JSON.stringify({
    pid: 7,
    dbname: 'd',
    backend_type: 'client backend',
    error_severity: 'LOG',
    message,
    ...more,
  });
const failed = (sqlstate: string) => ({ outcome: 'failed', error: { sqlstate } });

const log = [
  line('duration: 0.1 ms  parse <unnamed>: SELECT $1'),
  line('duration: 0.1 ms  bind <unnamed>: SELECT $1', { detail: "Parameters: $1 = '1'" }),
  line('duration: 0.1 ms  execute <unnamed>: SELECT $1', { detail: "Parameters: $1 = '1'" }),
  line('duration: 0.1 ms  statement: SELECT 1; SELECT 2'),
  line('oops', {
    error_severity: 'ERROR',
    state_code: '22012',
    statement: 'SELECT 1/$1',
    context: "unnamed portal with parameters: $1 = '0'",
  }),
].join('\n');
const tape = [
  statement(2, 'SELECT $1', { params: [param('1')] }),
  statement(3, 'SELECT 1', { part: 1, parts: 2, protocol: 'simple' }),
  statement(4, 'SELECT 2', { part: 2, parts: 2, protocol: 'simple' }),
  statement(5, 'SELECT 1/$1', { params: [param('0')], ...failed('22012') }),
  statement(6, 'SELECT 3', { outcome: 'skipped' }),
];

const entriesOf = (text: string) =>
  text
    .split('\n')
    .filter((one) => one !== '')
    .map(entryOf);

function findings(records: readonly ArchivedRecord[], text = log): readonly string[] {
  const server = serverExecutions(entriesOf(text), 'd').get(7) ?? [];
  return agreement(tapeExecutions({ session: 's', pid: 7, records }), server).findings;
}

const replaced = (at: number, record: ArchivedRecord) =>
  tape.map((one, index) => (index === at ? record : one));

describe('tape against log', () => {
  it('agrees, and says what it tolerated', () => {
    const account = tapeExecutions({ session: 's', pid: 7, records: tape });
    expect(agreement(account, serverExecutions(entriesOf(log), 'd').get(7) ?? [])).toEqual({
      compared: 3,
      findings: [],
      tolerated: ['query_is_one_entry', 'skipped_is_not_logged'],
      questions: [],
    });
  });

  it.each([
    ['a record is missing', tape.slice(1), log],
    ['a record too many', [...tape, statement(7, 'SELECT 4')], log],
    ['another order', [tape[3], ...tape.slice(0, 3)] as ArchivedRecord[], log],
    ['another text', replaced(0, statement(2, 'SELECT  $1', { params: [param('1')] })), log],
    ['a wrongly decoded parameter', replaced(0, statement(2, 'SELECT $1', { params: [param('2')] })), log],
    [
      'NULL for empty',
      replaced(0, statement(2, 'SELECT $1', { params: [param(null)] })),
      log.replaceAll("'1'", "''"),
    ],
    ['a parameter missing', replaced(0, statement(2, 'SELECT $1')), log],
    [
      'a parameter that did not decode',
      replaced(0, statement(2, 'SELECT $1', { params: [param('1', { enc: 'failed' })] })),
      log,
    ],
    [
      'another SQLSTATE',
      replaced(3, statement(5, 'SELECT 1/$1', { params: [param('0')], ...failed('22003') })),
      log,
    ],
    ['no error', replaced(3, statement(5, 'SELECT 1/$1', { params: [param('0')] })), log],
    ['half of a Query', tape.filter(({ n }) => n !== 4), log],
    [
      'another function',
      [statement(2, 'x', { sql: null, function_oid: 957, protocol: 'function' })],
      line('duration: 0.1 ms  fastpath function call: "lo_open" (OID 952)'),
    ],
    ['an empty log', tape, ''],
  ] as const)('finds it: %s', (_, records, text) => {
    expect(findings(records, text)).not.toEqual([]);
  });

  it.each([
    [
      "$1 = 'it''s', $2 = NULL, $3 = ''",
      [
        [1, "it's"],
        [2, null],
        [3, ''],
      ],
    ],
    ["$1 = 'a, $2 = ''b'''", [[1, "a, $2 = 'b'"]]],
    ["$2 = 'two\nlines'", [[2, 'two\nlines']]],
  ] as [string, [number, string | null][]][])('reads the parameters %j', (text, params) => {
    expect([...loggedParams(text)]).toEqual(params);
  });

  it('leaves to the server what is printed otherwise', () => {
    const records = [statement(2, 'SELECT $1', { params: [param('true', { format: 'text' })] })];
    const text = line('duration: 0.1 ms  execute a: SELECT $1', { detail: "Parameters: $1 = 't'" });
    const account = tapeExecutions({ session: 's', pid: 7, records });
    const { questions } = agreement(account, serverExecutions(entriesOf(text), 'd').get(7) ?? []);
    expect(questions).toEqual([
      {
        form: { kind: 'sent', sha256: null, oid: 23 },
        sql: 'SELECT $1',
        number: 1,
        taped: 'true',
        logged: 't',
      },
    ]);
    expect(questions.map(differenceOf)).toEqual(['text_parameter_as_sent']);
  });

  it('takes no notice of notices', () => {
    const entry = JSON.parse(line('careful', { error_severity: 'WARNING', state_code: '01000' }));
    expect(executionOf(entry)).toBeNull();
  });
});
