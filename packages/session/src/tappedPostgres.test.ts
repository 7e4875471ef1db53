/** What records say against what a real PostgreSQL says of the same session. */
import { message as m, type RawClient, testPostgresMajor } from '@pgtape/testkit';
import { charsetOf, decodeText } from './charset.ts';
import { run, statementsOf, TappedPostgres, type TappedSession } from './tappedPostgres.testing.ts';

let postgres: TappedPostgres;
let session: TappedSession;
let client: RawClient;

beforeAll(async () => {
  postgres = await TappedPostgres.start();
  const admin = await postgres.client({ port: postgres.server.port });
  for (const sql of [
    'CREATE ROLE app',
    'CREATE ROLE bob SUPERUSER',
    'CREATE TABLE t (a int, b text)',
    'CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)',
    "CREATE PROCEDURE noisy() LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'from a procedure'; END $$",
  ]) {
    expect(await run(admin, m.query(sql))).toBe('CZ');
  }
  await admin.end();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  session = await postgres.tap();
  client = await postgres.client(session);
});

/** Values of the first column of the answer, `E` with its SQLSTATE for an error. */
async function rows(...messages: readonly Buffer[]): Promise<string[]> {
  client.send(...messages);
  const values: string[] = [];
  for (;;) {
    const { tag, body } = await client.take();
    if (tag === 'Z') return values;
    if (tag === 'D') values.push(body.subarray(6, 6 + body.readInt32BE(2)).toString());
    if (tag === 'E') values.push(`E ${/\0C(\w{5})/.exec(body.toString('latin1'))?.[1]}`);
  }
}

const steps = [
  'SET ROLE app',
  'SET SESSION AUTHORIZATION bob',
  'SET ROLE app',
  'RESET SESSION AUTHORIZATION',
  'SET ROLE app',
  'BEGIN',
  'SET SESSION AUTHORIZATION bob',
  'ROLLBACK',
  'BEGIN',
  'SET LOCAL ROLE bob',
  'SAVEPOINT s',
  'SET ROLE NONE',
  'SET search_path = a, B, "C d"',
  'ROLLBACK TO s',
  'COMMIT',
  'BEGIN',
  'SAVEPOINT s',
  'SET ROLE bob',
  'SELECT 1/0',
  'ROLLBACK TO s',
  'RELEASE s',
  'COMMIT',
  "SET search_path = ''",
  'SET ROLE bob; SELECT 1/0',
  "DO $$ BEGIN EXECUTE 'SET ROLE bob'; EXECUTE 'SET search_path = hidden'; END $$",
  'RESET ROLE',
  "SELECT set_config('role', 'app', false)",
  'SET ROLE NONE',
  'BEGIN',
  "SELECT set_config('role', 'app', false)",
  'ROLLBACK',
  'CALL public.noisy()',
  'DISCARD ALL',
];

describe('against PostgreSQL', () => {
  it('role, session user and search_path are what current_user, session_user and SHOW say, or unknown by name', async () => {
    const asked = "SELECT current_user || ' ' || session_user || ' ' || current_setting('search_path')";
    const said: string[] = [];
    for (const step of steps) {
      await rows(m.query(step));
      const [answer = ''] = await rows(m.query(asked));
      if (!answer.startsWith('E ')) said.push(answer);
    }
    await client.end();
    const told = statementsOf(session.records).filter(
      ({ sql, outcome }) => sql === asked && outcome === 'completed',
    );
    const unknown: string[] = [];
    const recorded = told.map(({ role, session_user, search_path, unsure }, place) => {
      const [who = '', , ...shown] = (said[place] ?? '').split(' ');
      if (role === undefined) unknown.push(...(unsure ?? ['nothing']));
      // Servers before 18 do not report it: it is known from the client's own SET alone.
      const path = search_path ?? (testPostgresMajor < 18 ? shown.join(' ') : undefined);
      return `${role ?? who} ${session_user ?? 'postgres'} ${path}`;
    });
    expect(recorded).toEqual(said);
    expect(unknown.filter((word) => word.startsWith('role'))).toEqual([
      'role_hidden',
      'role_not_followed',
      'role_not_followed',
      'role_hidden',
    ]);
  });

  it('names of SQL and of the protocol are the same', async () => {
    const answers = [
      await rows(m.query('PREPARE x (int) AS SELECT $1 + 1')),
      await rows(m.bind('', 'x', ['41']), m.execute(''), m.sync()),
      await rows(m.parse('y', 'SELECT $1::int * 2'), m.sync()),
      await rows(m.query('EXECUTE y (21)')),
      await rows(m.query("DO $$ BEGIN EXECUTE 'DEALLOCATE y'; EXECUTE 'PREPARE y AS SELECT 7'; END $$")),
      await rows(m.query('EXECUTE y')),
      await rows(m.query("DO $$ BEGIN EXECUTE 'DEALLOCATE x'; END $$")),
      await rows(m.bind('', 'x', ['1']), m.execute(''), m.sync()),
      await rows(m.query('EXECUTE x (1)')),
      await rows(m.query('BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT g FROM generate_series(1, 9) g')),
      await rows(m.query('FETCH 2 FROM c')),
      await rows(m.execute('c', 1), m.sync()),
      await rows(m.query('COMMIT')),
      await rows(m.query('FETCH c')),
      await rows(m.query('CLOSE c')),
      await rows(m.query('FETCH c')),
    ];
    await client.end();
    expect(answers.map((one) => one.join(' '))).toEqual([
      ...['', '42', '', '42', '', '7', '', 'E 26000', 'E 26000', '', '1 2', '3', '', '4', '', 'E 34000'],
    ]);
    const told = statementsOf(session.records).map(({ sql, runs, sql_unknown, unsure }) =>
      [
        sql ?? sql_unknown,
        runs && (runs.sql ?? runs.sql_unknown),
        unsure?.includes('names_hidden') && 'hidden',
      ]
        .filter(Boolean)
        .join(' | '),
    );
    const declared = 'DECLARE c CURSOR WITH HOLD FOR SELECT g FROM generate_series(1, 9) g';
    const query = 'SELECT g FROM generate_series(1, 9) g';
    expect(told).toEqual([
      'PREPARE x (int) AS SELECT $1 + 1',
      'PREPARE x (int) AS SELECT $1 + 1 | SELECT $1 + 1',
      'EXECUTE y (21) | SELECT $1::int * 2',
      "DO $$ BEGIN EXECUTE 'DEALLOCATE y'; EXECUTE 'PREPARE y AS SELECT 7'; END $$",
      // It ran SELECT 7, and nobody could see that: so the record says that it may be another one.
      'EXECUTE y | SELECT $1::int * 2 | hidden',
      "DO $$ BEGIN EXECUTE 'DEALLOCATE x'; END $$",
      'statement_not_seen',
      // The Execute behind the Bind that failed.
      'statement_not_seen',
      'EXECUTE x (1) | statement_not_seen',
      ...[
        'BEGIN',
        declared,
        `FETCH 2 FROM c | ${query}`,
        `${declared} | ${query}`,
        'COMMIT',
        `FETCH c | ${query}`,
      ],
      ...['CLOSE c', 'FETCH c | portal_not_seen'],
    ]);
  });

  it('FunctionCall: function, arguments, result, error', async () => {
    await run(client, m.functionCall(1598, []));
    // int4abs; int4div by zero.
    await run(client, m.functionCall(1251, ['-7']));
    await run(client, m.functionCall(154, ['1', '0']));
    await run(client, m.functionCall(1251, [null]));
    await client.end();
    const told = statementsOf(session.records).map(
      ({ function_oid, params, function_result, outcome, error, sql_unknown }) => ({
        ...{ function_oid, result: function_result, outcome, error: error?.sqlstate, sql_unknown },
        params: params?.map(({ v, format }) => `${format} ${v}`),
      }),
    );
    const call = { sql_unknown: 'function_call', error: undefined };
    const random = told[0]?.result?.len ?? 0;
    expect(random).toBeGreaterThan(3);
    expect(told).toEqual([
      {
        ...call,
        function_oid: 1598,
        result: { format: 'text', len: random },
        outcome: 'completed',
        params: undefined,
      },
      {
        ...call,
        function_oid: 1251,
        result: { format: 'text', len: 1 },
        outcome: 'completed',
        params: ['text -7'],
      },
      {
        ...call,
        function_oid: 154,
        result: undefined,
        outcome: 'failed',
        error: '22012',
        params: ['text 1', 'text 0'],
      },
      {
        ...call,
        function_oid: 1251,
        result: { format: 'text', len: -1 },
        outcome: 'completed',
        params: ['text null'],
      },
    ]);
  });

  it('notices and notifications in any place disturb nothing', async () => {
    await run(client, m.query('LISTEN ch'));
    const long = 'n'.repeat(64);
    const raising = "DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END $$";
    expect(await run(client, m.query(raising))).toBe('NNCZ');
    expect(await run(client, m.query("NOTIFY ch, 'pay'; SELECT 1"))).toBe('CTDCAZ');
    // A function that raises while rows of a COPY are on their way.
    await run(
      client,
      m.query(
        "CREATE FUNCTION loud(a int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', a; RETURN a; END $$",
      ),
    );
    const copied = await run(
      client,
      m.query('COPY (SELECT loud(g) FROM generate_series(1, 20) g) TO STDOUT'),
    );
    expect(copied).toBe(`H${'Nd'.repeat(20)}cCZ`);
    expect(
      await run(client, m.parse('', `SELECT 1 AS ${long}`), m.bind('', ''), m.execute(''), m.sync()),
    ).toBe('N12DCZ');
    expect(await run(client, m.query('COMMIT'))).toBe('NCZ');
    await client.end();
    const told = session.records.flatMap((draft) => {
      if (draft.kind === 'notification')
        return [`${draft.channel} ${draft.payload} ${draft.payload_len} ${draft.pid > 0}`];
      if (draft.kind !== 'statement' || draft.notices === undefined) return [];
      const notices = draft.notices.map(
        ({ severity, sqlstate, message }) => `${severity} ${sqlstate} ${message.slice(0, 24)}`,
      );
      return [
        `${draft.tag}: ${notices.slice(0, 2).join(', ')} of ${notices.length}+${draft.notices_more ?? 0} ${draft.fate}`,
      ];
    });
    expect(told).toEqual([
      'DO: NOTICE 00000 one, WARNING 01000 two of 2+0 committed',
      'ch pay 3 true',
      'COPY 20: NOTICE 00000 row 1, NOTICE 00000 row 2 of 16+4 committed',
      'SELECT 1: NOTICE 42622 identifier "nnnnnnnnnnnn of 1+0 committed',
      'COMMIT: WARNING 25P01 there is no transaction  of 1+0 committed',
    ]);
    expect(session.records.filter(({ kind }) => kind === 'gap' || kind === 'notices')).toEqual([]);
  });

  it('SET client_encoding acts before ParameterStatus tells of it', async () => {
    const latin = (sql: string): Buffer => {
      const body = Buffer.from(`${sql}\0`, 'latin1');
      const head = Buffer.from('Q....');
      head.writeInt32BE(body.length + 4, 1);
      return Buffer.concat([head, body]);
    };
    expect(await rows(m.query("SET client_encoding = 'LATIN1'"), Buffer.alloc(0))).toEqual([]);
    expect(await rows(latin("SELECT octet_length('é')"))).toEqual(['2']);
    expect(
      await rows(
        m.parse('', 'SELECT octet_length($1)'),
        m.bind('', '', [Buffer.from('é', 'latin1')]),
        m.execute(''),
        m.sync(),
      ),
    ).toEqual(['2']);
    expect(await rows(latin('SELECT 1 AS "é" FROM "ü"'))).toEqual(['E 42P01']);
    client.send(m.query("SET client_encoding = 'UTF8'"), m.query("SELECT 'é'"));
    expect(await client.until('Z', 2)).toBe('CSZTDCZ');
    expect(await rows(m.query("SELECT 'é'"))).toEqual(['é']);
    await client.end();
    const told = statementsOf(session.records).map(({ sql, sql_encoding, sql_raw, params, unsure, error }) =>
      [sql, sql_encoding, sql_raw, params?.[0]?.v, error?.message, ...(unsure ?? [])]
        .filter(Boolean)
        .join(' | '),
    );
    expect(told).toEqual([
      "SET client_encoding = 'LATIN1'",
      "SELECT octet_length('é') | LATIN1",
      'SELECT octet_length($1) | é',
      'SELECT 1 AS "é" FROM "ü" | LATIN1 | relation "ü" does not exist',
      "SET client_encoding = 'UTF8'",
      // Read as LATIN1, for that was the last thing told: the bytes are kept beside.
      `SELECT '${Buffer.from('é').toString('latin1')}' | LATIN1 | ${Buffer.from("SELECT 'é'").toString('hex')} | encoding_in_flight`,
      "SELECT 'é'",
    ]);
  });

  it.each(
    'LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 LATIN10 ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 KOI8R KOI8U WIN866 WIN874 WIN1250 WIN1251 WIN1252 WIN1253 WIN1254 WIN1255 WIN1256 WIN1257 WIN1258'
      .split(' ')
      .map((name) => ({ name })),
  )('every byte of $name is the character it is to the server', async ({ name }) => {
    await rows(
      m.query(`CREATE OR REPLACE FUNCTION pg_temp.c(b int) RETURNS text LANGUAGE plpgsql AS $f$
      BEGIN RETURN convert_from(decode(to_hex(b), 'hex'), '${name}'); EXCEPTION WHEN OTHERS THEN RETURN NULL; END $f$`),
    );
    const server = await rows(
      m.query('SELECT coalesce(ascii(pg_temp.c(b)), -1) FROM generate_series(128, 255) b'),
    );
    await client.end();
    const charset = charsetOf(name);
    const differing = server.flatMap((codePoint, place) => {
      const { text, isExact } = decodeText(charset, Buffer.of(128 + place), false);
      // What the server refuses needs no meaning.
      if (codePoint === '-1' || (isExact && text.codePointAt(0) === Number(codePoint))) return [];
      return [`${(128 + place).toString(16)}: ${codePoint} not ${isExact ? text.codePointAt(0) : 'read'}`];
    });
    expect(differing).toEqual([]);
  });
});
