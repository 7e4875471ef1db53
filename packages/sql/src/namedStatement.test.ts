import { type NamedStatement, namedStatement } from './namedStatement.ts';

const cases: readonly [string, NamedStatement | null][] = [
  ['PREPARE x AS SELECT 1', { verb: 'prepare', name: 'x', runs: 'SELECT 1' }],
  [
    "prepare X (int, numeric(10, 2)) as\n select $1, 'as' ;",
    { verb: 'prepare', name: 'x', runs: "select $1, 'as'" },
  ],
  ['/* a */ PREPARE "A ""b" AS SELECT 1', { verb: 'prepare', name: 'A "b', runs: 'SELECT 1' }],
  ['PREPARE transaction AS SELECT 1', { verb: 'prepare', name: 'transaction', runs: 'SELECT 1' }],
  ["PREPARE TRANSACTION 'gid'", null],
  ['PREPARE x', null],
  ['PREPARE', null],
  ['EXECUTE x', { verb: 'execute', name: 'x' }],
  ["execute X (1, 'two')", { verb: 'execute', name: 'x' }],
  ['EXECUTE U&"\\0041b"', { verb: 'execute', name: 'Ab' }],
  [`EXECUTE ${'n'.repeat(70)}`, { verb: 'execute', name: 'n'.repeat(63) }],
  ["EXECUTE 'x'", null],
  ['EXPLAIN EXECUTE x', { verb: 'execute', name: 'x' }],
  ['EXPLAIN ANALYZE VERBOSE EXECUTE x(1)', { verb: 'execute', name: 'x' }],
  ['EXPLAIN (ANALYZE, FORMAT json) EXECUTE x', { verb: 'execute', name: 'x' }],
  ['EXPLAIN SELECT 1', null],
  ['EXPLAIN (', null],
  ['CREATE TABLE t AS EXECUTE x(1)', { verb: 'execute', name: 'x' }],
  [
    'CREATE UNLOGGED TABLE IF NOT EXISTS s.t (a, b) WITH (fillfactor = 10) AS EXECUTE x',
    { verb: 'execute', name: 'x' },
  ],
  ['CREATE TABLE t AS SELECT 1', null],
  ['CREATE TABLE t (a int)', null],
  ['CREATE FUNCTION f() RETURNS int AS $$ x $$', null],
  ['DEALLOCATE x', { verb: 'deallocate', name: 'x' }],
  ['DEALLOCATE PREPARE x', { verb: 'deallocate', name: 'x' }],
  ['DEALLOCATE prepare', { verb: 'deallocate', name: 'prepare' }],
  ['DEALLOCATE ALL', { verb: 'deallocate', name: null }],
  ['DEALLOCATE PREPARE ALL', { verb: 'deallocate', name: null }],
  ['DEALLOCATE "all"', { verb: 'deallocate', name: 'all' }],
  ['DECLARE c CURSOR FOR SELECT 1', { verb: 'declare', name: 'c', runs: 'SELECT 1', hold: false }],
  [
    'declare C binary no scroll cursor with hold for values (1);',
    { verb: 'declare', name: 'c', runs: 'values (1)', hold: true },
  ],
  ['DECLARE c CURSOR WITHOUT HOLD FOR TABLE t', { verb: 'declare', name: 'c', runs: 'TABLE t', hold: false }],
  ['DECLARE c CURSOR', null],
  ['FETCH c', { verb: 'fetch', name: 'c' }],
  ['FETCH next', { verb: 'fetch', name: 'next' }],
  ['FETCH FORWARD ALL FROM "C"', { verb: 'fetch', name: 'C' }],
  ['FETCH RELATIVE -3 IN c;', { verb: 'fetch', name: 'c' }],
  ['FETCH 10 c; SELECT a', { verb: 'fetch', name: 'c' }],
  ['FETCH', null],
  ["FETCH 'c'", null],
  ['MOVE ABSOLUTE 5 FROM c', { verb: 'move', name: 'c' }],
  ['CLOSE c', { verb: 'close', name: 'c' }],
  ['CLOSE ALL', { verb: 'close', name: null }],
  ['SELECT 1', null],
  ['COMMIT', null],
  ['DELETE FROM t', null],
  ['', null],
  ['--', null],
];

describe('namedStatement', () => {
  it.each(cases)('%s', (sql, expected) => {
    expect(namedStatement(sql)).toEqual(expected);
  });
});
