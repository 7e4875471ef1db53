/**
 * Bugs that other proxies shipped, each as an exchange with a real PostgreSQL, direct and recorded: pipelines, errors in them, prepared
 * statements. `of` is the number in peerBugs.test.ts.
 */
import { type PeerBug, RelayBench } from './relayBench.testing.ts';

let bench: RelayBench;
beforeAll(async () => {
  bench = await RelayBench.start();
});
afterAll(() => bench.stop());

const pipelines: readonly PeerBug[] = [
  {
    of: 1,
    bug: 'yugabyte-db#33915: a Query in the skip window owes no ReadyForQuery',
    script: `
      > P -|select nope
      > Q select 1
      > F 1598|
      < E.42703
      > Q select 2
      > S
      < Z.I
      > Q select 3
      < T D C.SELECT_1 Z.I`,
    records: [
      '2 failed parse [select nope] 42703 I-',
      '3 skipped query [select 1] --',
      '4 skipped function [function_call] --',
      '5 skipped query [select 2] -I',
      'tx rolled_back 2-5',
      '7 completed query [select 3] <SELECT 1> rows=1 II committed',
    ],
  },
  {
    of: 2,
    bug: 'duckgres#718, #730: what follows an error up to Sync is skipped, not run',
    script: `
      > Q create temp table t (i int)
      < C.CREATE_TABLE Z.I
      > P -|select 1/0
      > B -|-
      > E -
      > P -|insert into t values (1)
      > B -|-
      > E -
      > S
      < 1 E.22012 Z.I
      > Q select count(*) from t where i = 1
      < T D C.SELECT_1 Z.I`,
    records: [
      '2 completed query [create temp table t (i int)] <CREATE TABLE> II committed',
      '3 failed bind [select 1/0] 22012 I-',
      '4 skipped execute [select 1/0] --',
      '5 skipped execute [insert into t values (1)] -I',
      'tx rolled_back 3-5',
      '7 completed query [select count(*) from t where i = 1] <SELECT 1> rows=1 II committed',
    ],
  },
  {
    of: 3,
    bug: 'pglite#958: one ReadyForQuery for Sync, none for an error of the extended protocol',
    script: `
      > B -|missing
      < E.26000
      > B -|missing
      > S
      < Z.I
      > B -|missing
      > S
      < E.26000 Z.I`,
    records: [
      '2 failed bind [statement_not_seen] 26000 II rolled_back',
      '3 failed bind [statement_not_seen] 26000 II rolled_back',
    ],
  },
  {
    of: 4,
    bug: 'multigres#761: no ReadyForQuery on a Parse error, and ParameterDescription also for no parameters',
    script: `
      > P a|selec
      > H
      < E.42601
      > S
      < Z.I
      > P a|select 1
      > D S a
      > S
      < 1 t T Z.I
      > P b|create temp table t ()
      > D S b
      > S
      < 1 t n Z.I`,
    records: ['2 failed parse [selec] 42601 II rolled_back'],
  },
  {
    of: 5,
    bug: 'multigres#1274: an error is sent at once, without Flush or Sync',
    script: `
      > P -|selec
      < E.42601
      > S
      < Z.I`,
    records: ['2 failed parse [selec] 42601 II rolled_back'],
  },
  {
    of: 6,
    bug: "proxysql#5118, #5119: no Sync but the client's: the pipeline is one transaction",
    script: `
      > Q create temp table t (i int)
      < C.CREATE_TABLE Z.I
      > P ins|insert into t values (1)
      > B -|ins
      > E -
      > B -|ins
      > E -
      > P -|select 1/0
      > B -|-
      > E -
      > S
      < 1 2 C.INSERT_0_1 2 C.INSERT_0_1 1 E.22012 Z.I
      > Q select from t
      < T C.SELECT_0 Z.I`,
    records: [
      '2 completed query [create temp table t (i int)] <CREATE TABLE> II committed',
      '3 completed execute [insert into t values (1)] <INSERT 0 1> I-',
      '4 completed execute [insert into t values (1)] <INSERT 0 1> --',
      '5 failed bind [select 1/0] 22012 --',
      '6 skipped execute [select 1/0] -I',
      'tx rolled_back 3-6',
      '8 completed query [select from t] <SELECT 0> II committed',
    ],
  },
  {
    of: 7,
    bug: 'pgdog#876, #887, #913: a failed SET or PREPARE leaves nothing behind, and nothing is injected',
    script: `
      > Q set work_mem = 'much'
      < E.22023 Z.I
      > Q prepare p as select nope
      < E.42703 Z.I
      > Q select name from pg_prepared_statements union select name from pg_cursors
      < T C.SELECT_0 Z.I`,
    records: [
      "2 failed query [set work_mem = 'much'] 22023 II rolled_back",
      '3 failed query [prepare p as select nope] 42703 II rolled_back',
      '4 completed query [select name from pg_prepared_statements union select name from pg_cursors] <SELECT 0> II committed',
    ],
  },
  {
    of: 8,
    bug: 'pgdog#1508, #1550: a trailing Describe without Flush waits, and deadlocks nobody',
    script: `
      > P a|select 1
      > S
      > D S a
      < 1 Z.I
      > H
      < t T
      > D S a
      > Q select 2
      < t T T D C.SELECT_1 Z.I`,
    records: ['2 completed query [select 2] <SELECT 1> rows=1 II committed'],
  },
  {
    of: 9,
    bug: 'pgcat#953: Flush is handed on (describe first, then bind)',
    script: `
      > P -|select $1::int
      > D S -
      > H
      < 1 t T
      > B -|-|5
      > E -
      > S
      < 2 D C.SELECT_1 Z.I`,
    records: ['2 completed execute [select $1::int] (5) <SELECT 1> rows=1 II committed'],
  },
  {
    of: 10,
    bug: 'pgpool2#59: PortalSuspended arrives on Flush, and the portal goes on',
    script: `
      > P -|select generate_series(1, 5)
      > B p|-
      > E p 2
      > H
      < 1 2 D*2 s
      > E p 2
      > H
      < D*2 s
      > E p 2
      > E p 2
      > S
      < D C.SELECT_1 C.SELECT_0 Z.I`,
    records: [
      '2 suspended execute [select generate_series(1, 5)] rows=2 I-',
      '3 suspended execute [select generate_series(1, 5)] rows=2 continues 2 --',
      '4 completed execute [select generate_series(1, 5)] <SELECT 1> rows=1 continues 2 --',
      '5 completed execute [select generate_series(1, 5)] <SELECT 0> continues 2 -I',
      'tx committed 2-5',
    ],
  },
  {
    of: 19,
    bug: 'pgbouncer#1555: CloseComplete keeps its place behind ParseComplete, and the next client finds a clean queue',
    script: `
      > C S a
      > P a|select 1
      > C S a
      > P a|select 2
      > B p|a
      > C P p
      > C S missing
      > S
      < 3 1 3 1 2 3 3 Z.I
      > P a|select 3
      > C S a
      > S
      < E.42P05 Z.I`,
    records: ['2 failed parse [select 3] 42P05 II rolled_back'],
  },
  {
    of: 20,
    bug: 'pgbouncer#52: Q, P, D, B, E and S in one packet',
    script: `
      > Q select 1
      > P -|select 2
      > D S -
      > B -|-
      > E -
      > S
      > Q
      > Q select 3
      < T D C.SELECT_1 Z.I 1 t T 2 D C.SELECT_1 Z.I I Z.I T D C.SELECT_1 Z.I`,
    records: [
      '2 completed query [select 1] <SELECT 1> rows=1 II committed',
      '3 completed execute [select 2] <SELECT 1> rows=1 II committed',
      '4 empty query [] II committed',
      '5 completed query [select 3] <SELECT 1> rows=1 II committed',
    ],
  },
  {
    of: 22,
    bug: 'crate#10979: flushed executions are answered before ReadyForQuery',
    script: `
      > P -|select 1
      > B -|-
      > E -
      > H
      < 1 2 D C.SELECT_1
      > E -
      > H
      < C.SELECT_0
      > S
      < Z.I`,
    records: [
      '2 completed execute [select 1] <SELECT 1> rows=1 I-',
      '3 completed execute [select 1] <SELECT 0> continues 2 -I',
      'tx committed 2-3',
    ],
  },
];

const names: readonly PeerBug[] = [
  {
    of: 23,
    bug: 'supavisor#1175: the name of a failed Parse is free',
    script: `
      > Q begin
      < C.BEGIN Z.T
      > P a|selec
      > S
      < E.42601 Z.E
      > P a|select 1
      > S
      < E.25P02 Z.E
      > Q rollback
      < C.ROLLBACK Z.I
      > P a|select 2
      > B -|a
      > E -
      > S
      < 1 2 D C.SELECT_1 Z.I`,
    records: [
      '2 completed query [begin] <BEGIN> IT',
      '3 failed parse [selec] 42601 TE',
      '4 failed parse [select 1] 25P02 EE',
      '5 completed query [rollback] <ROLLBACK> EI',
      'tx rolled_back 2-5',
      '7 completed execute [select 2] <SELECT 1> rows=1 II committed',
    ],
  },
  {
    of: 24,
    bug: 'supavisor#1174: a Describe on its own',
    script: `
      > P a|select 1
      > S
      < 1 Z.I
      > D S a
      > S
      < t T Z.I
      > D P a
      > S
      < E.34000 Z.I`,
    records: ['2 failed describe [portal_not_seen] 34000 II rolled_back'],
  },
  {
    of: 25,
    bug: 'pgdog#1402: DISCARD ALL and DEALLOCATE ALL let go of every statement',
    script: `
      > P a|select 1
      > P b|select 2
      > S
      < 1 1 Z.I
      > Q discard all
      < C.DISCARD_ALL Z.I
      > B -|a
      > S
      < E.26000 Z.I
      > P a|select 3
      > S
      < 1 Z.I
      > Q deallocate all
      < C.DEALLOCATE_ALL Z.I
      > B -|a
      > S
      < E.26000 Z.I`,
    records: [
      '2 completed query [discard all] <DISCARD ALL> II committed',
      '3 failed bind [statement_not_seen] 26000 II rolled_back',
      '4 completed query [deallocate all] <DEALLOCATE ALL> II committed',
      '5 failed bind [statement_not_seen] 26000 II rolled_back',
    ],
  },
  {
    of: 26,
    bug: 'multigres#1087: after DISCARD ALL the same name has another text',
    script: `
      > P a|select 1
      > P -|discard all
      > B -|-
      > E -
      > S
      < 1 1 2 C.DISCARD_ALL Z.I
      > P a|select 'other'
      > B -|a
      > E -
      > S
      < 1 2 D C.SELECT_1 Z.I`,
    records: [
      '2 completed execute [discard all] <DISCARD ALL> II committed',
      "3 completed execute [select 'other'] <SELECT 1> rows=1 II committed",
    ],
  },
  {
    of: 27,
    bug: 'pgbouncer#1472, pgcat#647: a statement that failed is not remembered',
    script: `
      > P a|select nope
      > B -|a
      > E -
      > S
      < E.42703 Z.I
      > B -|a
      > E -
      > S
      < E.26000 Z.I
      > P -|select 1
      > S
      < 1 Z.I
      > P -|selec
      > S
      < E.42601 Z.I
      > B -|-
      > E -
      > S
      < E.26000 Z.I`,
    records: [
      '2 failed parse [select nope] 42703 I-',
      '3 skipped execute [select nope] -I',
      'tx rolled_back 2-3',
      '5 failed bind [statement_not_seen] 26000 I-',
      '6 skipped execute [statement_not_seen] -I',
      'tx rolled_back 5-6',
      '8 failed parse [selec] 42601 II rolled_back',
      '9 failed bind [statement_not_seen] 26000 I-',
      '10 skipped execute [statement_not_seen] -I',
      'tx rolled_back 9-10',
    ],
  },
  {
    of: 56,
    bug: 'an error of the commit itself, at Sync',
    script: `
      > Q create temp table t (i int unique deferrable initially deferred)
      < C.CREATE_TABLE Z.I
      > P ins|insert into t values (1)
      > B -|ins
      > E -
      > B -|ins
      > E -
      > S
      < 1 2 C.INSERT_0_1 2 C.INSERT_0_1 E.23505 Z.I
      > Q insert into t values (2), (2); select 1
      < C.INSERT_0_2 T D E.23505 Z.I`,
    records: [
      '2 completed query [create temp table t (i int unique deferrable initially deferred)] <CREATE TABLE> II committed',
      '3 completed execute [insert into t values (1)] <INSERT 0 1> I-',
      '4 completed execute [insert into t values (1)] <INSERT 0 1> --',
      'tx rolled_back 3-4 23505',
      '6 completed query [insert into t values (2), (2)] <INSERT 0 2> I-',
      '7 failed query [select 1] rows=1 23505 -I',
      'tx rolled_back 6-7',
    ],
  },
  {
    of: 57,
    bug: 'rows of a suspended portal are counted, the tag counts the last chunk only',
    script: `
      > P -|select generate_series(1, 5)
      > B -|-
      > E - 2
      > E - 2
      > E - 2
      > S
      < 1 2 D*2 s D*2 s D C.SELECT_1 Z.I`,
    records: [
      '2 suspended execute [select generate_series(1, 5)] rows=2 I-',
      '3 suspended execute [select generate_series(1, 5)] rows=2 continues 2 --',
      '4 completed execute [select generate_series(1, 5)] <SELECT 1> rows=1 continues 2 -I',
      'tx committed 2-4',
    ],
  },
];

describe('pipelines', () => {
  it.each(pipelines)('$of $bug', async ({ script, records }) => {
    expect(await bench.both(script)).toEqual(records);
  });
});

describe('names', () => {
  it.each(names)('$of $bug', async ({ script, records }) => {
    expect(await bench.both(script)).toEqual(records);
  });
});
