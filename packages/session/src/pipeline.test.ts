/**
 * Sessions as transcripts: which message every reply belongs to. Numbers in brackets are the probes of real
 * servers.
 */
import { play } from './script.testing.ts';

interface Case {
  readonly name: string;
  readonly script: string;
  readonly records: string[];
}

const simple: Case[] = [
  {
    name: 'one statement',
    script: '> Q select 1\n< T\n< D 3 40\n< C SELECT 3\n< Z I',
    records: ['2 completed query [select 1] <SELECT 3> rows=3 exact II committed'],
  },
  {
    name: 'n-th tag is n-th statement',
    script: '> Q select 1; insert 2\n< T\n< D 1\n< C SELECT 1\n< C INSERT 0 1\n< Z I',
    records: [
      '2 completed query 1/2 [select 1] <SELECT 1> rows=1 I-',
      '3 completed query 2/2 [insert 2] <INSERT 0 1> exact -I',
      '4 tx committed implicit 2-3',
    ],
  },
  {
    name: 'empty query',
    script: '> Q \n< I\n< Z I\n> Q ; -- x\n< I\n< Z I',
    records: ['2 empty query [] exact II committed', '3 empty query [; -- x] exact II committed'],
  },
  {
    name: 'an error takes the rest of the string [A7]',
    script: '> Q insert 1; selec; insert 3; insert 4\n< C INSERT 0 1\n< E 42601\n< Z I',
    records: [
      '2 completed query 1/4 [insert 1] <INSERT 0 1> I-',
      '3 failed query 2/4 [selec; insert 3; insert 4] 42601 exact -I',
      '4 tx rolled_back implicit 2-3',
    ],
  },
  {
    name: 'a rule adds a result of its own to a statement',
    script: '> Q insert 1; select 8\n< T\n< D 1\n< T\n< D 1\n< C INSERT 0 1\n< T\n< D 1\n< C SELECT 1\n< Z I',
    records: [
      '2 completed query 1/2 [insert 1] <INSERT 0 1> rows=2 I-',
      '3 completed query 2/2 [select 8] <SELECT 1> rows=1 exact -I',
      '4 tx committed implicit 2-3',
    ],
  },
  {
    name: 'more tags than statements were found: no text is guessed',
    script: '> Q select 1\n< T\n< C SELECT 0\n< T\n< C SELECT 0\n< Z I',
    records: [
      '2 completed query [select 1] <SELECT 0> exact I-',
      '3 completed query 2/2 [undecodable] <SELECT 0> exact -I',
      '4 tx committed implicit 2-3',
    ],
  },
  {
    name: 'fewer tags than statements were found: the rest is lost, not dropped',
    script: '> Q select 1; select 2; select 3\n< T\n< C SELECT 0\n< Z I',
    records: [
      '2 completed query 1/3 [select 1] <SELECT 0> I-',
      '3 lost query 2/3 [select 2; select 3] exact -I',
      '4 tx committed implicit 2-3',
    ],
  },
  {
    name: 'cancelled is told from failed',
    script: '> Q select pg_sleep(9)\n< E 57014\n< Z I',
    records: ['2 cancelled query [select pg_sleep(9)] 57014 exact II rolled_back'],
  },
  {
    name: 'asynchronous messages stand anywhere and pop nothing [N2]',
    script: '> Q listen x\n< N 00000\n< C LISTEN\n< A\n< S TimeZone=UTC\n< Z I\n< A\n< S a=b\n< N 00000',
    records: ['2 completed query [listen x] <LISTEN> exact II committed'],
  },
  {
    name: 'strings are read as the server says it reads them',
    script: `> Q set standard_conforming_strings=off\n< C SET\n< S standard_conforming_strings=off\n< Z I
      > Q select 'a\\';b'; select 2\n< T\n< D 1\n< C SELECT 1\n< T\n< D 1\n< C SELECT 1\n< Z I`,
    records: [
      '2 completed query [set standard_conforming_strings=off] <SET> exact II committed',
      "3 completed query 1/2 [select 'a\\';b'] <SELECT 1> rows=1 I-",
      '4 completed query 2/2 [select 2] <SELECT 1> rows=1 exact -I',
      '5 tx committed implicit 3-4',
    ],
  },
  {
    name: 'FunctionCall',
    script: '> F 1344|4\n< V\n< Z I\n> F 99999|\n< E 42883\n< Z I',
    records: [
      '2 completed function [function_call] (4) exact II committed',
      '3 failed function [function_call] 42883 exact II rolled_back',
    ],
  },
];

const skipWindow: Case[] = [
  {
    name: 'P B D E C H and also Q and F are swallowed until Sync [1]',
    script: `> P -|select nope\n> B -|-\n> D P -\n> E -\n> H\n> Q select 1\n> F 1598|1\n> C S -\n> S
      < E 42703\n< Z I\n> Q select 2\n< T\n< D 1\n< C SELECT 1\n< Z I`,
    records: [
      '2 failed parse [select nope] 42703 I-',
      '3 skipped execute [select nope] --',
      '4 skipped query [select 1] --',
      '5 skipped function [function_call] (1) -I',
      '6 tx rolled_back implicit 2-5',
      '7 completed query [select 2] <SELECT 1> rows=1 exact II committed',
    ],
  },
  {
    name: 'what arrives after the error, before Sync, is swallowed too [2]',
    script: '> P a|select nope\n< E 42703\n> B -|a|7\n> E -\n> Q select 1\n> !H 00\n> S\n< Z I',
    records: [
      '2 failed parse [select nope] 42703 I-',
      '3 skipped execute [select nope] (7) --',
      '4 skipped query [select 1] -I',
      '5 tx rolled_back implicit 2-4',
    ],
  },
  {
    name: 'an error is flushed at once, alone [3]',
    script: '> P -|selec\n< E 42601\n> S\n< Z I',
    records: ['2 failed parse [selec] 42601 II rolled_back'],
  },
  {
    name: 'the pipeline behind the next Sync runs',
    script: `> P a|select 1\n> B -|a\n> E -\n> S\n> B -|a\n> E -\n> S
      < 1\n< 2\n< E 22012\n< Z I\n< 2\n< D 1\n< C SELECT 1\n< Z I`,
    records: [
      '2 failed execute [select 1] 22012 exact II rolled_back',
      '3 completed execute [select 1] <SELECT 1> rows=1 exact II committed',
    ],
  },
  {
    name: 'an Execute whose Bind was swallowed is not taken for an older portal',
    script: `> P a|select 1\n> B p|a\n> S\n< 1\n< 2\n< Z T\n> P -|selec\n> B p|-\n> E p
        > C P p\n> E p\n> S\n< E 42601\n< Z E`,
    records: [
      '2 failed parse [selec] 42601 T-',
      '3 skipped execute [selec] --',
      '4 skipped execute [portal_not_seen] -E',
    ],
  },
  {
    name: 'error at Sync: a deferred constraint [D1]',
    script: `> P -|insert 1\n> B -|-\n> E -\n> B -|-\n> E -\n> S
      < 1\n< 2\n< C INSERT 0 1\n< 2\n< C INSERT 0 1\n< E 23505\n< Z I\n> Q select 1\n< T\n< C SELECT 0
      < Z I`,
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> I-',
      '3 completed execute [insert 1] <INSERT 0 1> --',
      '4 tx rolled_back implicit 2-3 23505',
      '5 completed query [select 1] <SELECT 0> exact II committed',
    ],
  },
  {
    name: 'in a Query the commit error replaces the last tag [D3]',
    script: '> Q insert 7; select 7\n< C INSERT 0 1\n< T\n< D 1\n< E 23505\n< Z I',
    records: [
      '2 completed query 1/2 [insert 7] <INSERT 0 1> I-',
      '3 failed query 2/2 [select 7] rows=1 23505 exact -I',
      '4 tx rolled_back implicit 2-3',
    ],
  },
  {
    name: 'Query behind un-synced Executes, PostgreSQL 15: idle [5]',
    script: `> P -|insert 1\n> B -|-\n> E -\n> Q insert 2\n< 1\n< 2\n< C INSERT 0 1
        < C INSERT 0 1\n< Z I\n> S\n< Z I`,
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> I-',
      '3 completed query [insert 2] <INSERT 0 1> -I',
      '4 tx committed implicit 2-3',
    ],
  },
  {
    name: 'Query behind un-synced Executes, PostgreSQL 18: its Sync proves nothing [6]',
    script: `> P -|insert 1\n> B -|-\n> E -\n> Q insert 2\n< 1\n< 2\n< C INSERT 0 1\n< C INSERT 0 1
      < Z T\n> S\n< Z I
      > Q select 1\n< E XX000\n< Z I`,
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> I-',
      '3 completed query [insert 2] <INSERT 0 1> -T',
      '4 tx unknown implicit 2-3',
      '5 failed query [select 1] XX000 exact II rolled_back',
    ],
  },
  {
    name: 'the same block ended by COMMIT is committed [6]',
    script: `> P -|insert 1\n> B -|-\n> E -\n> Q insert 2\n< 1\n< 2\n< C INSERT 0 1\n< C INSERT 0 1\n< Z T
      > Q commit\n< N 25P01\n< C COMMIT\n< Z I`,
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> I-',
      '3 completed query [insert 2] <INSERT 0 1> -T',
      '4 completed query [commit] <COMMIT> exact TI',
      '5 tx committed implicit 2-4',
    ],
  },
  {
    name: 'Query in the skip window owes no ReadyForQuery (yugabyte-db#33915)',
    script: '> P -|selec\n> Q select 1\n< E 42601\n> S\n< Z I\n> Q select 2\n< T\n< C SELECT 0\n< Z I',
    records: [
      '2 failed parse [selec] 42601 I-',
      '3 skipped query [select 1] -I',
      '4 tx rolled_back implicit 2-3',
      '5 completed query [select 2] <SELECT 0> exact II committed',
    ],
  },
  {
    name: 'VACUUM before the error may have committed [30]',
    script: '> P -|vacuum t\n> B -|-\n> E -\n> P -|select nope\n> S\n< 1\n< 2\n< C VACUUM\n< E 42703\n< Z I',
    records: [
      '2 completed execute [vacuum t] <VACUUM> I-',
      '3 failed parse [select nope] 42703 -I',
      '4 tx unknown implicit 2-3',
    ],
  },
  {
    name: 'Sync, Flush, Describe and Close with malformed bodies are errors of their own',
    script: `> P -|insert 1\n> B -|-\n> E -\n> !S 00\n< 1\n< 2\n< C INSERT 0 1\n< E 08P01\n< Z I
      > !C 5800\n> S\n< E 08P01\n< Z I\n> !D 5800\n> S\n< E 08P01\n< Z I\n> !H 00\n< E 08P01\n> S\n< Z I`,
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> exact I-',
      '3 tx rolled_back implicit 2-2 08P01',
      '4 tx rolled_back implicit none 08P01',
      '5 failed describe [undecodable] 08P01 II rolled_back',
      '6 tx rolled_back implicit none 08P01',
    ],
  },
  {
    name: 'FATAL loses everything outstanding',
    script: `> P -|insert 1\n> B -|-\n> E -\n> P -|select 2\n> B -|-\n> E -\n> S\n> Q select 3
      < 1\n< 2\n< C INSERT 0 1\n< 1\n< 2\n< D 1\n< E 57P01 FATAL bye\n< E 57P01 FATAL again
      close server_closed`,
    records: [
      '2 completed execute [insert 1] <INSERT 0 1> I-',
      '3 lost execute [select 2] rows=1 --',
      '4 lost query [select 3] --',
      '5 tx unknown implicit 2-4',
      '6 stretch 1 from 1: 3 statements, 0 failed',
      '7 closed server_closed 57P01',
    ],
  },
  {
    name: 'what is sent behind Terminate is read by nobody',
    script: `> Q select 1\n> X\n> Q drop table t\n> P -|select 2\n> B -|-\n> E -\n> S
      < T\n< D 1\n< C SELECT 1\n< Z I\nclose terminated`,
    records: [
      '2 completed query [select 1] <SELECT 1> rows=1 exact II committed',
      '3 skipped query [drop table t] I-',
      '4 skipped execute [select 2] --',
      '5 tx rolled_back implicit 3-4',
      '6 stretch 1 from 1: 3 statements, 0 failed',
      '7 closed terminated',
    ],
  },
  {
    name: 'what is sent after a FATAL error is read by nobody',
    script: `> Q begin\n< C BEGIN\n< Z T\n> Q select 1\n< E 57P01 FATAL bye\n> Q commit\nclose server_closed`,
    records: [
      '2 completed query [begin] <BEGIN> exact IT',
      '3 lost query [select 1] exact T-',
      '4 tx rolled_back explicit 2-3',
      '5 skipped query [commit] --',
      '6 tx rolled_back implicit 5-5',
      '7 stretch 1 from 1: 3 statements, 0 failed',
      '8 closed server_closed 57P01',
    ],
  },
  {
    name: 'FATAL with nothing outstanding ends the session',
    script: '< E 57P05 FATAL idle\nclose server_closed',
    records: ['2 stretch 1 from 1: 0 statements, 0 failed', '3 closed server_closed 57P05'],
  },
];

const misfits: Case[] = [
  {
    name: 'a tag nobody asked for',
    script: '< C SELECT 1',
    records: ['2 gap decode_lost: CommandComplete does not fit idle'],
  },
  {
    name: 'ReadyForQuery nobody asked for',
    script: '< Z I',
    records: ['2 gap decode_lost: ReadyForQuery does not fit idle'],
  },
  {
    name: 'an error nobody asked for',
    script: '< E 42601',
    records: ['2 gap decode_lost: ErrorResponse does not fit idle'],
  },
  {
    name: 'a type byte protocol 3 does not have',
    script: '< !y 00',
    records: ['2 gap decode_lost: unknown_0x79 does not fit idle'],
  },
  {
    name: 'out of order',
    script: '> P -|select 1\n> B -|-\n> E -\n> S\n< 2\n< 1\n> Q select 2\n< Z I',
    records: [
      '2 gap decode_lost: BindComplete does not fit parse',
      '3 lost execute [select 1] I-',
      '4 tx unknown implicit 3-3',
    ],
  },
  {
    name: 'a row without its description',
    script: '> Q select 1\n< D 1',
    records: [
      '2 gap decode_lost: DataRow does not fit query',
      '3 lost query [select 1] exact I-',
      '4 tx unknown implicit 3-3',
    ],
  },
  {
    name: 'ReadyForQuery with a malformed body',
    script: '> Q select 1\n< T\n< C SELECT 0\n< !Z 4949',
    records: [
      '2 completed query [select 1] <SELECT 0> exact I-',
      '3 gap decode_lost: ReadyForQuery does not fit queryNext',
      '4 tx unknown implicit 2-2',
    ],
  },
  {
    name: 'after the gap only the end is told',
    script: '< C x\n> Q select 1\ntick\n< Z I\nlost\nclose client_closed\nclose terminated\n> Q x',
    records: [
      '2 gap decode_lost: CommandComplete does not fit idle',
      '3 stretch 1 from 1: 0 statements, 0 failed',
      '4 closed client_closed',
    ],
  },
];

describe('SessionMachine', () => {
  it.each(simple)('simple protocol: $name', ({ script, records }) => {
    expect(play(script)).toEqual(records);
  });
  it.each(skipWindow)('errors: $name', ({ script, records }) => {
    expect(play(script)).toEqual(records);
  });
  it.each(misfits)('never guesses: $name', ({ script, records }) => {
    expect(play(script)).toEqual(records);
  });
});
