/** COPY: which Sync is answered, whose rows are whose. Numbers in brackets are the probes of real servers. */
import { play } from './script.testing.ts';

const extended = '> P -|copy t from stdin\n> B -|-\n> E -\n> S\n';
const after = '\n> P -|select 1\n> B -|-\n> E -\n> S\n< 1\n< 2\n< D 1\n< C SELECT 1\n< Z I';
const next = (n: number, before = 'I') =>
  `${n} completed execute [select 1] <SELECT 1> rows=1 exact ${before}I committed`;

const cases = [
  {
    name: 'extended, success: one ReadyForQuery for two Syncs [7]',
    script: `${extended}< 1\n< 2\n< G\n> d 2 30\n> c\n> S\n< C COPY 2\n< Z I${after}`,
    records: ['2 completed execute [copy t from stdin] <COPY 2> copy-in=2/30 exact II committed', next(3)],
  },
  {
    name: 'extended, success, all sent at once [7]',
    script: `${extended}> d 2 30\n> c\n> S\n< 1\n< 2\n< G\n< C COPY 2\n< Z I${after}`,
    records: ['2 completed execute [copy t from stdin] <COPY 2> copy-in=2/30 exact II committed', next(3)],
  },
  {
    name: 'extended, CopyFail: one ReadyForQuery [8]',
    script: `${extended}< 1\n< 2\n< G\n> d 1 5\n> f no\n> S\n< E 57014\n< Z I${after}`,
    records: ['2 cancelled execute [copy t from stdin] copy-in=1/5 57014 exact II rolled_back', next(3)],
  },
  {
    name: 'extended, table missing: two ReadyForQuery [9]',
    script: `${extended}> d 1 5\n> c\n> S\n< 1\n< 2\n< E 42P01\n< Z I\n< Z I${after}`,
    records: ['2 failed execute [copy t from stdin] 42P01 exact II rolled_back', next(3)],
  },
  {
    name: 'extended, trigger error after CopyInResponse: two ReadyForQuery [10]',
    script: `${extended}> d 1 5\n> c\n> S\n< 1\n< 2\n< G\n< E P0001\n< Z I\n< Z I${after}`,
    records: ['2 failed execute [copy t from stdin] copy-in=1/5 P0001 exact II rolled_back', next(3)],
  },
  {
    name: 'extended, error amid the data: one ReadyForQuery [11]',
    script: `${extended}> d 1 5\n> c\n> S\n< 1\n< 2\n< G\n< E 23505\n< Z I${after}`,
    records: ['2 failed execute [copy t from stdin] copy-in=1/5 23505 exact II rolled_back', next(3)],
  },
  {
    name: 'extended, error before CopyDone is sent: the Sync that follows is the one answered',
    script: `${extended}< 1\n< 2\n< G\n> d 1 5\n< E 23505\n> c\n> S\n< Z I${after}`,
    records: ['2 failed execute [copy t from stdin] copy-in=1/5 23505 exact II rolled_back', next(3)],
  },
  {
    name: 'extended, error, another Sync, then a Query',
    script: `${extended}< 1\n< 2\n< G\n< E P0001\n> S\n< Z I\n< Z I\n> S\n< Z I\n> Q x\n< C X\n< Z I`,
    records: [
      '2 failed execute [copy t from stdin] copy-in=0/0 P0001 exact II rolled_back',
      '3 completed query [x] <X> exact II committed',
    ],
  },
  {
    name: 'extended, error amid the data, and an error behind it',
    script: `${extended}> d 1 5\n> c\n> S\n< 1\n< 2\n< G\n< E 23505\n< Z I\n> Q selec\n< E 42601\n< Z I`,
    records: [
      '2 failed execute [copy t from stdin] copy-in=1/5 23505 exact II rolled_back',
      '3 failed query [selec] 42601 exact II rolled_back',
    ],
  },
  {
    name: 'extended, a message behind an optional Sync that nobody can place',
    script: `${extended}> d 1 5\n> c\n> P -|select 1\n> B -|-\n> E -\n> S\n< 1\n< 2\n< G\n< E 23505\n< Z I`,
    records: [
      '2 failed execute [copy t from stdin] copy-in=1/5 23505 exact I-',
      '3 gap decode_lost: a COPY failed before messages that may or may not have been read',
      '4 lost execute [select 1] --',
      '5 tx unknown implicit 2-4',
    ],
  },
  {
    name: 'extended, the same when it arrives after the error',
    script: `${extended}< 1\n< 2\n< G\n< E 23505\n> Q select 1`,
    records: [
      '2 failed execute [copy t from stdin] copy-in=0/0 23505 exact I-',
      '3 gap decode_lost: a message after a failed COPY may or may not have been read',
      '4 lost query [select 1] --',
      '5 tx unknown implicit 2-4',
    ],
  },
  {
    name: 'a Sync that may be swallowed, then one with a body, which is answered with an error of its own',
    script: `> Q copy t from stdin\n> S\n> d 1 5\n> c\n> !S 00\n> S\n> Q x\n< G\n< E 22P02\n< Z I\n< E 08P01\n< Z I\n< Z I\n< C X\n< Z I`,
    records: [
      '2 failed query [copy t from stdin] copy-in=1/5 22P02 exact II rolled_back',
      '3 tx rolled_back implicit none 08P01',
      '4 completed query [x] <X> exact II committed',
    ],
  },
  {
    name: 'the same, the Sync before CopyDone answered',
    script: `> Q copy t from stdin\n> S\n> d 1 5\n> c\n> !S 00\n> S\n> Q x\n< G\n< E 22P02\n< Z I\n< Z I\n< E 08P01\n< Z I\n< Z I\n< C X\n< Z I`,
    records: [
      '2 failed query [copy t from stdin] copy-in=1/5 22P02 exact II rolled_back',
      '3 tx rolled_back implicit none 08P01',
      '4 completed query [x] <X> exact II committed',
    ],
  },
  {
    name: 'late CopyData, CopyDone and CopyFail are dropped [12]',
    script: `> Q copy t from stdin\n< G\n> d 1 4\n< E 22P02\n< Z I\n> d 2 9\n> c\n> d 1
        > f x\n> Q copy t from stdin\n> d 1 3\n> c\n< G\n< C COPY 1\n< Z I`,
    records: [
      '2 failed query [copy t from stdin] copy-in=1/4 22P02 exact II rolled_back',
      '3 completed query [copy t from stdin] <COPY 1> copy-in=1/3 exact II committed',
    ],
  },
  {
    name: 'another message in a COPY: ERROR, then FATAL [13]',
    script: '> Q copy t from stdin\n< G\n> Q select 1\n< E 08P01\n< E 08P01 FATAL lost\nclose server_closed',
    records: [
      '2 failed query [copy t from stdin] copy-in=0/0 08P01 exact I-',
      '3 lost query [select 1] --',
      '4 tx unknown implicit 2-3',
      '5 stretch 1 from 1: 2 statements, 1 failed',
      '6 closed server_closed 08P01',
    ],
  },
  {
    name: 'extended, another message behind a swallowed Sync: ERROR, then FATAL [13]',
    script: `${extended}> P -|select 1\n> B -|-\n> E -\n> S\n< 1\n< 2\n< G\n< E 08P01
        < E 08P01 FATAL lost\nclose server_closed`,
    records: [
      '2 failed execute [copy t from stdin] copy-in=0/0 08P01 exact I-',
      '3 lost execute [select 1] --',
      '4 tx unknown implicit 2-3',
      '5 stretch 1 from 1: 2 statements, 1 failed',
      '6 closed server_closed 08P01',
    ],
  },
  {
    name: 'one Query with several COPYs [15]',
    script: `> Q copy a from stdin; copy b from stdin; select 5\n> d 1 3\n> c\n> d 2 8\n> c
        < G\n< C COPY 1\n< G\n< C COPY 2\n< T\n< D 1\n< C SELECT 1\n< Z I`,
    records: [
      '2 completed query 1/3 [copy a from stdin] <COPY 1> copy-in=1/3 I-',
      '3 completed query 2/3 [copy b from stdin] <COPY 2> copy-in=2/8 --',
      '4 completed query 3/3 [select 5] <SELECT 1> rows=1 exact -I',
      '5 tx committed implicit 2-4',
    ],
  },
  {
    name: 'simple, Sync and Flush in copy mode',
    script: `> Q copy t from stdin\n< G\n> d 1 3\n> S\n> H\n> c\n< C COPY 1\n< Z I${after}`,
    records: ['2 completed query [copy t from stdin] <COPY 1> copy-in=1/3 exact II committed', next(3)],
  },
  {
    name: 'simple, Sync that was read after the error',
    script: `> Q copy t from stdin\n< G\n> d 1 3\n> S\n> c\n< E 22P02\n< Z I\n< Z I${after}`,
    records: ['2 failed query [copy t from stdin] copy-in=1/3 22P02 exact II rolled_back', next(3)],
  },
  {
    name: 'simple, Sync that was swallowed before the error',
    script: `> Q copy t from stdin\n< G\n> d 1 3\n> S\n> c\n< E 22P02\n< Z I${after}`,
    records: ['2 failed query [copy t from stdin] copy-in=1/3 22P02 exact II rolled_back', next(3)],
  },
  {
    name: 'COPY OUT, with a notice amid it',
    script: `> P -|copy t to stdout\n> B -|-\n> E -\n> S\n< 1\n< 2\n< H\n< d 3 24\n< N 00000
        < d 1 6\n< c\n< C COPY 4\n< Z I`,
    records: ['2 completed execute [copy t to stdout] <COPY 4> copy-out=4/30 exact II committed'],
  },
  {
    name: 'COPY OUT in a Query, failing amid the data',
    script: '> Q copy t to stdout; select 1\n< H\n< d 3 24\n< E 57014\n< Z I',
    records: ['2 cancelled query 1/2 [copy t to stdout; select 1] copy-out=3/24 57014 exact II rolled_back'],
  },
  {
    name: 'lost amid COPY IN',
    script: '> Q copy t from stdin\n< G\n> d 3 24\nclose client_closed',
    records: [
      '2 lost query [copy t from stdin] copy-in=3/24 exact I-',
      '3 tx unknown implicit 2-2',
      '4 stretch 1 from 1: 1 statements, 0 failed',
      '5 closed client_closed',
    ],
  },
];

describe('COPY', () => {
  it.each(cases)('$name', ({ script, records }) => {
    expect(play(script)).toEqual(records);
  });
});
