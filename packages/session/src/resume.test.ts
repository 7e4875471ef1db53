/** A session whose messages passed unrecorded for a while: what is lost, what is known behind it. */
import { last, play, ready } from './script.testing.ts';

interface Case {
  readonly name: string;
  readonly script: string;
  readonly records: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: 'between statements',
    script: `
      > Q select 1
      < T
      < C SELECT 1
      < Z I
      passed 3 120
      resume
      > Q select 2
      < T
      < C SELECT 1
      < Z I`,
    records: [
      '2 completed query [select 1] <SELECT 1> exact II committed',
      '3 gap spool_full: 3 passed',
      '4 completed query [select 2] <SELECT 1> exact II committed',
    ],
  },
  {
    name: 'what was in flight is lost, its transaction unknown',
    script: `
      > Q begin
      < C BEGIN
      < Z T
      > Q insert
      passed 2 80
      resume
      > Q select 2
      < T
      < C SELECT 1
      < Z I`,
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 gap spool_full: 2 passed',
      '4 lost query [insert] exact T-',
      '5 tx unknown explicit 2-4',
      '6 completed query [select 2] <SELECT 1> exact II committed',
    ],
  },
  {
    name: 'statements prepared before, and portals, are not seen',
    script: `
      > P s|select 1
      > S
      < 1
      < Z I
      passed 1 40
      resume
      > B -|s
      > E
      > S
      < 2
      < C SELECT 1
      < Z I`,
    records: [
      '2 gap spool_full: 1 passed',
      '3 completed execute [statement_not_seen] <SELECT 1> exact II committed',
    ],
  },
  {
    name: 'told as well where decoding was lost before',
    script: `
      lost
      passed 4 99
      resume
      > Q select 2
      < T
      < C SELECT 1
      < Z I`,
    records: [
      '2 gap bad_framing: a test',
      '3 gap spool_full: 4 passed',
      '4 completed query [select 2] <SELECT 1> exact II committed',
    ],
  },
  {
    name: 'no end of the gap: only the end is told',
    script: `
      passed 1 40
      > Q select 2
      close client_closed`,
    records: [
      '2 gap spool_full: 1 passed',
      '3 stretch 1 from 1: 0 statements, 0 failed',
      '4 closed client_closed',
    ],
  },
];

describe('passed unrecorded', () => {
  it.each(cases)('$name', ({ script, records }) => {
    expect(play(script)).toEqual(records);
  });

  it('the gap tells statements and bytes', () => {
    expect(last(ready().run('passed 3 120'))).toMatchObject({
      kind: 'gap',
      reason: 'spool_full',
      statements: 3,
      bytes: 120,
    });
  });

  it('role and search_path may have been set unseen', () => {
    const script =
      '> Q set role clerk\n< C SET\n< Z I\npassed 1 40\nresume\n> Q select 1\n< T\n< C SELECT 1\n< Z I';
    expect(last(ready().run(script))).toMatchObject({ unsure: ['role_hidden'] });
  });

  it('goes on from a snapshot taken in between', () => {
    const stage = ready().run('passed 3 120');
    stage.swap();
    stage.run('resume\n> Q select 1\n< T\n< C SELECT 1\n< Z I');
    expect(last(stage)).toMatchObject({ kind: 'statement', sql: 'select 1', outcome: 'completed' });
  });
});
