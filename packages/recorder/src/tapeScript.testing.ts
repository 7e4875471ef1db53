import { message as m, RawClient } from '@pgtape/testkit';

/** Every kind of statement a tape must hold, on one connection after another: what `goldenTape.test.ts` compares whole. */
export interface ScriptServer {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

type Step = (client: RawClient) => Promise<void>;

const query =
  (sql: string, replies = 'Z'): Step =>
  async (client) => {
    client.send(m.query(sql));
    await client.until(replies);
  };

const batch =
  (...messages: readonly Buffer[]): Step =>
  async (client) => {
    client.send(...messages);
    await client.until('Z');
  };

const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

const simple: readonly Step[] = [
  query('SELECT 1'),
  query("SELECT 'a', NULL::text, ''"),
  query('SELECT g FROM generate_series(1, 5) g'),
  query(''),
  query('  -- nothing but a comment'),
  query('SELEC 1'),
  query('SELECT 1/0'),
  query('SELECT * FROM nowhere'),
  query(
    'CREATE TABLE t (id int PRIMARY KEY, v text, CONSTRAINT late UNIQUE (v) DEFERRABLE INITIALLY DEFERRED)',
  ),
  query("INSERT INTO t VALUES (1, 'one'), (2, 'two')"),
  query("UPDATE t SET v = v || '!' WHERE id = 1"),
  query('DELETE FROM t WHERE id = 99'),
  query('SHOW server_version_num'),
  query('SET application_name = \'golden "tape"\''),
  query("SELECT 'naïve 渋谷 🐘'"),
  query("SELECT E'line\\nbreak', $$dollar; quoted$$"),
];

const multi: readonly Step[] = [
  query('SELECT 1; SELECT 2 ; SELECT 3;'),
  query("INSERT INTO t VALUES (3, 'three'); SELECT 1/0; SELECT 'never'"),
  query('SELECT 1; SELEC 2'),
  query("BEGIN; INSERT INTO t VALUES (4, 'four'); COMMIT; SELECT 'after'"),
];

const transactions: readonly Step[] = [
  query('BEGIN'),
  query("INSERT INTO t VALUES (10, 'ten')"),
  query('SAVEPOINT a'),
  query("INSERT INTO t VALUES (11, 'eleven')"),
  query('ROLLBACK TO SAVEPOINT a'),
  query("INSERT INTO t VALUES (12, 'twelve')"),
  query('RELEASE a'),
  query('COMMIT'),
  query('BEGIN'),
  query('SELECT 1/0'),
  query("SELECT 'in a failed transaction'"),
  query('COMMIT'),
  query('BEGIN'),
  query("INSERT INTO t VALUES (20, 'ten')"),
  query('COMMIT'),
  query('BEGIN'),
  query("INSERT INTO t VALUES (30, 'thirty')"),
  query("PREPARE TRANSACTION 'gid-1'"),
  query("COMMIT PREPARED 'gid-1'"),
  query('START TRANSACTION'),
  query('ROLLBACK AND CHAIN'),
  query('ROLLBACK'),
];

const extended: readonly Step[] = [
  batch(
    m.parse('', 'SELECT $1::int + $2::int'),
    m.bind('', '', ['40', '2']),
    m.describe('P', ''),
    m.execute(''),
    m.sync(),
  ),
  batch(m.parse('add', 'SELECT $1::int + $2::int'), m.describe('S', 'add'), m.sync()),
  batch(m.bind('', 'add', [int4(40), int4(2)], [1]), m.execute(''), m.sync()),
  batch(m.bind('', 'add', ['7', null]), m.execute(''), m.sync()),
  batch(
    m.parse('txt', 'SELECT $1::text, $2::bytea'),
    m.bind('', 'txt', ['', Buffer.from([0, 255])], [0, 1]),
    m.execute(''),
    m.sync(),
  ),
  batch(m.parse('bad', 'SELEC 1'), m.bind('', 'bad'), m.execute(''), m.sync()),
  batch(m.bind('', 'missing'), m.execute(''), m.sync()),
  batch(m.bind('', 'add', ['x', '1']), m.execute(''), m.sync()),
  batch(m.parse('', 'SELECT 1/($1::int)'), m.bind('', '', ['0']), m.execute(''), m.sync()),
  batch(
    m.parse('', "INSERT INTO t VALUES (40, 'forty')"),
    m.bind('', ''),
    m.execute(''),
    m.parse('', 'SELECT 1/0'),
    m.bind('', ''),
    m.execute(''),
    m.parse('', "SELECT 'skipped'"),
    m.bind('', ''),
    m.execute(''),
    m.sync(),
  ),
  batch(
    m.parse('', "INSERT INTO t VALUES (50, 'fifty')"),
    m.bind('', ''),
    m.execute(''),
    m.parse('', "INSERT INTO t VALUES (51, 'fifty-one')"),
    m.bind('', ''),
    m.execute(''),
    m.sync(),
  ),
  batch(m.parse('', "INSERT INTO t VALUES (60, 'fifty')"), m.bind('', ''), m.execute(''), m.sync()),
  query('BEGIN'),
  batch(
    m.parse('rows', 'SELECT g FROM generate_series(1, 5) g'),
    m.bind('p', 'rows'),
    m.execute('p', 2),
    m.sync(),
  ),
  batch(m.execute('p', 2), m.sync()),
  batch(m.execute('p', 2), m.sync()),
  batch(m.close('P', 'p'), m.close('S', 'rows'), m.sync()),
  query('COMMIT'),
  batch(m.parse('', ''), m.bind('', ''), m.execute(''), m.sync()),
  batch(m.functionCall(1251, ['-7'])),
];

const copies: readonly Step[] = [
  query('COPY t TO STDOUT'),
  async (client) => {
    client.send(m.query('COPY t FROM STDIN'));
    await client.until('G');
    client.send(m.copyData('70\tseventy\n'), m.copyData('71\tseventy-one\n'), m.copyDone());
    await client.until('Z');
  },
  async (client) => {
    client.send(m.query('COPY t FROM STDIN'));
    await client.until('G');
    client.send(m.copyData('80\teighty\n'), m.copyFail('changed my mind'));
    await client.until('Z');
  },
  async (client) => {
    client.send(m.query('COPY t FROM STDIN'));
    await client.until('G');
    client.send(m.copyData('not a number\tx\n'), m.copyDone());
    await client.until('Z');
  },
  async (client) => {
    client.send(m.parse('', 'COPY t FROM STDIN'), m.bind('', ''), m.execute(''), m.sync());
    client.send(m.copyData('90\tninety\n'), m.copyDone(), m.sync());
    await client.until('Z');
  },
];

const secrets: readonly Step[] = [
  query("CREATE ROLE secretive PASSWORD 'hunter2-planted'"),
  query("ALTER ROLE secretive PASSWORD 'hunter3-planted' VALID UNTIL 'infinity'"),
  query("CREATE ROLE secretive PASSWORD 'hunter4-planted'"),
  query('DROP ROLE secretive'),
];

const slow: readonly Step[] = [
  query('SELECT pg_sleep(2.3)'),
  async (client) => {
    client.send(m.parse('', 'SELECT pg_sleep(0.01)'), m.bind('', ''), m.execute(''), m.flush());
    await client.until('C');
    client.send(m.sync());
    await client.until('Z');
  },
  query("SET statement_timeout = '500ms'"),
  query('SELECT pg_sleep(10)'),
  query('RESET statement_timeout'),
  query('LISTEN golden'),
  query("NOTIFY golden, 'payload'"),
  query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$"),
  query('DISCARD ALL'),
  batch(m.bind('', 'add', ['1', '1']), m.execute(''), m.sync()),
];

/** Plays the whole script through `server`; resolves when every connection is closed. */
export async function playTapeScript(server: ScriptServer): Promise<void> {
  const connect = (application: string): Promise<RawClient> =>
    RawClient.connect({ ...server, database: 'postgres', parameters: { application_name: application } });
  for (const [name, steps] of Object.entries({
    simple,
    multi,
    transactions,
    extended,
    copies,
    secrets,
    slow,
  })) {
    const client = await connect(`golden ${name}`);
    for (const step of steps) await step(client);
    await client.end();
  }
  const lost = await connect('golden lost');
  await query('BEGIN')(lost);
  await query("INSERT INTO t VALUES (100, 'never committed')")(lost);
  lost.destroy();
  await lost.closed();
}
