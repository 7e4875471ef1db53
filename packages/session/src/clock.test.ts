/** The part of the clock in records, what a sink may do, and the walsender. */
import { startupBody } from './messages.testing.ts';
import { apply, last, play, ready, Stage, short, startup } from './script.testing.ts';

describe('the clock', () => {
  it.each([
    {
      name: 'Execute and Sync together',
      script: '> P -|x\n> B -|-\n> E -\n> S\n< 1\n< 2\n< C X\n< Z I',
      timing: ['exact'],
    },
    {
      name: 'Execute and Flush together',
      script: '> P -|x\n> B -|-\n> E -\n> H\n< 1\n< 2\n< C X\n> S\n< Z I',
      timing: ['exact'],
    },
    {
      name: 'Sync much later',
      script: '> P -|x\n> B -|-\n> E -\nwait 1\n> S\n< 1\n< 2\n< C X\n< Z I',
      timing: ['batched'],
    },
    {
      name: 'two in a batch',
      script: '> P -|x\n> B -|-\n> E -\n> E -\n> S\n< 1\n< 2\n< C X\n< C X\n< Z I',
      timing: ['batched', 'batched'],
    },
    {
      name: 'two batches sent together',
      script: '> P -|x\n> B -|-\n> E -\n> S\n> E -\n> S\n< 1\n< 2\n< C X\n< Z I\n< C X\n< Z I',
      timing: ['exact', 'exact'],
    },
    {
      name: 'Query behind an Execute',
      script: '> P -|x\n> B -|-\n> E -\n> Q y\n< 1\n< 2\n< C X\n< C Y\n< Z I',
      timing: ['batched', 'batched'],
    },
    { name: 'the last of a string', script: '> Q x; y\n< C X\n< C Y\n< Z I', timing: ['batched', 'exact'] },
  ])('timing: $name', ({ script, timing }) => {
    const stage = ready().run(script);
    expect(stage.records.flatMap((record) => (record.kind === 'statement' ? [record.timing] : []))).toEqual(
      timing,
    );
  });

  it('running: once a statement, after a second, whatever its replies wait behind', () => {
    const script = `> P -|select pg_sleep(9)\n> B -|-\n> E -\n> S\ntick\nwait 1\ntick\nwait 1\ntick
        < 1\n< 2\n< D 1\ntick\n< C SELECT 1\n< Z I`;
    expect(play(script)).toEqual([
      '2 running extended select pg_sleep(9)',
      '3 completed execute [select pg_sleep(9)] <SELECT 1> rows=1 exact II committed',
    ]);
  });

  it('running: not for an Execute nobody asked the reply of, nor for one behind a Sync', () => {
    expect(play('> P -|x\n> B -|-\n> E -\nwait 5\ntick\n> H\ntick')).toEqual(['2 running extended x']);
    expect(play('> P -|x\n> S\n> B -|-\n> E -\n> S\nwait 5\ntick')).toEqual([]);
  });

  it('running: each statement of a string, a FunctionCall, a COPY BOTH', () => {
    expect(play('> Q x; y\nwait 2\ntick\n< C X\nwait 2\ntick\n< C Y\ntick\n< Z I')).toEqual([
      '2 running simple x',
      '3 completed query 1/2 [x] <X> I-',
      '4 running simple y',
      '5 completed query 2/2 [y] <Y> exact --',
      '6 tx committed implicit 3-5',
    ]);
    expect(play('> F 7|\nwait 2\ntick\n< V\nwait 2\ntick\n< Z I')).toEqual([
      '2 running function ?',
      '3 completed function [function_call] exact I-',
      '4 tx committed implicit 3-3',
    ]);
  });

  it.each([
    {
      name: 'EXECUTE of what SQL prepared, with its secret left out',
      script: "> Q prepare p as create role x password 'hunter2'\n< C PREPARE\n< Z I\n> Q execute p\n",
      sql: 'execute p',
      runs: { name: 'p', sql: "create role x password '[redacted]'" },
    },
    {
      name: 'an Execute of what SQL prepared',
      script: '> Q prepare p as select 1\n< C PREPARE\n< Z I\n> B -|p\n> E -\n> S\n',
      sql: 'prepare p as select 1',
      runs: { name: 'p', sql: 'select 1' },
    },
    {
      name: 'FETCH of a cursor that nobody saw declared',
      script: '> Q fetch c\n',
      sql: 'fetch c',
      runs: { name: 'c', sql: null, sql_unknown: 'portal_not_seen' },
    },
    { name: 'what names nothing', script: '> Q select 1\n', sql: 'select 1', runs: undefined },
  ])('running: what a name stands for: $name', ({ script, sql, runs }) => {
    const told = ready()
      .run(`${script}wait 2\ntick`)
      .records.find(({ kind }) => kind === 'running');
    expect(told).toMatchObject({ kind: 'running', sql, ...(runs !== undefined && { runs }) });
    expect(told !== undefined && 'runs' in told).toBe(runs !== undefined);
  });

  it('stretches: by number of statements, by age, and at the end', () => {
    const one = '> Q x\n< C X\n< Z I\n';
    const records = play(`${one}${one}${one}wait 950\ntick\ntick\nwait 950\ntick\n${one}close terminated`, {
      stretchStatements: 2,
    });
    expect(records.filter((record) => !record.includes('query'))).toEqual([
      '4 stretch 1 from 1: 2 statements, 0 failed',
      '6 stretch 2 from 5: 1 statements, 0 failed',
      '8 stretch 3 from 7: 1 statements, 0 failed',
      '9 closed terminated',
    ]);
  });

  it('stretches: a pipeline without an end is told in stretches too', () => {
    const script = `> P -|x\n> B -|-\n${'> E -\n'.repeat(4)}> H\n< 1\n< 2\n${'< C X\n'.repeat(4)}`;
    expect(play(script, { stretchStatements: 2 }).filter((record) => record.includes('stretch'))).toEqual([
      '4 stretch 1 from 1: 2 statements, 0 failed',
    ]);
  });

  it('closed: totals', () => {
    const stage = ready().run(
      `> Q x\n< T\n< D 3 33\n< C SELECT 3\n< Z I\n> Q copy t to stdout\n< H\n< d 2 20
        < c\n< C COPY 2\n< Z I\n> Q y\n< E 42601\n< Z I\nwait 3\nclose server_closed`,
    );
    expect(last(stage)).toEqual({
      kind: 'closed',
      at: '1700000003000020000',
      mono: '8000020000',
      session: '00112233445566ff-7',
      n: 6,
      why: 'server_closed',
      duration_ns: 3_000_020_000,
      statements: 3,
      failed: 1,
      rows: 3,
      bytes: 53,
      bytes_from_client: 11,
      bytes_from_server: 22,
    });
    expect(stage.machine.lastN).toBe(6);
  });

  it('lastN and statements tell what was put out, not what is held', () => {
    const stage = ready().run('> Q x\n< C X');
    expect([stage.machine.lastN, stage.machine.statements]).toEqual([1, 0]);
    stage.run('< Z I');
    expect([stage.machine.lastN, stage.machine.statements, stage.machine.decoding]).toEqual([2, 1, true]);
  });
});

describe('walsender', () => {
  it('a replication command is one statement, whatever it answers with', () => {
    const stage = new Stage();
    apply(stage, { kind: 'startup', body: startupBody({ user: 'r', replication: 'true' }) });
    stage.run(`${startup}
      > Q IDENTIFY_SYSTEM\n< T\n< D 1 40\n< C IDENTIFY_SYSTEM\n< Z I
      > Q BASE_BACKUP (wal)\n< T\n< D 1\n< C SELECT\n< T\n< D 2\n< C SELECT\n< H
      < d 5 500\n< c\n< T\n< D 1\n< C SELECT\n< C BASE_BACKUP\n< Z I
      > Q START_REPLICATION 0/0\n< W\n< d 2 200\n> d 1 34\nwait 2\ntick\n< d 1 50\n> c
      < c\n< C COPY 0\n< C START_REPLICATION\n< Z I
      > Q select 1\n< T\n< D 1\n< C SELECT 1\n< Z I
      > Q TIMELINE_HISTORY 9\n< E 58P01\n< Z I`);
    expect(stage.records.slice(1).map(short)).toEqual([
      '2 completed query [IDENTIFY_SYSTEM] <IDENTIFY_SYSTEM> rows=1 exact II committed',
      '3 completed query [BASE_BACKUP (wal)] <BASE_BACKUP> rows=4 copy-out=5/500 exact II committed',
      '4 running replication START_REPLICATION 0/0',
      '5 completed query [START_REPLICATION 0/0] <START_REPLICATION> copy-both=4/284 exact II committed',
      '6 completed query [select 1] <SELECT 1> rows=1 exact II committed',
      '7 failed query [TIMELINE_HISTORY 9] 58P01 exact II rolled_back',
    ]);
  });
});

describe('a sink that throws', () => {
  it('is its owner\u2019s affair: nothing is caught', () => {
    const stage = ready();
    stage.record = () => {
      throw new Error('disk full');
    };
    expect(() => stage.run('> Q x\n< C X\n< Z I')).toThrow('disk full');
  });
});
