/** What node-postgres and its companions see of a server, step by step, as JSON lines. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { connected, say, settings, sha256, stateOf, untilRunning } from './session.js';
import { types } from './types.js';

async function connect() {
  const client = await connected();
  const { rows } = await client.query(
    'SELECT current_user, current_database(), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
  );
  say('connect', { rows });
  const refused = new pg.Client(settings({ password: 'not the password' }));
  say('connect', { wrong_password: await stateOf(refused.connect()) });
  return client;
}

async function prepare(client) {
  const query = { name: 'by_id', text: 'SELECT $1::int AS id, $2::text AS name' };
  for (const values of [
    [1, 'eins'],
    [2, 'zwei ä 漢字 🐘'],
    [3, null],
    [4, ''],
  ]) {
    say('prepare', (await client.query({ ...query, values })).rows[0]);
  }
  say('prepare', { bad_value: await stateOf(client.query({ ...query, values: ['x', 'y'] })) });
  say('prepare', { bad_text: await stateOf(client.query({ name: 'bad', text: 'SELEC $1', values: [1] })) });
  say('prepare', (await client.query({ ...query, values: [5, 'again'] })).rows[0]);
}

async function batch(client) {
  const piped = await connected({ pipeline: true });
  const texts = ['SELECT $1::int AS v', 'SELECT 10 / $1::int AS v', 'SELECT $1::int + 1 AS v'];
  const all = [1, 0, 2].flatMap((value) => texts.map((text) => piped.query(text, [value])));
  const settled = await Promise.allSettled(all);
  say('batch', { pipeline: settled.map(({ value, reason }) => value?.rows[0].v ?? reason.code) });
  await piped.end();
  const many = await client.query('SELECT 1 AS a; SELECT 2 AS b WHERE false; SELECT 3 AS c');
  say('batch', { query: many.map(({ command, rowCount, rows }) => ({ command, rowCount, rows })) });
  say('batch', { fails: await stateOf(client.query('SELECT 1; SELECT 1/0; SELECT 2')) });
  say('batch', { empty: (await client.query('')).command });
}

async function cursor(client) {
  await client.query('BEGIN');
  const portal = client.query(new Cursor('SELECT i FROM generate_series(1, $1::int) i', [8]));
  const chunks = [];
  for (let rows = await portal.read(3); rows.length > 0; rows = await portal.read(3)) {
    chunks.push(rows.map(({ i }) => i));
  }
  await portal.close();
  say('cursor', { portal: chunks });
  const left = client.query(new Cursor('SELECT i FROM generate_series(1, 100) i'));
  say('cursor', { left_early: (await left.read(2)).length });
  await left.close();
  let sum = 0;
  let rows = 0;
  const stream = new QueryStream('SELECT i FROM generate_series(1, 500) i', [], { batchSize: 60 });
  for await (const { i } of client.query(stream)) {
    sum += i;
    rows += 1;
  }
  say('cursor', { stream: { rows, sum } });
  await client.query('DECLARE walk SCROLL CURSOR FOR SELECT generate_series(1, 10) AS i');
  const fetched = [await client.query('FETCH 4 FROM walk'), await client.query('FETCH BACKWARD 2 FROM walk')];
  say('cursor', { declared: fetched.map((result) => result.rows.map(({ i }) => i)) });
  await client.query('COMMIT');
}

async function copy(client) {
  await client.query('CREATE TABLE copied (id int PRIMARY KEY, name text)');
  const lines = Array.from({ length: 400 }, (_, row) => `${row}\tzeile ${row} ä 漢字 🐘\n`);
  const into = client.query(copyFrom('COPY copied FROM STDIN'));
  await pipeline(Readable.from(lines), into);
  say('copy_in', { rows: into.rowCount });
  const bad = client.query(copyFrom('COPY copied FROM STDIN'));
  say('copy_in', { bad_row: await stateOf(pipeline(Readable.from(['500\tfine\n', 'x\ty\n']), bad)) });
  const given = client.query(copyFrom('COPY copied FROM STDIN'));
  const gone = new Promise((resolve) => given.once('error', resolve));
  given.write('600\tgiven up\n');
  given.destroy(Object.assign(new Error('given up'), { code: 'GIVEN_UP' }));
  say('copy_in', { given_up: (await gone).code });
  const out = client.query(copyTo('COPY (SELECT * FROM copied ORDER BY id) TO STDOUT'));
  const pieces = [];
  for await (const piece of out) pieces.push(piece);
  // The stream ends with CopyDone; the count comes with CommandComplete behind it.
  await client.query('SELECT 1');
  say('copy_out', { rows: out.rowCount, sha256: sha256(Buffer.concat(pieces)) });
  const binary = client.query(copyTo('COPY (SELECT 1::int4, NULL::text) TO STDOUT (FORMAT binary)'));
  const bytes = [];
  for await (const piece of binary) bytes.push(piece);
  say('copy_out', { binary: Buffer.concat(bytes).toString('hex') });
}

async function cancel(client) {
  const observer = await connected();
  const sleeping = stateOf(client.query('SELECT pg_sleep(600)'));
  await untilRunning(observer, 'SELECT pg_sleep(600)');
  const canceller = new pg.Client(settings());
  canceller.cancel(client, client._getActiveQuery());
  say('cancel', { running: await sleeping });
  say('cancel', { after: (await client.query('SELECT 1 AS v')).rows });
  await observer.end();
}

async function notify(client) {
  const ears = await connected();
  const heard = [];
  const both = new Promise((resolve) => {
    ears.on('notification', ({ channel, payload }) => {
      heard.push({ channel, payload });
      if (heard.length === 3) resolve();
    });
  });
  await ears.query('LISTEN "Kanal ä"');
  await client.query('NOTIFY "Kanal ä", \'grüße 🐘\'');
  await client.query('SELECT pg_notify($1, $2)', ['Kanal ä', '']);
  await ears.query('NOTIFY "Kanal ä", \'to myself\'');
  await both;
  heard.sort((a, b) => (a.payload < b.payload ? -1 : 1));
  say('notify', { heard });
  await ears.query('UNLISTEN *');
  await ears.end();
}

async function largeObject(client) {
  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7) % 256));
  const made = await client.query('SELECT lo_from_bytea(0, $1) AS oid', [bytes]);
  const { oid } = made.rows[0];
  await client.query('SELECT lo_put($1, 4990, $2)', [oid, Buffer.from('the end of it')]);
  const { rows } = await client.query('SELECT lo_get($1) AS content', [oid]);
  say('large_object', { length: rows[0].content.length, sha256: sha256(rows[0].content) });
  await client.query('BEGIN');
  await client.query('SELECT lo_open($1, 262144)', [oid]);
  await client.query('SELECT lo_lseek(0, 100, 0)');
  const { rows: read } = await client.query('SELECT loread(0, $1) AS piece', [8]);
  say('large_object', { piece: read[0].piece.toString('hex') });
  await client.query('COMMIT');
  await client.query('SELECT lo_unlink($1)', [oid]);
  say('large_object', { gone: await stateOf(client.query('SELECT lo_get($1)', [oid])) });
}

async function transactionError(client) {
  await client.query('CREATE TABLE account (id int PRIMARY KEY, owner int REFERENCES account DEFERRABLE)');
  const steps = [
    ['BEGIN'],
    ['INSERT INTO account VALUES ($1, NULL)', [1]],
    ['SAVEPOINT here'],
    ['INSERT INTO account VALUES ($1, NULL)', [1]],
    ['SELECT 1'],
    ['ROLLBACK TO here'],
    ['INSERT INTO account VALUES ($1, $2)', [2, 1]],
    ['COMMIT'],
    ['BEGIN'],
    ['SELECT $1::int / 0', [1]],
    ['SELECT $1::int', [1]],
    ['COMMIT'],
    ['BEGIN'],
    ['SET CONSTRAINTS ALL DEFERRED'],
    ['INSERT INTO account VALUES ($1, $2)', [3, 99]],
    ['COMMIT'],
    ['SELECT count(*) FROM account'],
  ];
  const seen = [];
  for (const [text, values] of steps) {
    const state = await stateOf(client.query(text, values));
    seen.push(state.sqlstate ?? `ok ${state.ok}`);
  }
  say('transaction_error', { seen });
  say('transaction_error', { rows: (await client.query('SELECT * FROM account ORDER BY id')).rows });
  const notices = [];
  client.on('notice', ({ severity, code, message }) => notices.push({ severity, code, message }));
  await client.query("DO $$ BEGIN RAISE NOTICE 'sieh %', 'ünïcødé'; RAISE WARNING 'obacht'; END $$");
  say('transaction_error', { notices });
}

const client = await connect();
await prepare(client);
await batch(client);
await cursor(client);
await copy(client);
await cancel(client);
await notify(client);
await largeObject(client);
await transactionError(client);
await types(client);
await client.end();
