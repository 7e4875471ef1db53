/** Notices and notifications: which record tells of them, and that nothing else changes. */
import type { DraftRecord } from '@pgtape/evidence';
import { int32, text } from './messages.testing.ts';
import { apply, ready, Stage, short, startup, told } from './script.testing.ts';

const heard = (channel: string, payload: string) =>
  told('A', Buffer.concat([int32(77), text(channel), text(payload)]));

/** A record in short, with its notices. */
function withNotices(draft: DraftRecord): string {
  if (draft.kind === 'notification')
    return `${draft.n} notification ${draft.channel}=${draft.payload} of ${draft.pid}`;
  const notices = draft.kind === 'statement' || draft.kind === 'notices' ? (draft.notices ?? []) : [];
  const more = draft.kind === 'statement' || draft.kind === 'notices' ? (draft.notices_more ?? 0) : 0;
  const head = draft.kind === 'notices' ? `${draft.n} notices` : short(draft);
  const list = notices.map(({ sqlstate, message }) => `${sqlstate} ${message}`).join(', ');
  return `${head}${list === '' ? '' : ` {${list}${more > 0 ? ` +${more}` : ''}}`}`;
}

const cases = [
  {
    name: 'during a Query, and between its statements: of the one that follows',
    script:
      '> Q select 1; select 2\n< N 00000 a\n< T\n< N 00000 b\n< D 1\n< C SELECT 1\n< N 00000 c\n< C SELECT 0\n< N 00000 d\n< Z I',
    records: [
      '2 completed query 1/2 [select 1] <SELECT 1> rows=1 I- {00000 a, 00000 b}',
      '3 completed query 2/2 [select 2] <SELECT 0> exact -I {00000 c, 00000 d}',
      '4 tx committed implicit 2-3',
    ],
  },
  {
    name: 'during Parse and Bind: of the Execute; behind it: of the commit',
    script:
      '> P -|select 1\n> B -|-\n> E -\n> S\n< N 00000 p\n< 1\n< N 00000 b\n< 2\n< C SELECT 0\n< N 00000 c\n< Z I',
    records: ['2 completed execute [select 1] <SELECT 0> exact II committed {00000 p, 00000 b, 00000 c}'],
  },
  {
    name: 'in the middle of COPY OUT',
    script:
      '> Q copy t to stdout\n< H\n< d 2\n< N 01000 w\n< S application_name=x\n< d 1\n< c\n< C COPY 3\n< Z I',
    records: ['2 completed query [copy t to stdout] <COPY 3> copy-out=3/30 exact II committed {01000 w}'],
  },
  {
    name: 'of a Parse that ran nothing, and while idle: a record of their own',
    script:
      '> P s|select 1\n> S\n< N 00000 p\n< 1\n< Z I\n< N 00000 idle\n> Q select 2\n< C SELECT 0\n< Z I\n< N 00000 last\nclose client_closed',
    records: [
      '2 notices {00000 p}',
      '3 completed query [select 2] <SELECT 0> exact II committed {00000 idle}',
      '4 notices {00000 last}',
      '5 stretch 1 from 1: 1 statements, 0 failed',
      '6 closed client_closed',
    ],
  },
  {
    name: 'of a statement that fails',
    script: '> Q do $$ $$\n< N 00000 before\n< E 22012\n< Z I',
    records: ['2 failed query [do $$ $$] 22012 exact II unknown {00000 before}'],
  },
  {
    name: 'that may repeat a secret',
    script:
      "> Q create role r password 'hunter2'\n< N 00000 hunter2\n< C CREATE ROLE\n< N 00000 hunter2\n< Z I",
    records: [
      "2 completed query [create role r password '[redacted]'] <CREATE ROLE> exact II committed {00000 [redacted], 00000 [redacted]}",
    ],
  },
];

describe('notices', () => {
  it.each(cases)('$name', ({ script, records }) => {
    const stage = new Stage().run(startup).run(script);
    expect(stage.records.slice(1).map(withNotices)).toEqual(records);
  });

  it('the first 16 are told, the others counted, also over a snapshot', () => {
    const stage = ready().run(`> Q do $$ $$\n${'< N 00000 n\n'.repeat(20)}`);
    stage.swap();
    stage.run(`${'< N 00000 n\n'.repeat(5)}< C DO\n< Z I`);
    const [, draft] = stage.records;
    expect(draft).toMatchObject({
      notices: Array.from({ length: 16 }, () => ({ sqlstate: '00000' })),
      notices_more: 9,
    });
  });
});

describe('notifications', () => {
  it('follow the record of the statement they came behind, whose fate is told all the same', () => {
    const stage = apply(
      ready(),
      heard('a', 'idle'),
      '> Q notify b',
      '< C NOTIFY',
      heard('b', ''),
      heard('b', 'two'),
    );
    stage.swap();
    apply(stage, '< Z I', heard('c', 'three'));
    expect(stage.records.slice(1).map(withNotices)).toEqual([
      '2 notification a=idle of 77',
      '3 completed query [notify b] <NOTIFY> exact II committed',
      '4 notification b= of 77',
      '5 notification b=two of 77',
      '6 notification c=three of 77',
    ]);
  });

  it('are bounded: very many behind one statement give its record up to them', () => {
    const stage = apply(ready(), '> Q notify b', '< C NOTIFY');
    for (let number = 0; number < 300; number += 1) apply(stage, heard('b', String(number)));
    apply(stage, '< Z I');
    expect(stage.records).toHaveLength(303);
    expect(stage.records.slice(1, 3).map(withNotices)).toEqual([
      '2 completed query [notify b] <NOTIFY> exact I-',
      '3 notification b=0 of 77',
    ]);
    expect(stage.records.map((draft) => 'n' in draft && draft.n)).toEqual(
      stage.records.map((_, place) => place + 1),
    );
  });

  it('a payload in another encoding, and a long one', () => {
    const stage = apply(new Stage(), '< R 0', '< S client_encoding=LATIN1', '< Z I');
    apply(
      stage,
      told('A', Buffer.concat([int32(7), text('c'), Buffer.from('fc00', 'hex')])),
      heard('c', 'x'.repeat(9000)),
    );
    expect(stage.records.slice(1)).toMatchObject([
      { channel: 'c', payload: 'ü', payload_len: 1 },
      { payload: 'x'.repeat(8192), payload_len: 9000 },
    ]);
  });
});
