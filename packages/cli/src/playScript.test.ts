import type { DraftRecord, RecordLine } from '@pgtape/evidence';
import { drafts, wallAt } from './archive.testing.ts';
import { FakeIo, FakeOutput } from './fakeIo.testing.ts';
import { paintFor } from './paint.ts';
import { type Frame, PlayScript } from './playScript.ts';

const session = 'abababababababab-1';
const plain = paintFor(new FakeIo(), new FakeOutput(), true);
const noPosition = { v: 1, reel: 'ab'.repeat(16), seq: 1, salt: '00'.repeat(8) } as const;
const record = (draft: DraftRecord): RecordLine => ({ ...noPosition, ...draft }) as RecordLine;
const head = (ms: number, n: number) => ({ at: wallAt(ms), mono: '1', session, n });

function framesOf(list: readonly DraftRecord[]): Frame[] {
  const script = new PlayScript(plain);
  return [...list.flatMap((draft) => script.frames(record(draft))), ...script.end()];
}
const textOf = (list: readonly DraftRecord[]): string =>
  framesOf(list)
    .map(({ text }) => text)
    .join('');
const statement = (sql: string | null, more: Parameters<typeof drafts.statement>[4] = {}): DraftRecord =>
  drafts.statement(session, 2, 1000, sql, more);
const param = (v: string | null, more: object = {}) => ({
  v,
  enc: 'text' as const,
  format: 'text' as const,
  type: 'text',
  oid: 25,
  len: v?.length ?? -1,
  ...more,
});
const error = { severity: 'ERROR', sqlstate: '23505', message: 'duplicate key' };

describe('the script of a tape', () => {
  it('tells what a name runs, as whom, what is uncertain, and what the server said unasked', () => {
    const notice = { severity: 'WARNING', sqlstate: '25P01', message: 'there is no\u0007 transaction' };
    const text = textOf([
      drafts.opened(session, 0),
      statement('EXECUTE report', {
        role: 'auditor',
        runs: { name: 'report', sql: 'select 1' },
        unsure: ['names_hidden'],
        notices: [notice],
        notices_more: 2,
        tag: 'SELECT 1',
      }),
      statement('FETCH c', {
        role: 'ada',
        runs: { name: 'c', sql: null, sql_unknown: 'statement_not_seen' },
      }),
      statement('START_REPLICATION', {
        replication: {
          command: 'START_REPLICATION',
          slot: 's',
          first: '0/1000',
          last: '0/2000',
          flushed: '0/1800',
          bytes_from_server: 4096,
          bytes_from_client: 0,
        },
      }),
      { ...head(3000, 6), kind: 'notices', notices: [notice], notices_more: 0 },
      { ...head(3000, 7), kind: 'notification', channel: 'news', pid: 7, payload: 'hello', payload_len: 5 },
    ]);
    const lines = text
      .split('\n')
      .filter((line) => /runs|role|unsure|WARNING|more|WAL|notification/.test(line));
    expect(lines).toEqual([
      '  report runs: select 1',
      '  as role auditor',
      '  unsure: names_hidden',
      '  WARNING:  25P01: there is no␇ transaction',
      '  and 2 notices more',
      '  c runs: text unknown: statement_not_seen',
      '  START_REPLICATION, slot s, WAL 0/1000 to 0/2000, flushed to 0/1800, 4096 bytes streamed',
      '  WARNING:  25P01: there is no␇ transaction',
      '-- notification on news from pid 7: hello',
    ]);
  });

  it('tells a whole session', () => {
    const text = textOf([
      drafts.opened(session, 0),
      drafts.statement(session, 2, 1000, 'BEGIN', { tag: 'BEGIN', returned_rows: 0 }),
      drafts.statement(session, 3, 2000, 'select *\n  from t\n', {
        returned_rows: 2,
        returned_bytes: 30,
        tag: 'SELECT 2',
      }),
      {
        ...head(3000, 4),
        kind: 'transaction',
        outcome: 'rolled_back',
        implicit: false,
        ranges: [[2, 3]],
        savepoint: 'a',
      },
      {
        ...head(3000, 5),
        kind: 'transaction',
        outcome: 'committed',
        implicit: false,
        ranges: [
          [2, 2],
          [5, 7],
        ],
      },
      {
        ...head(3000, 6),
        kind: 'stretch',
        stretch: 1,
        first_n: 1,
        start: wallAt(0),
        duration_ns: 1,
        statements: 2,
        failed: 0,
        rows: 2,
        bytes: 1,
      },
      drafts.closed(session, 7, 4000, 2),
    ]);
    expect(text).toBe(
      `-- 2026-11-20 10:00:00.000Z  ada in shop from 10.0.0.7:51234
--   psql, scram-sha-256, no TLS, pid 4711
#2 10:00:01.000  shop=> BEGIN
  BEGIN  250 µs
#3 10:00:02.000  shop=> select *
  from t
  SELECT 2 (2 rows returned, 30 bytes)  250 µs
  -- rolled back (a): #2-#3
  -- committed: #2, #5-#7
-- 2026-11-20 10:00:04.000Z  terminated; 2 statements, 1.00 ms
`,
    );
  });

  it.each([
    {
      name: 'parameters: text, empty, NULL, hex and cut',
      draft: statement('select $1', {
        returned_rows: 0,
        params: [
          param("O'Neil"),
          param(''),
          param(null),
          param('00ff', { enc: 'hex' }),
          param('abc', { cut: true, len: 9000 }),
        ],
      }),
      shown: `#2 10:00:01.000  ?=> select $1\n  $1 = 'O'Neil', $2 = '', $3 = NULL, $4 = \\x00ff, $5 = 'abc'… (9000 bytes)\n  SELECT 1  250 µs\n`,
    },
    {
      name: 'an error with its detail and hint',
      draft: statement('insert', {
        outcome: 'failed',
        returned_rows: 0,
        error: { ...error, detail: 'Key (a)', hint: 'Look' },
      }),
      shown: `#2 10:00:01.000  ?=> insert\n  ERROR:  23505: duplicate key\n  DETAIL:  Key (a)\n  HINT:  Look  250 µs\n`,
    },
    {
      name: 'one that was skipped: it took no time',
      draft: statement('select 1', { outcome: 'skipped', returned_rows: 0 }),
      shown: '#2 10:00:01.000  ?=> select 1\n  never ran: an earlier error of the pipeline skipped it\n',
    },
    {
      name: 'one whose outcome is lost',
      draft: statement('select 1', { outcome: 'lost', returned_rows: 0 }),
      shown: '#2 10:00:01.000  ?=> select 1\n  outcome unknown: the connection ended first  250 µs\n',
    },
    {
      name: 'a suspended portal, batched',
      draft: statement('select 1', { outcome: 'suspended', timing: 'batched' }),
      shown:
        '#2 10:00:01.000  ?=> select 1\n  suspended, more rows to fetch (1 row returned, 11 bytes)  250 µs at most\n',
    },
    {
      name: 'an empty query',
      draft: statement('', { outcome: 'empty', returned_rows: 0 }),
      shown: '#2 10:00:01.000  ?=> \n  empty query  250 µs\n',
    },
    {
      name: 'a copy',
      draft: statement('copy t from stdin', {
        tag: 'COPY 3',
        returned_rows: 0,
        copy: { direction: 'in', messages: 3, bytes: 20 },
      }),
      shown: '#2 10:00:01.000  ?=> copy t from stdin\n  COPY 3 (copy in: 20 bytes)  250 µs\n',
    },
    {
      name: 'a redacted one',
      draft: statement("ALTER ROLE a PASSWORD '[redacted]'", {
        tag: 'ALTER ROLE',
        returned_rows: 0,
        redacted: ['password'],
      }),
      shown:
        "#2 10:00:01.000  ?=> ALTER ROLE a PASSWORD '[redacted]'  -- redacted: password\n  ALTER ROLE  250 µs\n",
    },
    {
      name: 'text that is not known, and why',
      draft: statement(null, { sql_unknown: 'portal_not_seen', returned_rows: 0 }),
      shown: '#2 10:00:01.000  ?=> (text unknown)\n  text unknown: portal_not_seen\n  SELECT 1  250 µs\n',
    },
    {
      name: 'text that was cut',
      draft: statement('select 1', { sql_cut: { len: 70_000, sha256: 'ab'.repeat(32) }, returned_rows: 0 }),
      shown: '#2 10:00:01.000  ?=> select 1… (70000 bytes)\n  SELECT 1  250 µs\n',
    },
    {
      name: 'recorded escape sequences, harmless',
      draft: statement('select \u001b[2J', { tag: 'SELECT\u0007', returned_rows: 0 }),
      shown: '#2 10:00:01.000  ?=> select ␛[2J\n  SELECT␇  250 µs\n',
    },
    {
      name: 'a gap',
      draft: { ...head(0, 2), kind: 'gap' as const, reason: 'decode_lost' as const, detail: 'at byte 7' },
      shown: '-- NOT RECORDED from here: decode_lost: at byte 7\n',
    },
    {
      name: 'a refused end',
      draft: {
        ...drafts.closed(session, 2, 0, 1),
        why: 'refused' as const,
        reason: 'upstream_trusts',
        error: { severity: 'FATAL', sqlstate: '28000', message: 'no' },
      },
      shown: `-- 2026-11-20 10:00:00.000Z  refused (upstream_trusts): no; 1 statement, 1.00 ms\n`,
    },
    {
      name: 'a client on a socket that never became ready',
      draft: drafts.opened(session, 0, {
        client: { address: 'local', port: 0 },
        application_name: '',
        tls: true,
        ready: false,
        pid: 0,
      }),
      shown: `-- 2026-11-20 10:00:00.000Z  ada in shop from local\n--   no application name, scram-sha-256, TLS, pid 0, never became ready\n`,
    },
  ])('shows $name', ({ draft, shown }) => {
    expect(textOf([draft])).toBe(shown);
  });

  const running = {
    ...head(2000, 3),
    kind: 'running' as const,
    protocol: 'simple' as const,
    start: wallAt(1000),
    duration_ns: 1e9,
  };

  it.each([
    {
      name: 'TLS and the certificate of the client',
      more: {
        tls: true,
        auth: 'SCRAM-SHA-256-PLUS',
        tls_client: {
          version: 'TLSv1.3',
          cipher: 'TLS_AES_256_GCM_SHA384',
          certificate: { subject: 'CN=ada', issuer: 'CN=people', serial: '4abc' },
        },
      },
      shown: 'psql, SCRAM-SHA-256-PLUS, TLSv1.3, certificate CN=ada, pid 4711',
    },
    {
      name: 'whose session a cancel request is for',
      more: { protocol: 'cancel', cancels: session },
      shown: `psql, scram-sha-256, no TLS, pid 4711, asks to cancel ${session}`,
    },
    {
      name: 'a cancel request for nobody',
      more: { protocol: 'cancel', cancels: 'unknown' },
      shown: 'psql, scram-sha-256, no TLS, pid 4711, asks to cancel a session that is not open here',
    },
  ])('tells of $name', ({ more, shown }) => {
    expect(textOf([drafts.opened(session, 0, more)])).toContain(`--   ${shown}\n`);
  });

  it('shows a running statement once, before its outcome, in its own time', () => {
    const done = drafts.statement(session, 4, 1000, 'select pg_sleep(3)', {
      duration_ns: 3e9,
      returned_rows: 0,
    });
    const frames = framesOf([{ ...running, sql: 'select pg_sleep(3)' }, done]);
    const start = frames[0]?.atMs ?? 0;
    expect(frames.map(({ atMs, kind, text }) => [atMs - start, kind, text])).toEqual([
      [0, 'statement', '#4 10:00:01.000  ?=> select pg_sleep(3)\n'],
      [1000, 'note', '  -- still running after 1.00 s\n'],
      [3000, 'result', '  SELECT 1  3.00 s\n'],
    ]);
  });

  it('shows a running statement that has no end on tape', () => {
    const shown = '#? 10:00:01.000  ?=> select 1\n  -- still running after 1.00 s\n';
    expect(textOf([{ ...running, sql: 'select 1' }])).toBe(shown);
    const other = drafts.statement(session, 4, 5000, 'select 2', { returned_rows: 0 });
    expect(textOf([{ ...running, sql: 'select 1' }, other])).toBe(
      `${shown}#4 10:00:05.000  ?=> select 2\n  SELECT 1  250 µs\n`,
    );
  });

  it('names silences of a minute and more', () => {
    const list = [0, 59_000, 125_000].map((ms, index) =>
      drafts.statement(session, index + 2, ms, 'x', { returned_rows: 0, duration_ns: 0 }),
    );
    expect(
      framesOf(list)
        .filter(({ kind }) => kind === 'note')
        .map(({ text }) => text),
    ).toEqual(['-- 1 min 06 s later\n']);
  });
});
