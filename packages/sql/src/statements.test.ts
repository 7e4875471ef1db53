import fc from 'fast-check';
import { cpuMs } from './cpuTime.testing.ts';
import { commitsInternally, firstKeyword, splitStatements } from './statements.ts';
import { sqlText } from './texts.testing.ts';

const atomic = (body: string) => `CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC ${body} END`;

describe('splitStatements', () => {
  it.each([
    { name: 'nothing', sql: '', want: [] },
    { name: 'only separators', sql: ' ; ;; ', want: [] },
    { name: 'only comments', sql: '-- a\n; /* b; */ ;', want: [] },
    { name: 'one', sql: 'SELECT 1', want: ['SELECT 1'] },
    { name: 'one, ended', sql: ' SELECT 1 ; \n', want: ['SELECT 1'] },
    { name: 'two', sql: 'SELECT 1; SELECT 2', want: ['SELECT 1', 'SELECT 2'] },
    {
      name: 'comments stay',
      sql: '/*a*/ SELECT 1 -- b;\n; SELECT 2 --c',
      want: ['/*a*/ SELECT 1 -- b;', 'SELECT 2 --c'],
    },
    {
      name: 'quotes',
      sql: `SELECT ';', ";", E'\\';', $$;$$, $a$;$$;$a$; SELECT 2`,
      want: [`SELECT ';', ";", E'\\';', $$;$$, $a$;$$;$a$`, 'SELECT 2'],
    },
    { name: 'plain backslash', sql: "SELECT '\\'; SELECT 2", want: ["SELECT '\\'", 'SELECT 2'] },
    { name: 'open quote', sql: "SELECT 1; SELECT ';", want: ['SELECT 1', "SELECT ';"] },
    {
      name: 'nested comment',
      sql: 'SELECT 1 /* /* ; */ ; */; SELECT 2',
      want: ['SELECT 1 /* /* ; */ ; */', 'SELECT 2'],
    },
    {
      name: 'rule',
      sql: 'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3',
      want: ['CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)', 'SELECT 3'],
    },
    {
      name: 'too many closing parentheses',
      sql: 'SELECT 1); SELECT (2; 3)',
      want: ['SELECT 1)', 'SELECT (2; 3)'],
    },
    {
      name: 'atomic body',
      sql: `${atomic('SELECT 1; SELECT 2;')}; SELECT 3`,
      want: [atomic('SELECT 1; SELECT 2;'), 'SELECT 3'],
    },
    {
      name: 'case in an atomic body',
      sql: `${atomic('SELECT CASE WHEN true THEN CASE 1 WHEN 1 THEN 1 END END; SELECT 2;')}; SELECT 3`,
      want: [atomic('SELECT CASE WHEN true THEN CASE 1 WHEN 1 THEN 1 END END; SELECT 2;'), 'SELECT 3'],
    },
    {
      name: 'keywords as names in an atomic body',
      sql: `${atomic('SELECT 1 AS end, t.case FROM t; SELECT 2;')}; SELECT 3`,
      want: [atomic('SELECT 1 AS end, t.case FROM t; SELECT 2;'), 'SELECT 3'],
    },
    {
      name: 'or replace procedure',
      sql: 'CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT 1; END; SELECT 2',
      want: ['CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT 1; END', 'SELECT 2'],
    },
    {
      name: 'a function named begin',
      sql: 'CREATE FUNCTION begin() RETURNS int RETURN 1; SELECT 2',
      want: ['CREATE FUNCTION begin() RETURNS int RETURN 1', 'SELECT 2'],
    },
    {
      name: 'begin outside of routines',
      sql: 'BEGIN ATOMIC; SELECT 1; END',
      want: ['BEGIN ATOMIC', 'SELECT 1', 'END'],
    },
    {
      name: 'create table is no routine',
      sql: 'CREATE TABLE function (begin int); SELECT 1',
      want: ['CREATE TABLE function (begin int)', 'SELECT 1'],
    },
    { name: 'no-break space is no blank', sql: 'SELECT 1\u00a0', want: ['SELECT 1\u00a0'] },
  ])('$name', ({ sql, want }) => {
    expect(splitStatements(sql)).toEqual(want);
  });

  it('takes backslashes as escapes where standard_conforming_strings is off', () => {
    expect(splitStatements("SELECT '\\'; x'; SELECT 2", { standardConformingStrings: false })).toEqual([
      "SELECT '\\'; x'",
      'SELECT 2',
    ]);
  });

  it('gives back what was joined', () => {
    const statement = fc.constantFrom(
      "SELECT ';'",
      'BEGIN',
      'SELECT $a$;$a$',
      '/* ; */ VALUES (1)',
      'x -- ;\n y',
      atomic('SELECT 1;'),
      'SELECT (a;b)',
    );
    const between = fc.constantFrom(';', ' ; ', ';;', '; /* c; */ ;', ';\n-- d\n;');
    fc.assert(
      fc.property(fc.array(fc.tuple(statement, between), { maxLength: 8 }), (pairs) => {
        const sql = pairs.map((pair) => pair.join('')).join('');
        expect(splitStatements(sql)).toEqual(pairs.map(([text]) => text));
      }),
    );
  });

  it('loses nothing of any text but separators, blanks and pieces without a token', () => {
    fc.assert(
      fc.property(sqlText, (sql) => {
        let from = 0;
        for (const piece of splitStatements(sql)) {
          expect(piece).not.toBe('');
          const at = sql.indexOf(piece, from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at + piece.length;
        }
      }),
    );
  });
});

describe('firstKeyword', () => {
  it.each([
    { sql: '', want: '' },
    { sql: 'select 1', want: 'SELECT' },
    { sql: '/* a */ -- b\n ((Select 1))', want: 'SELECT' },
    { sql: 'with x as (select 1) delete from t', want: 'WITH' },
    { sql: ';; commit', want: 'COMMIT' },
    { sql: '"select"', want: '' },
    { sql: "'a", want: '' },
  ])('$sql', ({ sql, want }) => {
    expect(firstKeyword(sql)).toBe(want);
  });
});

describe('commitsInternally', () => {
  it.each([
    { sql: 'CALL p()', want: true },
    { sql: '/**/ do $$ begin commit; end $$', want: true },
    { sql: 'vacuum full t', want: true },
    { sql: 'REINDEX (CONCURRENTLY) TABLE t', want: true },
    { sql: 'CLUSTER', want: true },
    { sql: 'analyze', want: true },
    { sql: 'create unique index concurrently on t (a)', want: true },
    { sql: 'CREATE INDEX i ON t (concurrently)', want: false },
    { sql: 'DROP INDEX CONCURRENTLY i', want: true },
    { sql: 'DROP INDEX i', want: false },
    { sql: 'CREATE DATABASE d', want: true },
    { sql: 'ALTER DATABASE d SET TABLESPACE t', want: true },
    { sql: 'DROP TABLESPACE t', want: true },
    { sql: 'ALTER TABLE t DETACH PARTITION p CONCURRENTLY', want: true },
    { sql: 'ALTER TABLE t DETACH PARTITION p', want: false },
    { sql: 'ALTER TABLE t ADD concurrently int', want: false },
    { sql: 'REFRESH MATERIALIZED VIEW CONCURRENTLY v', want: false },
    { sql: 'INSERT INTO t VALUES (1)', want: false },
    { sql: 'EXPLAIN ANALYZE SELECT 1', want: false },
    { sql: '', want: false },
  ])('$sql: $want', ({ sql, want }) => {
    expect(commitsInternally(sql)).toBe(want);
  });
});

describe('linear time', () => {
  const million = [
    { name: 'quotes', text: `SELECT ${"'a''b',;".repeat(120_000)}` },
    { name: 'open comments', text: '/*'.repeat(500_000) },
    { name: 'parentheses', text: '('.repeat(1_000_000) },
    { name: 'dollar tags', text: '$a$ $b '.repeat(150_000) },
    { name: 'lone dollars', text: '$a '.repeat(330_000) },
    { name: 'continued literals', text: "'a'\n".repeat(250_000) },
    { name: 'almost continued literals', text: "'a' \n/**/".repeat(120_000) },
    { name: 'separators', text: ';'.repeat(1_000_000) },
    { name: 'trailing blanks', text: `SELECT 1;${' '.repeat(1_000_000)}` },
    { name: 'cases', text: `CREATE FUNCTION f() BEGIN ATOMIC ${'CASE '.repeat(200_000)}` },
  ];
  it.each(million)('$name', ({ text }) => {
    const work = (): void => {
      splitStatements(text);
      firstKeyword(text);
    };
    expect(cpuMs(work)).toBeLessThan(1_500);
  });
});
