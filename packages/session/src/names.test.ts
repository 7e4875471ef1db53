/**
 * Prepared statements and portals: whose text an Execute is told with. Numbers in brackets are probes of real
 * servers.
 */
import { play } from './script.testing.ts';

const prepare = (name: string, sql: string) => `> P ${name}|${sql}\n> S\n< 1\n< Z I\n`;
const run = (name: string) => `> B -|${name}\n> E -\n> S\n< 2\n< D 1\n< C SELECT 1\n< Z I\n`;
const ran = (n: number, sql: string) =>
  `${n} completed execute [${sql}] <SELECT 1> rows=1 exact II committed`;
const tag = (sql: string, told: string) => `> Q ${sql}\n< C ${told}\n< Z I\n`;

const cases = [
  {
    name: 'a named Parse over an existing name fails and keeps the old one [19]',
    script: `${prepare('n', 'select 1')}> P n|select 2\n> S\n< E 42P05\n< Z I\n${run('n')}`,
    records: ['2 failed parse [select 2] 42P05 II rolled_back', ran(3, 'select 1')],
  },
  {
    name: 'an unnamed Parse replaces',
    script: `${prepare('-', 'select 1')}${prepare('-', 'select 2')}${run('-')}`,
    records: [ran(2, 'select 2')],
  },
  {
    name: 'a failed unnamed Parse destroys the old one [23]',
    script: `${prepare('-', 'select 1')}> P -|selec\n> S\n< E 42601\n< Z I\n> B -|-\n> S\n< E 26000\n< Z I`,
    records: [
      '2 failed parse [selec] 42601 II rolled_back',
      '3 failed bind [statement_not_seen] 26000 II rolled_back',
    ],
  },
  {
    name: 'a malformed unnamed Parse does not come so far',
    script: `${prepare('-', 'select 1')}> !P 00\n> S\n< E 08P01\n< Z I\n${run('-')}`,
    records: ['2 failed parse [undecodable] 08P01 II rolled_back', ran(3, 'select 1')],
  },
  {
    name: 'a swallowed Parse changes nothing',
    script: `${prepare('-', 'select 1')}> B -|nope\n> P -|select 2\n> S\n< E 26000\n< Z I\n${run('-')}`,
    records: ['2 failed bind [statement_not_seen] 26000 II rolled_back', ran(3, 'select 1')],
  },
  {
    name: 'a simple Query destroys the unnamed statement and portal [22]',
    script: `> P -|select 1\n> B -|-\n> S\n< 1\n< 2\n< Z T
        ${tag('select 2', 'SELECT 0').replace('Z I', 'Z T')}> E -\n> S\n< E 34000\n< Z E`,
    records: [
      '2 completed query [select 2] <SELECT 0> exact TT',
      '3 failed execute [portal_not_seen] 34000 exact TE',
    ],
  },
  {
    name: 'statements survive ROLLBACK [D9]',
    script: `${tag('begin', 'BEGIN').replace('Z I', 'Z T')}> P n|select 1\n> S\n< 1\n< Z T
        ${tag('rollback', 'ROLLBACK')}${run('n')}`,
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 completed query [rollback] <ROLLBACK> exact TI',
      '4 tx rolled_back explicit 2-3',
      ran(5, 'select 1'),
    ],
  },
  {
    name: 'a Parse that failed leaves its name free [D8]',
    script: `> P n|selec\n> S\n< E 42601\n< Z I\n${prepare('n', 'select 1')}${run('n')}`,
    records: ['2 failed parse [selec] 42601 II rolled_back', ran(3, 'select 1')],
  },
  {
    name: 'DISCARD ALL and DEALLOCATE ALL forget, by tag (pgdog#1402)',
    script: [
      ...[prepare('n', 'select 1'), tag('discard all', 'DISCARD ALL'), run('n')],
      ...[prepare('n', 'select 2'), tag('select hidden()', 'DEALLOCATE ALL'), run('n')],
    ].join(''),
    records: [
      '2 completed query [discard all] <DISCARD ALL> exact II committed',
      ran(3, 'statement_not_seen'),
      '4 completed query [select hidden()] <DEALLOCATE ALL> exact II committed',
      ran(5, 'statement_not_seen'),
    ],
  },
  {
    name: 'DEALLOCATE of one name, plain, quoted, and not understood',
    script: [
      ...[prepare('a', 'select 1'), prepare('b', 'select 2'), prepare('C"c', 'select 3')],
      ...[tag('deallocate A', 'DEALLOCATE'), run('a'), run('b')],
      ...[tag('deallocate prepare "C""c"', 'DEALLOCATE'), run('C"c')],
      ...[tag('deallocate /* x */ b', 'DEALLOCATE'), run('b')],
    ].join(''),
    records: [
      '2 completed query [deallocate A] <DEALLOCATE> exact II committed',
      ran(3, 'statement_not_seen'),
      ran(4, 'select 2'),
      '5 completed query [deallocate prepare "C""c"] <DEALLOCATE> exact II committed',
      ran(6, 'statement_not_seen'),
      '7 completed query [deallocate /* x */ b] <DEALLOCATE> exact II committed',
      ran(8, 'statement_not_seen'),
    ],
  },
  {
    name: 'SQL PREPARE shares the namespace: no older text is taken for its own [28]',
    script: `${prepare('q', 'select 1')}${tag('prepare q as select 42', 'PREPARE')}${run('q')}`,
    records: [
      '2 completed query [prepare q as select 42] <PREPARE> exact II committed',
      ran(3, 'prepare q as select 42'),
    ],
  },
  {
    name: 'Execute of an SQL cursor [D10]',
    script: `> Q begin; declare c cursor for select 1\n< C BEGIN\n< C DECLARE CURSOR\n< Z T
        > E c 2\n> S\n< D 2\n< s\n< Z T`,
    records: [
      '2 completed query 1/2 [begin] <BEGIN> I-',
      '3 completed query 2/2 [declare c cursor for select 1] <DECLARE CURSOR> exact -T',
      '4 suspended execute [declare c cursor for select 1] rows=2 exact TT',
    ],
  },
  {
    name: 'Close of a statement leaves its portals, as 18.4 does; Close of a portal ends it',
    script: `> P n|select 1\n> B p|n\n> E p 1\n> C S n\n> E p 1\n> C P p\n> E p 1\n> S
      < 1\n< 2\n< D 1\n< s\n< 3\n< D 1\n< s\n< 3\n< E 34000\n< Z I`,
    records: [
      '2 suspended execute [select 1] rows=1 I-',
      '3 suspended execute [select 1] rows=1 continues 2 --',
      '4 failed execute [portal_not_seen] 34000 -I',
      '5 tx rolled_back implicit 2-4',
    ],
  },
  {
    name: 'a suspended portal: one record an Execute, linked to the first [16]',
    script: `> P -|select 1\n> B p|-\n> E p 2\n> E p 2\n> E p 2\n> E p 2\n> S
      < 1\n< 2\n< D 2\n< s\n< D 2\n< s\n< D 1\n< C SELECT 1\n< C SELECT 0\n< Z I`,
    records: [
      '2 suspended execute [select 1] rows=2 I-',
      '3 suspended execute [select 1] rows=2 continues 2 --',
      '4 completed execute [select 1] <SELECT 1> rows=1 continues 2 --',
      '5 completed execute [select 1] <SELECT 0> continues 2 -I',
      '6 tx committed implicit 2-5',
    ],
  },
  {
    name: 'Execute of a finished INSERT portal [18]',
    script: '> P -|insert 1\n> B p|-\n> E p\n> E p\n> S\n< 1\n< 2\n< C INSERT 0 1\n< E 55000\n< Z I',
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> I-',
      '3 failed execute [insert 1] 55000 continues 2 -I',
      '4 tx rolled_back implicit 2-3',
    ],
  },
  {
    name: 'portals survive Sync in a block and die with it [20, 21]',
    script: `${tag('begin', 'BEGIN').replace('Z I', 'Z T')}> P -|select 1\n> B p|-\n> E p 1\n> S\n< 1
      < 2\n< D 1\n< s\n< Z T
      > E p 1\n> S\n< D 1\n< s\n< Z T\n${tag('commit', 'COMMIT')}> E p\n> S\n< E 34000\n< Z I`,
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 suspended execute [select 1] rows=1 exact TT',
      '4 suspended execute [select 1] rows=1 continues 3 exact TT',
      '5 completed query [commit] <COMMIT> exact TI',
      '6 tx committed explicit 2-5',
      '7 failed execute [portal_not_seen] 34000 exact II rolled_back',
    ],
  },
  {
    name: 'COMMIT in the same batch ends portals before Sync',
    script: `> P -|select 1\n> B p|-\n> P c|commit\n> B -|c\n> E -\n> E p\n> S\n< 1\n< 2\n< 1
        < 2\n< C COMMIT\n< E 34000\n< Z I`,
    records: [
      '2 completed execute [commit] <COMMIT> I-',
      '3 tx committed implicit 2-2',
      '4 failed execute [portal_not_seen] 34000 -I',
      '5 tx rolled_back implicit 4-4',
    ],
  },
  {
    name: 'Describe fails',
    script: `> D S nope\n> S\n< E 26000\n< Z I\n> D P nope\n> S\n< E 34000\n< Z I
        > P n|select $1\n> D S n\n> S\n< 1\n< t 23\n< E 42P18\n< Z I`,
    records: [
      '2 failed describe [statement_not_seen] 26000 II rolled_back',
      '3 failed describe [portal_not_seen] 34000 II rolled_back',
      '4 failed describe [select $1] 42P18 II rolled_back',
    ],
  },
];

describe('statements and portals', () => {
  it.each(cases)('$name', ({ script, records }) => {
    expect(play(script)).toEqual(records);
  });
});
