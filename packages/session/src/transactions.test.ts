/** What became of statements: their own fate, or a transaction's over ranges. */
import { play } from './script.testing.ts';

const q = (sql: string, tags: string, status: string): string =>
  [`> Q ${sql}`, ...tags.split(',').map((tag) => `< C ${tag}`), `< Z ${status}`].join('\n');

const cases = [
  {
    name: 'COMMIT',
    script: [q('begin', 'BEGIN', 'T'), q('insert 1', 'INSERT 0 1', 'T'), q('commit', 'COMMIT', 'I')],
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 completed query [insert 1] <INSERT 0 1> exact TT',
      '4 completed query [commit] <COMMIT> exact TI',
      '5 tx committed explicit 2-4',
    ],
  },
  {
    name: 'COMMIT answered with ROLLBACK',
    script: [
      q('start transaction', 'START TRANSACTION', 'T'),
      '> Q selec\n< E 42601\n< Z E',
      q('commit', 'ROLLBACK', 'I'),
    ],
    records: [
      '2 completed query [start transaction] <START TRANSACTION> exact IT',
      '3 failed query [selec] 42601 exact TE',
      '4 completed query [commit] <ROLLBACK> exact EI',
      '5 tx rolled_back explicit 2-4',
    ],
  },
  {
    name: 'deferred constraint at COMMIT [D2]',
    script: [q('begin; insert 8', 'BEGIN,INSERT 0 1', 'T'), '> Q commit\n< E 23505\n< Z I'],
    records: [
      '2 completed query 1/2 [begin] <BEGIN> I-',
      '3 completed query 2/2 [insert 8] <INSERT 0 1> exact -T',
      '4 failed query [commit] 23505 exact TI',
      '5 tx rolled_back explicit 2-4 23505',
    ],
  },
  {
    name: 'a COMMIT that cannot be parsed raised no error of a commit',
    script: ['> P q|select 1\n> S\n< 1\n< Z I\n> P q|commit\n> B -|q\n> E -\n> S\n< E 42P05\n< Z I'],
    records: [
      '2 failed parse [commit] 42P05 I-',
      '3 skipped execute [commit] -I',
      '4 tx rolled_back implicit 2-3',
    ],
  },
  {
    name: "an error that is no statement's own is told though the session ends before ReadyForQuery",
    script: [
      '> P -|insert 1\n> B -|-\n> E -\n> !C 5800\n< 1\n< 2\n< C INSERT 0 1\n< E 08P01\nclose terminated',
    ],
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> I-',
      '3 tx rolled_back implicit 2-2 08P01',
      '4 stretch 1 from 1: 1 statements, 0 failed',
      '5 closed terminated',
    ],
  },
  {
    name: "an error that is no statement's own fails an open block, and is told at its end",
    script: [
      q('begin; insert 1', 'BEGIN,INSERT 0 1', 'T'),
      '> !C 5800\n> S\n< E 08P01\n< Z E',
      q('rollback', 'ROLLBACK', 'I'),
    ],
    records: [
      '2 completed query 1/2 [begin] <BEGIN> I-',
      '3 completed query 2/2 [insert 1] <INSERT 0 1> exact -T',
      '4 completed query [rollback] <ROLLBACK> exact EI',
      '5 tx rolled_back explicit 2-4 08P01',
    ],
  },
  {
    name: "an error that is no statement's own, undone with its savepoint",
    script: [
      q('begin; savepoint a; insert 1', 'BEGIN,SAVEPOINT,INSERT 0 1', 'T'),
      '> !C 5800\n> S\n< E 08P01\n< Z E',
      q('rollback to a', 'ROLLBACK', 'T'),
      q('commit', 'COMMIT', 'I'),
    ],
    records: [
      '2 completed query 1/3 [begin] <BEGIN> I-',
      '3 completed query 2/3 [savepoint a] <SAVEPOINT> --',
      '4 completed query 3/3 [insert 1] <INSERT 0 1> exact -T',
      '5 completed query [rollback to a] <ROLLBACK> exact ET',
      '6 tx rolled_back explicit 4-4 to=a 08P01',
      '7 completed query [commit] <COMMIT> exact TI',
      '8 tx committed explicit 2-3 5-7',
    ],
  },
  {
    name: 'COMMIT amid a pipeline commits what precedes it [D5]',
    script: [
      '> P -|insert 1\n> B -|-\n> E -\n> P -|commit\n> B -|-\n> E -\n> P -|insert 2\n> B -|-\n> E -\n> S',
      '< 1\n< 2\n< C INSERT 0 1\n< 1\n< 2\n< N 25P01\n< C COMMIT\n< 1\n< 2\n< E 23505\n< Z I',
    ],
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> I-',
      '3 completed execute [commit] <COMMIT> --',
      '4 tx committed implicit 2-3',
      '5 failed execute [insert 2] 23505 -I',
      '6 tx rolled_back implicit 5-5',
    ],
  },
  {
    name: 'BEGIN amid a string takes what precedes it along',
    script: [
      q('insert 1; begin; insert 2', 'INSERT 0 1,BEGIN,INSERT 0 1', 'T'),
      q('rollback', 'ROLLBACK', 'I'),
    ],
    records: [
      '2 completed query 1/3 [insert 1] <INSERT 0 1> I-',
      '3 completed query 2/3 [begin] <BEGIN> --',
      '4 completed query 3/3 [insert 2] <INSERT 0 1> exact -T',
      '5 completed query [rollback] <ROLLBACK> exact TI',
      '6 tx rolled_back explicit 2-5',
    ],
  },
  {
    name: 'AND CHAIN opens the next block',
    script: [
      q('begin', 'BEGIN', 'T'),
      q('commit and chain', 'COMMIT', 'T'),
      q('insert 1', 'INSERT 0 1', 'T'),
      q('rollback and chain', 'ROLLBACK', 'T'),
      'close client_closed',
    ],
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 completed query [commit and chain] <COMMIT> exact TT',
      '4 tx committed explicit 2-3',
      '5 completed query [insert 1] <INSERT 0 1> exact TT',
      '6 completed query [rollback and chain] <ROLLBACK> exact TT',
      '7 tx rolled_back explicit 5-6',
      '8 stretch 1 from 1: 4 statements, 0 failed',
      '9 closed client_closed',
    ],
  },
  {
    name: 'savepoints: names repeat, RELEASE, ROLLBACK TO decides for good',
    script: [
      q('begin; insert 1; savepoint a', 'BEGIN,INSERT 0 1,SAVEPOINT', 'T'),
      q('insert 2; savepoint b; insert 3', 'INSERT 0 1,SAVEPOINT,INSERT 0 1', 'T'),
      q('rollback to b', 'ROLLBACK', 'T'),
      q('savepoint a; insert 4; rollback to a; release a', 'SAVEPOINT,INSERT 0 1,ROLLBACK,RELEASE', 'T'),
      '> Q selec\n< E 42601\n< Z E',
      q('rollback to a', 'ROLLBACK', 'T'),
      q('commit', 'COMMIT', 'I'),
    ],
    records: [
      '2 completed query 1/3 [begin] <BEGIN> I-',
      '3 completed query 2/3 [insert 1] <INSERT 0 1> --',
      '4 completed query 3/3 [savepoint a] <SAVEPOINT> exact -T',
      '5 completed query 1/3 [insert 2] <INSERT 0 1> T-',
      '6 completed query 2/3 [savepoint b] <SAVEPOINT> --',
      '7 completed query 3/3 [insert 3] <INSERT 0 1> exact -T',
      '8 completed query [rollback to b] <ROLLBACK> exact TT',
      '9 tx rolled_back explicit 7-7 to=b',
      '10 completed query 1/4 [savepoint a] <SAVEPOINT> T-',
      '11 completed query 2/4 [insert 4] <INSERT 0 1> --',
      '12 completed query 3/4 [rollback to a] <ROLLBACK> --',
      '13 tx rolled_back explicit 11-11 to=a',
      '14 completed query 4/4 [release a] <RELEASE> exact -T',
      '15 failed query [selec] 42601 exact TE',
      '16 completed query [rollback to a] <ROLLBACK> exact ET',
      '17 tx rolled_back explicit 5-6 8-10 12-15 to=a',
      '18 completed query [commit] <COMMIT> exact TI',
      '19 tx committed explicit 2-4 16-18',
    ],
  },
  {
    name: 'a savepoint nobody saw: not guessed',
    script: [q('begin', 'BEGIN', 'T'), q('rollback to x', 'ROLLBACK', 'T'), q('commit', 'COMMIT', 'I')],
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 completed query [rollback to x] <ROLLBACK> exact TT',
      '4 completed query [commit] <COMMIT> exact TI',
      '5 tx unknown explicit 2-4',
    ],
  },
  {
    name: 'ROLLBACK of a text nobody saw: ReadyForQuery tells whether it ended the block',
    script: [
      q('begin', 'BEGIN', 'T'),
      '> B -|x\n> E -\n> S\n< 2\n< C ROLLBACK\n< Z I',
      q('begin', 'BEGIN', 'T'),
      '> B -|x\n> E -\n> S\n< 2\n< C ROLLBACK\n< Z T',
      q('commit', 'COMMIT', 'I'),
    ],
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 completed execute [statement_not_seen] <ROLLBACK> exact TI',
      '4 tx rolled_back explicit 2-3',
      '5 completed query [begin] <BEGIN> exact IT',
      '6 completed execute [statement_not_seen] <ROLLBACK> exact TT',
      '7 completed query [commit] <COMMIT> exact TI',
      '8 tx unknown explicit 5-7',
    ],
  },
  {
    name: 'PREPARE TRANSACTION and its end',
    script: [
      q("begin; insert 1; prepare transaction 'g 1'", 'BEGIN,INSERT 0 1,PREPARE TRANSACTION', 'I'),
      q("commit prepared 'g 1'", 'COMMIT PREPARED', 'I'),
      q("rollback prepared 'g2'", 'ROLLBACK PREPARED', 'I'),
      "> Q commit prepared 'g3'\n< E 42704\n< Z I",
    ],
    records: [
      '2 completed query 1/3 [begin] <BEGIN> I-',
      '3 completed query 2/3 [insert 1] <INSERT 0 1> --',
      "4 completed query 3/3 [prepare transaction 'g 1'] <PREPARE TRANSACTION> exact -I",
      '5 tx prepared explicit 2-4 gid=g 1',
      "6 completed query [commit prepared 'g 1'] <COMMIT PREPARED> exact II committed",
      '7 tx committed explicit none gid=g 1',
      "8 completed query [rollback prepared 'g2'] <ROLLBACK PREPARED> exact II committed",
      '9 tx rolled_back explicit none gid=g2',
      "10 failed query [commit prepared 'g3'] 42704 exact II rolled_back",
    ],
  },
  {
    name: 'failed PREPARE TRANSACTION rolls back',
    script: [
      q('begin', 'BEGIN', 'T'),
      '> Q selec\n< E 42601\n< Z E',
      q("prepare transaction 'g'", 'ROLLBACK', 'I'),
    ],
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 failed query [selec] 42601 exact TE',
      "4 completed query [prepare transaction 'g'] <ROLLBACK> exact EI",
      '5 tx rolled_back explicit 2-4',
    ],
  },
  {
    name: 'outside of a block',
    script: [
      q('commit', 'COMMIT', 'I'),
      q('rollback', 'ROLLBACK', 'I'),
      q("prepare transaction 'g'", 'ROLLBACK', 'I'),
      q("call p(); prepare transaction 'g'", 'CALL,ROLLBACK', 'I'),
    ],
    records: [
      '2 completed query [commit] <COMMIT> exact II committed',
      '3 completed query [rollback] <ROLLBACK> exact II rolled_back',
      "4 completed query [prepare transaction 'g'] <ROLLBACK> exact II rolled_back",
      '5 completed query 1/2 [call p()] <CALL> I-',
      "6 completed query 2/2 [prepare transaction 'g'] <ROLLBACK> exact -I",
      '7 tx committed implicit 5-6',
    ],
  },
  {
    name: 'what commits by itself and fails: unknown',
    script: ['> Q call p()\n< E 22012\n< Z I', '> Q vacuum t\n< E 57014\n< Z I', q('call p()', 'CALL', 'I')],
    records: [
      '2 failed query [call p()] 22012 exact II unknown',
      '3 cancelled query [vacuum t] 57014 exact II unknown',
      '4 completed query [call p()] <CALL> exact II committed',
    ],
  },
  {
    name: 'call_before_begin: what a procedure in a pipeline committed is not undone with the block that begins behind it',
    script: [
      '> P -|call p()\n> B -|-\n> E -\n> Q begin; insert 1\n< 1\n< 2\n< C CALL\n< C BEGIN\n< C INSERT 0 1\n< Z T',
      q('rollback', 'ROLLBACK', 'I'),
    ],
    records: [
      '2 completed execute [call p()] <CALL> I-',
      '3 completed query 1/2 [begin] <BEGIN> --',
      '4 completed query 2/2 [insert 1] <INSERT 0 1> -T',
      '5 completed query [rollback] <ROLLBACK> exact TI',
      '6 tx unknown implicit 2-2',
      '7 tx rolled_back explicit 3-5',
    ],
  },
  {
    name: 'call_before_begin: nor prepared with it; a COMMIT keeps all',
    script: [
      '> P -|call p()\n> B -|-\n> E -\n> Q begin\n< 1\n< 2\n< C CALL\n< C BEGIN\n< Z T',
      q("prepare transaction 'g'", 'PREPARE TRANSACTION', 'I'),
      '> P -|call p()\n> B -|-\n> E -\n> Q begin\n< 1\n< 2\n< C CALL\n< C BEGIN\n< Z T',
      q('commit', 'COMMIT', 'I'),
    ],
    records: [
      '2 completed execute [call p()] <CALL> I-',
      '3 completed query [begin] <BEGIN> -T',
      "4 completed query [prepare transaction 'g'] <PREPARE TRANSACTION> exact TI",
      '5 tx unknown implicit 2-2',
      '6 tx prepared explicit 3-4 gid=g',
      '7 completed execute [call p()] <CALL> I-',
      '8 completed query [begin] <BEGIN> -T',
      '9 completed query [commit] <COMMIT> exact TI',
      '10 tx committed explicit 7-9',
    ],
  },
  {
    name: 'call_before_begin: a ROLLBACK in the same pipeline undoes no more',
    script: ['> P -|call p()\n> B -|-\n> E -\n> Q rollback\n< 1\n< 2\n< C CALL\n< C ROLLBACK\n< Z I'],
    records: [
      '2 completed execute [call p()] <CALL> I-',
      '3 completed query [rollback] <ROLLBACK> -I',
      '4 tx unknown implicit 2-3',
    ],
  },
  {
    name: 'a tick between tag and ReadyForQuery: the transaction tells what the record could not',
    script: ['> Q insert 1\n< C INSERT 0 1\ntick\n< Z I', '> Q selec\n< E 42601\ntick\n< Z I'],
    records: [
      '2 completed query [insert 1] <INSERT 0 1> exact I-',
      '3 tx committed implicit 2-2',
      '4 failed query [selec] 42601 exact I-',
      '5 tx rolled_back implicit 4-4',
    ],
  },
  {
    name: 'the connection ends in an open block',
    script: [q('begin; insert 1', 'BEGIN,INSERT 0 1', 'T'), '> Q insert 2\nclose client_closed'],
    records: [
      '2 completed query 1/2 [begin] <BEGIN> I-',
      '3 completed query 2/2 [insert 1] <INSERT 0 1> exact -T',
      '4 lost query [insert 2] exact T-',
      '5 tx rolled_back explicit 2-4',
      '6 stretch 1 from 1: 3 statements, 0 failed',
      '7 closed client_closed',
    ],
  },
  {
    name: 'the connection ends with COMMIT on its way',
    script: [q('begin', 'BEGIN', 'T'), '> P -|commit\n> B -|-\n> E -\n> S\nclose client_closed'],
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 lost execute [commit] T-',
      '4 tx unknown explicit 2-3',
      '5 stretch 1 from 1: 2 statements, 0 failed',
      '6 closed client_closed',
    ],
  },
  {
    name: 'the connection ends with a Sync on its way, without a block',
    script: ['> P -|insert 1\n> B -|-\n> E -\n> S\n< 1\n< 2\n< C INSERT 0 1\nclose client_closed'],
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> exact I-',
      '3 tx unknown implicit 2-2',
      '4 stretch 1 from 1: 1 statements, 0 failed',
      '5 closed client_closed',
    ],
  },
  {
    name: 'the connection ends before Sync was sent',
    script: ['> P -|insert 1\n> B -|-\n> E -\n> H\n< 1\n< 2\n< C INSERT 0 1\nclose terminated'],
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> exact I-',
      '3 tx rolled_back implicit 2-2',
      '4 stretch 1 from 1: 1 statements, 0 failed',
      '5 closed terminated',
    ],
  },
];

describe('transactions', () => {
  it.each(cases)('$name', ({ script, records }) => {
    expect(play(script.join('\n'))).toEqual(records);
  });
});
