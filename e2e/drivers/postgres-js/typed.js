/** Errors in transactions, and values of many types there and back; postgres.js speaks text only. */
import { connected, say, stateOf } from './session.js';

export async function transactionError(sql) {
  await sql`CREATE TABLE account (id int PRIMARY KEY, owner int REFERENCES account DEFERRABLE)`;
  await sql`CREATE TABLE late (id int REFERENCES account DEFERRABLE INITIALLY DEFERRED)`;
  const insert = (tx, id, owner) => stateOf(tx`INSERT INTO account VALUES (${id}, ${owner})`);
  const seen = [];
  const whole = sql.begin(async (tx) => {
    seen.push(await insert(tx, 1, null));
    seen.push(await stateOf(tx.savepoint((inner) => inner`INSERT INTO account VALUES (1, NULL)`)));
    seen.push(await insert(tx, 2, 1));
  });
  seen.push(await stateOf(whole));
  const failing = sql.begin(async (tx) => {
    seen.push(await stateOf(tx`SELECT ${1}::int / 0`));
    seen.push(await stateOf(tx`SELECT ${1}::int`));
  });
  seen.push(await stateOf(failing));
  const deferred = sql.begin(async (tx) => {
    seen.push(await stateOf(tx`SET CONSTRAINTS ALL DEFERRED`));
    seen.push(await insert(tx, 3, 99));
  });
  seen.push(await stateOf(deferred));
  seen.push(await stateOf(sql`INSERT INTO late VALUES (${99})`));
  say('transaction_error', { seen });
  say('transaction_error', { rows: await sql`SELECT * FROM account ORDER BY id` });
  const notices = [];
  const loud = connected({
    onnotice: ({ severity, code, message }) => notices.push({ severity, code, message }),
  });
  await loud`DO $$ BEGIN RAISE NOTICE 'sieh %', 'ünïcødé'; RAISE WARNING 'obacht'; END $$`;
  await loud.end();
  say('transaction_error', { notices });
}

const table = `CREATE TABLE typed (
  id int PRIMARY KEY, small int2, big int8, approx float4, double float8, exact numeric, flag bool, name text,
  fixed char(5), raw bytea, at timestamptz, local timestamp, day date, clock time, span interval, doc json, docb jsonb,
  uid uuid, ints int4[], names text[], address inet, mood mood, range int4range, bits varbit)`;

const rows = (sql) => [
  [
    1,
    -32768,
    9223372036854775807n,
    1.5,
    0.1,
    '12345678901234567890.123450',
    true,
    'ä 漢字 🐘 \'"\\',
    'ab',
    Buffer.from([0, 255, 10, 39, 92]),
    new Date('2024-02-29T23:59:59.999+05:30'),
    '1999-12-31 23:59:59',
    '0044-03-15',
    '24:00:00',
    '1 year 2 mons -3 days 04:05:06.5',
    sql.json({ a: [1, null, 'ü'] }),
    { b: { c: true } },
    '00112233-4455-6677-8899-aabbccddeeff',
    [1, null, -3],
    ['', null, 'NULL', 'with "quotes", and \\'],
    '2001:db8::/32',
    'froh',
    '[1,10)',
    '10110',
  ],
  [2, ...Array.from({ length: 23 }, () => null)],
  [
    3,
    0,
    0,
    'NaN',
    '-Infinity',
    'NaN',
    false,
    '',
    '',
    Buffer.alloc(0),
    new Date(0),
    '1970-01-01 00:00:00',
    new Date(0),
    '00:00',
    '0',
    '',
    {},
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    [],
    [],
    '0.0.0.0',
    'traurig',
    'empty',
    '',
  ],
];

const shown = (value) => {
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  return value instanceof Date && Number.isNaN(value.getTime()) ? 'no date' : value;
};

export async function types(sql) {
  await sql`CREATE TYPE mood AS ENUM ('froh', 'traurig')`;
  await sql.unsafe(table);
  const places = Array.from({ length: 24 }, (_, at) => `$${at + 1}`).join(', ');
  for (const prepare of [true, false]) {
    for (const row of rows(sql)) {
      const done = await stateOf(sql.unsafe(`INSERT INTO typed VALUES (${places})`, row, { prepare }));
      say('types', { prepare, id: row[0], done });
    }
    for (const { row } of await sql`SELECT typed::text AS row FROM typed ORDER BY id`) say('types', { row });
    for (const row of await sql`SELECT * FROM typed ORDER BY id`) {
      const values = Object.entries(row).map(([name, value]) => [name, shown(value)]);
      say('formats', { row: Object.fromEntries(values) });
    }
    say('formats', { values: await sql`SELECT id, name FROM typed ORDER BY id`.values() });
    const [raw] = await sql`SELECT raw, names FROM typed WHERE id = 1`.raw();
    say('formats', { raw: raw.map((bytes) => bytes.toString('hex')) });
    await sql`TRUNCATE typed`;
  }
}
