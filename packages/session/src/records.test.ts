/** Whole records, field by field. */
import { RecordLine } from '@pgtape/evidence';
import { bindBody, errorBody, int32, parseBody, startupBody } from './messages.testing.ts';
import { apply, last, ready, Stage, sent, short, told } from './script.testing.ts';

const sealed = { v: 1, reel: '0'.repeat(32), seq: 1, salt: '0'.repeat(16) };

describe('records', () => {
  it('opened: what the startup packet and the server said', () => {
    const stage = new Stage();
    apply(
      stage,
      { kind: 'startup', body: int32(8, 80877103) },
      {
        kind: 'startup',
        body: startupBody({ user: 'ann', application_name: 'old', replication: 'database' }, (3 << 16) | 2),
      },
      '< R 10',
      '< R 11',
      '< R 12',
      '< R 0',
      '< S application_name=psql',
      '< S server_version=18.4',
      '< K 4242',
      '< Z I',
    );
    expect(stage.records).toEqual([
      {
        kind: 'opened',
        at: '1700000000000010000',
        mono: '5000010000',
        session: '00112233445566ff-7',
        n: 1,
        start: '1700000000000000000',
        client: { address: '192.0.2.7', port: 50123 },
        server: { address: '127.0.0.2', port: 5432 },
        tls: true,
        protocol: '3.2',
        user: 'ann',
        database: 'ann',
        application_name: 'psql',
        auth: 'sasl',
        server_version: '18.4',
        pid: 4242,
        replication: 'database',
        ready: true,
      },
    ]);
  });

  it.each([
    { name: 'no challenge', codes: [0], auth: 'trust' },
    { name: 'nothing of authentication', codes: [], auth: 'none' },
    { name: 'password', codes: [3, 0], auth: 'password' },
    { name: 'md5', codes: [5, 0], auth: 'md5' },
    { name: 'gss', codes: [7, 8, 8, 0], auth: 'gss' },
    { name: 'sspi', codes: [9, 8, 0], auth: 'sspi' },
    { name: 'sasl', codes: [10, 11, 12, 0], auth: 'sasl' },
    { name: 'unknown code', codes: [99, 0], auth: 'trust' },
  ])('opened: auth $name', ({ codes, auth }) => {
    const stage = apply(new Stage(), ...codes.map((code) => `< R ${code}`), '< Z I');
    expect(stage.records[0]).toMatchObject({ auth, ready: true });
  });

  it('opened: a refused login, and a session that never said a word', () => {
    expect(
      apply(new Stage(), '< R 5', '< E 28P01 FATAL no', 'close server_closed').records.map(short),
    ).toEqual([
      '1 opened not ready',
      '2 stretch 1 from 1: 0 statements, 0 failed',
      '3 closed server_closed 28P01',
    ]);
    expect(apply(new Stage(), 'close client_closed').records.map(short)).toEqual([
      '1 opened not ready',
      '2 stretch 1 from 1: 0 statements, 0 failed',
      '3 closed client_closed',
    ]);
  });

  it('opened: a CancelRequest names the backend it is for', () => {
    const stage = apply(
      new Stage(),
      { kind: 'startup', body: int32(16, 80877102, 4242) },
      'close client_closed',
    );
    expect(stage.records[0]).toMatchObject({ protocol: 'cancel', pid: 4242, ready: false });
  });

  it('opened: what was sent ahead of the first ReadyForQuery is waited for', () => {
    expect(
      apply(new Stage(), '> Q select 1', '< R 0', '< Z I', '< T', '< C SELECT 0', '< Z I').records.map(short),
    ).toEqual(['1 opened ready', '2 completed query [select 1] <SELECT 0> exact II committed']);
  });

  it('statement: every field of a prepared execution', () => {
    const stage = ready();
    apply(
      stage,
      sent(
        'P',
        parseBody(
          's1',
          "select $1 /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/",
          [23],
        ),
      ),
      '> S',
      '< 1',
      '< Z I',
    );
    apply(
      stage,
      sent('B', bindBody('p1', 's1', [int32(7)], [1])),
      '> E p1 5',
      '> S',
      '< 2',
      '< D 2 30',
      '< C SELECT 2',
      '< Z I',
    );
    expect(last(stage)).toEqual({
      kind: 'statement',
      at: '1700000000000014000',
      mono: '5000014000',
      session: '00112233445566ff-7',
      n: 2,
      protocol: 'extended',
      sql: "select $1 /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/",
      statement: 's1',
      portal: 'p1',
      params: [{ v: '7', enc: 'text', format: 'binary', type: 'int4', oid: 23, len: 4 }],
      outcome: 'completed',
      stage: 'execute',
      tag: 'SELECT 2',
      rows: 2,
      returned_rows: 2,
      returned_bytes: 30,
      start: '1700000000000010000',
      first_ns: 3000,
      duration_ns: 4000,
      timing: 'exact',
      tx_before: 'I',
      tx_after: 'I',
      fate: 'committed',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });

  it('statement: an error with all its fields', () => {
    const stage = apply(
      ready(),
      '> Q insert 1',
      told(
        'E',
        errorBody({
          S: 'FEHLER',
          V: 'ERROR',
          C: '23505',
          M: 'dup',
          D: 'Key',
          H: 'do',
          P: '8',
          s: 'public',
          t: 't',
          c: 'a',
          n: 't_pkey',
          F: 'x.c',
        }),
      ),
      '< Z I',
    );
    expect(last(stage)).toMatchObject({
      outcome: 'failed',
      error: {
        severity: 'ERROR',
        sqlstate: '23505',
        message: 'dup',
        detail: 'Key',
        hint: 'do',
        position: '8',
        schema: 'public',
        table: 't',
        column: 'a',
        constraint: 't_pkey',
      },
    });
  });

  it.each(['', 'VERROR', 'VERROR\0', 'VERROR\0Czz\0\0', '\0\0'])(
    'statement: a malformed error %j is an error all the same',
    (body) => {
      const stage = apply(ready(), '> Q insert 1', told('E', Buffer.from(body)), '< Z I');
      expect(last(stage)).toMatchObject({
        outcome: 'failed',
        error: { sqlstate: 'XX000' },
        fate: 'rolled_back',
      });
    },
  );

  it('statement: a malformed tag completes, and leaves the transaction undecided', () => {
    const stage = apply(
      ready(),
      '> Q begin',
      told('C', Buffer.from('BEGIN')),
      '< Z T',
      '> Q commit',
      '< C COMMIT',
      '< Z I',
    );
    expect(stage.records.slice(1).map(short)).toEqual([
      '2 completed query [begin] exact IT',
      '3 completed query [commit] <COMMIT> exact TI',
      '4 tx unknown implicit 2-3',
    ]);
  });

  it('all kinds pass the schema', () => {
    const stage = ready({ stretchStatements: 2 });
    stage.run(`> P s|select $1|23\n> B -|s|1,x\n> E -\n> S\n< 1\n< 2\n< D 1\n< C SELECT 1\n< Z I
      > Q begin\n< C BEGIN\n< Z T
      > F 7|a\n< V\n< Z T\n> Q copy t to stdout\n< H\n< d 2\nwait 2\ntick\n< c\n< C COPY 2\n< Z T
      > Q commit\n< E 23505\n< Z I\n< C X\nclose error`);
    const kinds = new Set(stage.records.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual([
      'closed',
      'gap',
      'opened',
      'running',
      'statement',
      'stretch',
      'transaction',
    ]);
    for (const record of stage.records)
      expect(RecordLine.safeParse({ ...record, ...sealed })).toMatchObject({ success: true });
  });
});
