/** Which statement runs behind a name of SQL's, and what is said where nobody knows. */
import type { DraftRecord } from '@pgtape/evidence';
import { Stage, startup } from './script.testing.ts';

const query = (sql: string, tag: string, status = 'I') => `> Q ${sql}\n< C ${tag}\n< Z ${status}\n`;
const failed = (sql: string, sqlstate: string) => `> Q ${sql}\n< E ${sqlstate}\n< Z I\n`;
const parse = (name: string, sql: string) => `> P ${name}|${sql}\n> S\n< 1\n< Z I\n`;
const bindRun = (name: string, tag: string) => `> B -|${name}\n> E -\n> S\n< 2\n< C ${tag}\n< Z I\n`;

/** sql | statement behind the name | what is unsure */
function told(draft: Extract<DraftRecord, { kind: 'statement' }>): string {
  const { runs } = draft;
  const behind = runs === undefined ? '-' : `${runs.name}: ${runs.sql ?? runs.sql_unknown}`;
  return [draft.sql ?? draft.sql_unknown, behind, ...(draft.unsure ?? [])].join(' | ');
}

function statements(script: string): string[] {
  const records: DraftRecord[] = new Stage().run(startup).run(script).records;
  return records.flatMap((draft) => (draft.kind === 'statement' ? [told(draft)] : []));
}

const cases = [
  {
    name: 'EXECUTE of what SQL prepared, and of what Parse did',
    script: [
      ...[query('PREPARE x (int) AS SELECT $1;', 'PREPARE'), query('EXECUTE X(1)', 'SELECT 1')],
      ...[parse('y', 'update t set a = $1'), query('execute y (2)', 'UPDATE 1')],
    ].join(''),
    told: [
      'PREPARE x (int) AS SELECT $1; | -',
      'EXECUTE X(1) | x: SELECT $1',
      'execute y (2) | y: update t set a = $1',
    ],
  },
  {
    name: 'Bind to an SQL-PREPAREd name [28]',
    script: `${query('PREPARE x AS SELECT 1', 'PREPARE')}${bindRun('x', 'SELECT 1')}`,
    told: ['PREPARE x AS SELECT 1 | -', 'PREPARE x AS SELECT 1 | x: SELECT 1'],
  },
  {
    name: 'EXECUTE as a prepared statement itself, in EXPLAIN and in CREATE TABLE AS',
    script: [
      ...[query('PREPARE x AS SELECT 1', 'PREPARE'), parse('e', 'EXECUTE x'), bindRun('e', 'SELECT 1')],
      ...[query('explain (analyze) execute x', 'EXPLAIN'), query('create table t as execute x', 'SELECT 1')],
    ].join(''),
    told: [
      'PREPARE x AS SELECT 1 | -',
      'EXECUTE x | x: SELECT 1',
      'explain (analyze) execute x | x: SELECT 1',
      'create table t as execute x | x: SELECT 1',
    ],
  },
  {
    name: 'a name nobody saw prepared, and one that was dropped',
    script: [
      ...[query('EXECUTE x', 'SELECT 1'), query('PREPARE x AS SELECT 1', 'PREPARE')],
      ...[query('DEALLOCATE x', 'DEALLOCATE'), query('EXECUTE x', 'SELECT 1')],
      ...[
        query('PREPARE y AS SELECT 2', 'PREPARE'),
        query('DISCARD ALL', 'DISCARD ALL'),
        query('EXECUTE y', 'SELECT 1'),
      ],
    ].join(''),
    told: [
      'EXECUTE x | x: statement_not_seen',
      'PREPARE x AS SELECT 1 | - | role_hidden',
      'DEALLOCATE x | - | role_hidden',
      'EXECUTE x | x: statement_not_seen | role_hidden',
      'PREPARE y AS SELECT 2 | - | role_hidden',
      'DISCARD ALL | - | role_hidden',
      'EXECUTE y | y: statement_not_seen',
    ],
  },
  {
    name: '26000 corrects what a DO block dropped unseen',
    script: [
      ...[query('PREPARE x AS SELECT 1', 'PREPARE'), query('DO $$ $$', 'DO'), query('EXECUTE x', 'SELECT 1')],
      ...[
        failed('EXECUTE x', '26000'),
        query('PREPARE x AS SELECT 2', 'PREPARE'),
        query('EXECUTE x', 'SELECT 1'),
      ],
    ].join(''),
    told: [
      'PREPARE x AS SELECT 1 | -',
      'DO $$ $$ | -',
      'EXECUTE x | x: SELECT 1 | role_hidden | names_hidden',
      'EXECUTE x | x: statement_not_seen | role_hidden',
      'PREPARE x AS SELECT 2 | - | role_hidden',
      'EXECUTE x | x: SELECT 2 | role_hidden',
    ],
  },
  {
    name: 'a procedure may have given the name of a Parse to another statement; 26000 at Bind corrects it',
    script: [
      ...[parse('p', 'select 1'), query('CALL f()', 'CALL'), bindRun('p', 'SELECT 1')],
      ...['> B -|p\n> S\n< E 26000\n< Z I\n', '> B -|p\n> S\n< E 26000\n< Z I\n'],
    ].join(''),
    told: [
      'CALL f() | -',
      'select 1 | - | role_hidden | names_hidden',
      'statement_not_seen | - | role_hidden',
      'statement_not_seen | - | role_hidden',
    ],
  },
  {
    name: 'FETCH, MOVE and Execute of a cursor; it dies with its transaction',
    script: [
      ...[query('BEGIN', 'BEGIN', 'T'), query('DECLARE c CURSOR FOR SELECT a FROM t', 'DECLARE CURSOR', 'T')],
      ...[query('FETCH 2 FROM C', 'FETCH 2', 'T'), query('move next in c', 'MOVE 1', 'T')],
      ...[
        '> E c 1\n> S\n< D 1\n< s\n< Z T\n',
        query('CLOSE c', 'CLOSE CURSOR', 'T'),
        query('COMMIT', 'COMMIT'),
      ],
      failed('FETCH c', '34000'),
    ].join(''),
    told: [
      'BEGIN | -',
      'DECLARE c CURSOR FOR SELECT a FROM t | -',
      'FETCH 2 FROM C | c: SELECT a FROM t',
      'move next in c | c: SELECT a FROM t',
      'DECLARE c CURSOR FOR SELECT a FROM t | c: SELECT a FROM t',
      'CLOSE c | -',
      'COMMIT | -',
      'FETCH c | c: portal_not_seen',
    ],
  },
  {
    name: 'a cursor WITH HOLD outlives the transaction that commits, and not the one that rolls back',
    script: [
      ...[
        query('BEGIN', 'BEGIN', 'T'),
        query('DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'DECLARE CURSOR', 'T'),
      ],
      ...[query('COMMIT', 'COMMIT'), query('BEGIN', 'BEGIN', 'T'), query('ROLLBACK', 'ROLLBACK')],
      query('FETCH c', 'FETCH 1'),
      ...[
        query('BEGIN', 'BEGIN', 'T'),
        query('DECLARE d CURSOR WITH HOLD FOR SELECT 2', 'DECLARE CURSOR', 'T'),
      ],
      ...[query('ROLLBACK', 'ROLLBACK'), failed('FETCH d', '34000'), query('FETCH c', 'FETCH 1')],
      ...[query('CLOSE ALL', 'CLOSE CURSOR ALL'), failed('FETCH c', '34000')],
    ].join(''),
    told: [
      ...[
        'BEGIN | -',
        'DECLARE c CURSOR WITH HOLD FOR SELECT 1 | -',
        'COMMIT | -',
        'BEGIN | -',
        'ROLLBACK | -',
      ],
      'FETCH c | c: SELECT 1',
      ...['BEGIN | -', 'DECLARE d CURSOR WITH HOLD FOR SELECT 2 | -', 'ROLLBACK | -'],
      ...[
        'FETCH d | d: portal_not_seen',
        'FETCH c | c: SELECT 1',
        'CLOSE ALL | -',
        'FETCH c | c: portal_not_seen',
      ],
    ],
  },
  {
    name: 'FETCH of a portal that Bind made',
    script: [
      query('BEGIN', 'BEGIN', 'T'),
      '> P -|select 7\n> B p|-\n> S\n< 1\n< 2\n< Z T\n',
      query('fetch all from p', 'FETCH 1', 'T'),
    ].join(''),
    told: ['BEGIN | -', 'fetch all from p | p: select 7'],
  },
  {
    name: 'several statements in one Query, each with what it runs; and the rest after an error',
    script: `> Q PREPARE x AS SELECT 1; EXECUTE x; EXECUTE y; SELECT 3
      < C PREPARE\n< C SELECT 1\n< E 26000\n< Z I`,
    told: [
      'PREPARE x AS SELECT 1 | -',
      'EXECUTE x | x: SELECT 1',
      'EXECUTE y; SELECT 3 | y: statement_not_seen',
    ],
  },
  {
    name: 'what was swallowed is told as the client meant it, and changes nothing',
    script: `${query('PREPARE x AS SELECT 1', 'PREPARE')}> B -|nope\n> B -|x\n> E -\n> S\n< E 26000\n< Z I
      ${query('EXECUTE x', 'SELECT 1')}`,
    told: [
      'PREPARE x AS SELECT 1 | -',
      'statement_not_seen | -',
      'PREPARE x AS SELECT 1 | x: SELECT 1',
      'EXECUTE x | x: SELECT 1',
    ],
  },
];

describe('the statement behind a name', () => {
  it.each(cases)('$name', ({ script, told: expected }) => {
    expect(statements(script)).toEqual(expected);
  });

  it('a secret in it is redacted, and so is the record that runs it', () => {
    const stage = new Stage().run(startup);
    stage.run(query('DO $$ $$', 'DO'));
    stage.run(query("DECLARE c CURSOR FOR SELECT dblink('password=hunter2')", 'DECLARE CURSOR', 'T'));
    stage.run(query('FETCH c', 'FETCH 1', 'T'));
    const last = stage.records.findLast((draft) => draft.kind === 'statement');
    expect(last).toMatchObject({ redacted: ['connection_string'], runs: { name: 'c' } });
    expect(JSON.stringify([stage.records, stage.machine.snapshot()])).not.toContain('hunter2');
  });
});
