/** What records keep of long and secret texts and of parameters. */
import { hash } from 'node:crypto';
import { bindBody, errorBody, int16, int32, parseBody, text } from './messages.testing.ts';
import { apply, type Event, last, play, ready, sent, short, told } from './script.testing.ts';

describe('parameters', () => {
  it('types: Parse first, then ParameterDescription, which may come after the Bind was read', () => {
    const stage = ready();
    apply(
      stage,
      sent('P', parseBody('', 'select $1, $2, $3', [0, 25])),
      '> D S -',
      sent('B', bindBody('', '', [int16(7), 'x', null], [1, 0, 0])),
      '> E -',
      '> S',
    );
    apply(stage, '< 1', '< t 21,25,1043', '< T', '< 2', '< D 1', '< C SELECT 1', '< Z I');
    expect(last(stage)).toMatchObject({
      params: [
        { v: '7', enc: 'text', format: 'binary', type: 'int2', oid: 21, len: 2 },
        { v: 'x', enc: 'text', format: 'text', type: 'text', oid: 25, len: 1 },
        { v: null, enc: 'text', format: 'text', type: 'varchar', oid: 1043, len: -1 },
      ],
    });
  });

  it('bounds: long values cut with their hash, many values cut in number', () => {
    const stage = ready({ paramBytesMax: 8, paramsMax: 3 });
    const long = 'ab\u00e9'.repeat(2000);
    apply(
      stage,
      sent('P', parseBody('', 'select 1', [25, 25, 23])),
      sent('B', bindBody('', '', [long, 'short', Buffer.alloc(900), 'fourth'], [0, 0, 1, 0])),
      '> E -',
      '> S',
    );
    apply(stage, '< 1', '< 2', '< C SELECT 1', '< Z I');
    const { params } = last(stage) as { params: { v: string; len: number; cut?: true; sha256?: string }[] };
    expect(params.map(({ v, len, cut }) => ({ v, len, cut }))).toEqual([
      { v: 'ab\u00e9ab\u00e9', len: 8000, cut: true },
      { v: 'short', len: 5, cut: undefined },
      { v: '0'.repeat(8), len: 900, cut: true },
    ]);
    expect(params[0]?.sha256).toBe(hash('sha256', long));
    expect(params[2]?.sha256).toBe(hash('sha256', Buffer.alloc(900)));
  });

  it('bounds: a thousand long values still make one line', () => {
    const stage = ready();
    const values = Array.from({ length: 1000 }, () => '\u0001'.repeat(4000));
    apply(
      stage,
      sent('P', parseBody('', `select '${'\u0001'.repeat(65_000)}'`)),
      sent('B', bindBody('', '', values)),
      '> E -',
      '> S',
      '< 1',
      '< 2',
      '< C SELECT 1',
      '< Z I',
    );
    const line = JSON.stringify(last(stage));
    expect(Buffer.byteLength(line)).toBeLessThan(1_048_576);
    expect((last(stage) as { params: unknown[] }).params).toHaveLength(1000);
  });

  it.each([
    {
      name: 'counts that differ',
      body: Buffer.concat([
        text(''),
        text(''),
        int16(2, 0, 1),
        int16(1),
        int32(1),
        Buffer.from('x'),
        int16(0),
      ]),
    },
    {
      name: 'a length past the end',
      body: Buffer.concat([text(''), text(''), int16(0), int16(1), int32(99), Buffer.from('x')]),
    },
    {
      name: 'a negative length',
      body: Buffer.concat([text(''), text(''), int16(0), int16(1), int32(-2), int16(0)]),
    },
    { name: '65535 values promised', body: Buffer.concat([text(''), text(''), int16(0), int16(65535)]) },
    { name: 'no zero byte', body: Buffer.from('abc') },
    { name: 'nothing', body: Buffer.alloc(0) },
  ])('malformed Bind: $name', ({ body }) => {
    const stage = apply(
      ready(),
      '> P -|select 1',
      sent('B', body),
      '> E -',
      '> S',
      '< 1',
      '< E 08P01',
      '< Z I',
    );
    expect(stage.records.slice(1).map((record) => short(record).replace(/ \[.*?\]| \(.*?\)/g, ''))).toEqual([
      '2 failed bind 08P01 I-',
      '3 skipped execute -I',
      '4 tx rolled_back implicit 2-3',
    ]);
  });
});

describe('secrets', () => {
  const secret = 's3cr3t-Pa55';
  it('a password in SQL is in no record, no error and no snapshot', () => {
    const stage = ready();
    const seen: string[] = [];
    const all = (...events: (Event | string)[]): void => {
      for (const event of events) {
        apply(stage, event);
        seen.push(JSON.stringify(stage.machine.snapshot()));
      }
    };
    all(
      `> Q alter role bob password '${secret}'; select 1`,
      told(
        'E',
        errorBody({
          S: 'ERROR',
          V: 'ERROR',
          C: '42601',
          M: `near "${secret}"`,
          D: secret,
          H: secret,
          P: '3',
        }),
      ),
      '< Z I',
    );
    all(
      `> P a|create role x password '${secret}'`,
      '> B -|a',
      '> E -',
      '> S',
      '< 1',
      '< 2',
      'wait 2',
      'tick',
      told('E', errorBody({ V: 'ERROR', C: '42710', M: secret })),
      '< Z I',
    );
    all(
      sent('P', parseBody('c', 'select dblink_connect($1)', [25])),
      sent('B', bindBody('', 'c', [`host=x password=${secret} user=u`])),
      '> E -',
      '> S',
    );
    all('< 1', '< 2', '< E 08001 FATAL gone', 'close server_closed');
    expect(JSON.stringify(stage.records)).not.toContain(secret);
    expect(
      seen.filter(
        (snapshot) =>
          snapshot.includes(secret) || snapshot.includes(Buffer.from(secret).toString('base64').slice(0, 12)),
      ),
    ).toEqual([]);
    const statements = stage.records.filter((record) => record.kind === 'statement');
    expect(statements[0]).toMatchObject({
      error: { severity: 'ERROR', sqlstate: '42601', message: '[redacted]', position: '3' },
      redacted: ['password', 'error'],
    });
    expect(statements[0]?.error).not.toHaveProperty('detail');
    expect(statements[2]).toMatchObject({ outcome: 'lost', redacted: ['connection_string'] });
    expect(statements[2]?.params?.[0]).toMatchObject({ len: 34, enc: 'text' });
  });

  it('only the piece that held the secret says so', () => {
    const stage = apply(
      ready(),
      `> Q select 1; alter role bob password '${secret}'`,
      '< T',
      '< C SELECT 0',
      '< C ALTER ROLE',
      '< Z I',
    );
    expect(stage.records[1]).not.toHaveProperty('redacted');
    expect(stage.records[2]).toMatchObject({ redacted: ['password'] });
  });
});

describe('long texts', () => {
  it('are cut between two characters, with length and hash', () => {
    const sql = `select '${'\u20ac'.repeat(100)}'`;
    const stage = apply(ready({ sqlBytesMax: 64 }), `> Q ${sql}`, '< T', '< C SELECT 0', '< Z I');
    const record = last(stage) as { sql: string; sql_cut: { len: number; sha256: string } };
    expect(sql.startsWith(record.sql)).toBe(true);
    expect(Buffer.byteLength(record.sql)).toBe(62);
    expect(record.sql_cut.len).toBe(309);
    expect(record.sql_cut.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('over the inspection limit: the first bytes, and the length and hash of the message', () => {
    const stage = ready();
    apply(
      stage,
      sent('Q', Buffer.from("select 1; insert into t values ('aaaa\u20ac").subarray(0, -1), 5_000_000),
    );
    apply(stage, '< T', '< C SELECT 0', '< C INSERT 0 1', '< C INSERT 0 1', '< Z I');
    expect(stage.records.slice(1)).toMatchObject([
      { sql: 'select 1', part: 1 },
      { sql: "insert into t values ('aaaa", part: 2, sql_cut: { len: 4_999_999, sha256: 'ab'.repeat(32) } },
      { sql: null, sql_unknown: 'over_inspection_limit', part: 3 },
      { outcome: 'committed', ranges: [[2, 4]] },
    ]);
    expect(stage.records[1]).not.toHaveProperty('parts');
  });

  it('over the inspection limit: Parse and Bind', () => {
    const stage = ready();
    apply(
      stage,
      sent('P', Buffer.from('s\0select 1 /* aaaa'), 2_000_000),
      sent(
        'B',
        Buffer.concat([
          text(''),
          text('s'),
          int16(0),
          int16(2),
          int32(1),
          Buffer.from('x'),
          int32(3_000_000),
          Buffer.from('yyyy'),
        ]),
        3_000_020,
      ),
    );
    apply(stage, '> E -', '> S', '< 1', '< 2', '< C SELECT 1', '< Z I');
    expect(last(stage)).toMatchObject({
      sql: 'select 1 /* aaa',
      sql_cut: { len: 1_999_998, sha256: 'ab'.repeat(32) },
      params: [
        { v: 'x', len: 1 },
        { v: 'yyyy', len: 3_000_000, cut: true },
      ],
    });
  });

  it('names of any length stay apart', () => {
    const long = 'n'.repeat(100_000);
    const stage = ready();
    for (const end of ['a', 'b'])
      apply(stage, sent('P', parseBody(long + end, `select '${end}'`)), '> S', '< 1', '< Z I');
    apply(stage, sent('B', bindBody('', `${long}a`, [])), '> E -', '> S', '< 2', '< C SELECT 1', '< Z I');
    expect(last(stage)).toMatchObject({ sql: "select 'a'" });
    expect(JSON.stringify(stage.machine.snapshot()).length).toBeLessThan(10_000);
  });
});

describe('bounds', () => {
  it('statementsMax: the oldest text is dropped, its length and hash are kept, then its name', () => {
    const stage = ready({ statementsMax: 2 });
    for (let number = 0; number < 30; number += 1)
      apply(stage, `> P s${number}|select ${number}`, '> S', '< 1', '< Z I');
    for (const name of ['s29', 's27', 's1'])
      apply(stage, `> B -|${name}`, '> E -', '> S', '< 2', '< C SELECT 1', '< Z I');
    expect(stage.records.slice(1)).toMatchObject([
      { sql: 'select 29' },
      { sql: null, sql_unknown: 'over_inspection_limit', sql_cut: { len: 9 } },
      { sql: null, sql_unknown: 'statement_not_seen' },
    ]);
  });

  it('tokensMax: more messages than may wait end decoding', () => {
    expect(play('> S\n> S\n> S\n> S', { tokensMax: 3 })).toEqual([
      '2 gap decode_lost: 4 messages of 0 bytes wait for replies',
    ]);
  });
});
