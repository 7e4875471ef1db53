/** Values of many types there and back. */
import { say } from './session.js';

const table = `CREATE TABLE typed (
  id int PRIMARY KEY, small int2, big int8, approx float4, double float8, exact numeric, flag bool, name text,
  fixed char(5), raw bytea, at timestamptz, local timestamp, day date, clock time, span interval, doc json, docb jsonb,
  uid uuid, ints int4[], names text[], address inet, mood mood, range int4range, bits varbit)`;

const rows = [
  [
    1,
    -32768,
    '9223372036854775807',
    1.5,
    0.1,
    '12345678901234567890.123450',
    true,
    'ä 漢字 🐘 \'"\\',
    'ab',
    Buffer.from([0, 255, 10, 39, 92]),
    '2024-02-29T23:59:59.999999+05:30',
    '1999-12-31 23:59:59',
    '0001-01-01 BC',
    '24:00:00',
    '1 year 2 mons -3 days 04:05:06.5',
    { a: [1, null, 'ü'] },
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
    'infinity',
    '-infinity',
    'infinity',
    '00:00',
    '0',
    '""',
    '{}',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    [],
    [],
    '0.0.0.0',
    'traurig',
    'empty',
    '',
  ],
];

function shown(value) {
  return Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value;
}

/** Rows in and out, as the server prints them and as the driver parses them. */
export async function types(client) {
  await client.query("CREATE TYPE mood AS ENUM ('froh', 'traurig')");
  await client.query(table);
  const places = Array.from({ length: 24 }, (_, at) => `$${at + 1}`).join(', ');
  for (const row of rows) {
    const { rowCount } = await client.query(`INSERT INTO typed VALUES (${places})`, row);
    say('types', { id: row[0], inserted: rowCount });
  }
  const asServerPrints = await client.query('SELECT typed::text AS row FROM typed ORDER BY id');
  for (const { row } of asServerPrints.rows) say('types', { row });
  // Results in text only: node-postgres reads values as UTF-8 before it knows their format, so binary ones come out broken.
  for (const queryMode of ['simple', 'extended']) {
    const { rows: parsed } = await client.query({ text: 'SELECT * FROM typed ORDER BY id', queryMode });
    for (const row of parsed) {
      const values = Object.entries(row).map(([name, value]) => [name, shown(value)]);
      say('formats', { queryMode, row: Object.fromEntries(values) });
    }
  }
}
