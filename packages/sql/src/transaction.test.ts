import fc from 'fast-check';
import { sqlText } from './texts.testing.ts';
import { transactionVerb } from './transaction.ts';

describe('transactionVerb', () => {
  it.each([
    { sql: 'BEGIN', want: { verb: 'begin' } },
    { sql: ' /* a */ begin work;', want: { verb: 'begin' } },
    { sql: 'begin isolation level serializable read only', want: { verb: 'begin' } },
    { sql: 'START TRANSACTION READ ONLY', want: { verb: 'begin' } },
    { sql: 'START', want: null },
    { sql: 'START_REPLICATION', want: null },
    { sql: 'COMMIT', want: { verb: 'commit' } },
    { sql: 'Commit Transaction And Chain', want: { verb: 'commit', chain: true } },
    { sql: 'COMMIT AND NO CHAIN', want: { verb: 'commit' } },
    { sql: 'END', want: { verb: 'commit' } },
    { sql: 'END WORK AND CHAIN;', want: { verb: 'commit', chain: true } },
    { sql: 'ROLLBACK', want: { verb: 'rollback' } },
    { sql: 'ROLLBACK/**/AND/**/CHAIN', want: { verb: 'rollback', chain: true } },
    { sql: 'ABORT TRANSACTION', want: { verb: 'rollback' } },
    { sql: 'ROLLBACK TO a', want: { verb: 'rollback_to', name: 'a' } },
    { sql: 'ROLLBACK WORK TO SAVEPOINT "A b"', want: { verb: 'rollback_to', name: 'A b' } },
    { sql: 'ROLLBACK TRANSACTION TO savepoint;', want: { verb: 'rollback_to', name: 'savepoint' } },
    { sql: 'ROLLBACK TO SAVEPOINT savepoint', want: { verb: 'rollback_to', name: 'savepoint' } },
    { sql: 'SAVEPOINT FooBar', want: { verb: 'savepoint', name: 'foobar' } },
    { sql: 'SAVEPOINT savepoint', want: { verb: 'savepoint', name: 'savepoint' } },
    { sql: `SAVEPOINT ${'x'.repeat(80)}`, want: { verb: 'savepoint', name: 'x'.repeat(63) } },
    { sql: 'SAVEPOINT U&"\\0061"', want: { verb: 'savepoint', name: 'a' } },
    { sql: 'SAVEPOINT', want: null },
    { sql: 'RELEASE a', want: { verb: 'release', name: 'a' } },
    { sql: 'RELEASE SAVEPOINT "a"', want: { verb: 'release', name: 'a' } },
    { sql: 'RELEASE', want: null },
    { sql: "PREPARE TRANSACTION 'it''s'", want: { verb: 'prepare_transaction', gid: "it's" } },
    { sql: "PREPARE TRANSACTION E'a\\tb'", want: { verb: 'prepare_transaction', gid: 'a\tb' } },
    { sql: 'PREPARE TRANSACTION x', want: null },
    { sql: 'PREPARE transaction_x AS SELECT 1', want: null },
    { sql: 'COMMIT PREPARED $$g$$', want: { verb: 'commit_prepared', gid: 'g' } },
    { sql: "rollback prepared 'g'", want: { verb: 'rollback_prepared', gid: 'g' } },
    { sql: 'SELECT 1', want: null },
    { sql: 'CREATE TABLE t ()', want: null },
    { sql: '"BEGIN"', want: null },
    { sql: 'BEGINNING', want: null },
    { sql: '', want: null },
  ])('$sql', ({ sql, want }) => {
    expect(transactionVerb(sql)).toEqual(want);
  });

  it('takes any text', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), sqlText), (sql) => void transactionVerb(sql)));
  });
});
