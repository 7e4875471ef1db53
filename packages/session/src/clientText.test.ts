/** Texts and values in any client encoding, and what is said where the encoding is not certain. */
import { bindBody, int16, text } from './messages.testing.ts';
import { apply, type Event, eventOf, ready, sent } from './script.testing.ts';

const latin = (sql: string): Buffer => Buffer.concat([Buffer.from(sql, 'latin1'), Buffer.of(0)]);
const answer = ['< C SELECT 0', '< Z I'];
const encoding = (name: string): Event => eventOf(`< S client_encoding=${name}`);

function last(...events: (Event | string)[]): Record<string, unknown> {
  const { records } = apply(ready(), ...events);
  const draft = records.findLast(({ kind }) => kind === 'statement');
  if (draft?.kind !== 'statement') throw new Error('no statement');
  const { sql, sql_encoding, sql_raw, unsure, params, redacted } = draft;
  const values = params?.map(({ v, enc }) => `${enc} ${v}`);
  return JSON.parse(JSON.stringify({ sql, sql_encoding, sql_raw, unsure, values, redacted }));
}

const hex = (bytes: Buffer): string => bytes.subarray(0, -1).toString('hex');
const sjis = Buffer.from('73656c65637420 27835c27 00'.replaceAll(' ', ''), 'hex');

const cases = [
  {
    name: 'ASCII in another encoding',
    events: [encoding('SJIS'), '> Q select 1', ...answer],
    told: { sql: 'select 1' },
  },
  { name: 'UTF-8', events: [sent('Q', text("select 'é'")), ...answer], told: { sql: "select 'é'" } },
  {
    name: 'LATIN1',
    events: [encoding('LATIN1'), sent('Q', latin("select 'é'")), ...answer],
    told: { sql: "select 'é'", sql_encoding: 'LATIN1' },
  },
  {
    name: 'SJIS, a backslash as second byte',
    events: [encoding('SJIS'), sent('Q', sjis), ...answer],
    told: { sql: "select 'ソ'", sql_encoding: 'SJIS' },
  },
  {
    name: 'no UTF-8 at all keeps its bytes',
    events: [sent('Q', latin("select 'é'")), ...answer],
    told: { sql: "select '\ufffd'", sql_raw: hex(latin("select 'é'")) },
  },
  {
    name: 'no UTF-8 beside a word that secrets stand next to: no bytes',
    events: [sent('Q', latin("create role é password 'hunter2'")), ...answer],
    told: { sql: "create role \ufffd password '[redacted]'", redacted: ['password'] },
  },
  {
    name: 'an encoding without a decoder',
    events: [encoding('EUC_TW'), sent('Q', Buffer.from('61c4e300', 'hex')), ...answer],
    told: {
      sql: 'a\ufffd\ufffd',
      sql_encoding: 'EUC_TW',
      sql_raw: '61c4e3',
      unsure: ['encoding_without_decoder'],
    },
  },
  {
    name: 'behind a SET that is not answered yet',
    events: [
      "> Q set names 'latin1'",
      sent('Q', text("select 'é'")),
      '< C SET',
      '< S client_encoding=LATIN1',
      '< Z I',
      ...answer,
    ],
    told: { sql: "select 'é'", sql_raw: hex(text("select 'é'")), unsure: ['encoding_in_flight'] },
  },
  {
    name: 'behind an Execute of a prepared SET',
    events: [
      "> P s|set names 'latin1'",
      '> S',
      '< 1',
      '< Z I',
      '> B -|s',
      '> E -',
      sent('Q', text("select 'é'")),
      '< 2',
      '< C SET',
      ...answer,
    ],
    told: { sql: "select 'é'", sql_raw: hex(text("select 'é'")), unsure: ['encoding_in_flight'] },
  },
  {
    name: 'behind a statement that sets nothing',
    events: ['> Q select 1', sent('Q', text("select 'é'")), ...answer, ...answer],
    told: { sql: "select 'é'" },
  },
  {
    name: 'a secret is found whichever way strings are read',
    events: [
      '> Q set standard_conforming_strings = off',
      String.raw`> Q select '\' , dblink('password=hunter2') --'`,
      ...['< C SET', '< Z I', ...answer],
    ],
    told: { redacted: ['connection_string'], unsure: ['strings_in_flight'] },
  },
  {
    name: 'text values, and one that does not convert',
    events: [
      ...[encoding('SJIS'), '> P -|select $1, $2, $3'],
      sent('B', bindBody('', '', [Buffer.from('835c', 'hex'), Buffer.from('83', 'hex'), 'plain'], [0])),
      ...['> E -', '> S', '< 1', '< 2', ...answer],
    ],
    told: { sql: 'select $1, $2, $3', values: ['text ソ', 'failed 83', 'text plain'] },
  },
  {
    name: 'a text whose message was longer than what is seen of it ends before the character that is cut',
    events: [encoding('SJIS'), sent('Q', Buffer.from('61835c83', 'hex'), 99), ...answer],
    told: { sql: 'aソ', sql_encoding: 'SJIS' },
  },
];

describe('client encodings', () => {
  it.each(cases)('$name', ({ events, told }) => {
    const got = last(...events);
    if (told.sql === undefined) expect(got).toMatchObject(told);
    else expect(got).toEqual(told);
    expect(JSON.stringify(got)).not.toContain('hunter2');
  });

  it('goes on the same from a snapshot between a Bind and its record', () => {
    const events = [
      ...[encoding('LATIN1'), '> P -|select $1'],
      sent(
        'B',
        Buffer.concat([text(''), text(''), int16(0), int16(1), Buffer.from('00000001fc', 'hex'), int16(0)]),
      ),
    ];
    const rest = ['> E -', '> S', '< 1', '< 2', ...answer];
    const whole = apply(ready(), ...events);
    const cut = apply(ready(), ...events);
    cut.swap();
    for (const stage of [whole, cut]) apply(stage, ...rest);
    expect(cut.records).toEqual(whole.records);
    expect(cut.records.at(-1)).toMatchObject({ params: [{ v: 'ü', enc: 'text', len: 1 }] });
  });
});
