/** What postgres.js sees of a server, step by step, as JSON lines. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connected, say, sha256, stateOf, untilRunning } from './session.js';
import { transactionError, types } from './typed.js';

async function connect() {
  const sql = connected();
  const rows =
    await sql`SELECT current_user, current_database(), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
  say('connect', { rows });
  const refused = connected({ password: 'not the password' });
  say('connect', { wrong_password: await stateOf(refused`SELECT 1`) });
  await refused.end();
  return sql;
}

async function prepare(sql) {
  for (const [id, name] of [
    [1, 'eins'],
    [2, 'zwei ä 漢字 🐘'],
    [3, null],
    [4, ''],
  ]) {
    say('prepare', { rows: await sql`SELECT ${id}::int AS id, ${name}::text AS name` });
  }
  say('prepare', { bad_value: await stateOf(sql`SELECT ${'x'}::text::int AS id`) });
  say('prepare', { bad_text: await stateOf(sql`SELEC ${1}`) });
  const described = await sql`SELECT ${1}::int AS id, ${'x'}::text AS name`.describe();
  say('prepare', {
    types: described.types,
    columns: described.columns.map(({ name, type }) => [name, type]),
  });
  say('prepare', { unprepared: await sql.unsafe('SELECT $1::int * 2 AS v', [21], { prepare: false }) });
  say('prepare', { named: await sql.unsafe('SELECT $1::int * 2 AS v', [21], { prepare: true }) });
}

async function batch(sql) {
  // Sent one behind the other without waiting for answers, each with a Sync of its own.
  const values = [5, 0, 4, 0, 2];
  const settled = await Promise.allSettled(values.map((value) => sql`SELECT 100 / ${value}::int AS v`));
  say('batch', { pipeline: settled.map(({ value, reason }) => value?.[0].v ?? reason.code) });
  const many = await sql`SELECT 1 AS a; SELECT 2 AS b WHERE false; SELECT 3 AS c`.simple();
  say('batch', { query: many.map((rows) => ({ command: rows.command, count: rows.count, rows })) });
  say('batch', { fails: await stateOf(sql`SELECT 1; SELECT 1/0; SELECT 2`.simple()) });
  const rows = await sql`SELECT * FROM (VALUES ${sql([
    [1, 'a'],
    [2, null],
  ])}) AS given (id, name)`.catch((error) => error.code);
  say('batch', { helper: rows });
  const begun = await sql.begin((tx) => ['SELECT 1 AS v', 'SELECT 2 AS v'].map((text) => tx.unsafe(text)));
  say('batch', { in_transaction: begun.map(([{ v }]) => v) });
}

async function cursor(sql) {
  const chunks = [];
  await sql`SELECT i FROM generate_series(1, ${8}::int) i`.cursor(3, (rows) => {
    chunks.push(rows.map(({ i }) => i));
  });
  say('cursor', { portal: chunks });
  let seen = 0;
  for await (const rows of sql`SELECT i FROM generate_series(1, 100) i`.cursor(10)) {
    seen += rows.length;
    if (seen >= 20) break;
  }
  say('cursor', { left_early: seen });
  let sum = 0;
  const streamed = await sql`SELECT i FROM generate_series(1, 500) i`.forEach(({ i }) => {
    sum += i;
  });
  say('cursor', { stream: { count: streamed.count, sum } });
}

async function copy(sql) {
  await sql`CREATE TABLE copied (id int PRIMARY KEY, name text)`;
  const lines = Array.from({ length: 400 }, (_, row) => `${row}\tzeile ${row} ä 漢字 🐘\n`);
  await pipeline(Readable.from(lines), await sql`COPY copied FROM STDIN`.writable());
  say('copy_in', { rows: await sql`SELECT count(*)::int AS n FROM copied` });
  // Before its end: what the server refuses after the last byte never reaches the stream (postgres 3.4.9).
  const bad = await sql`COPY copied FROM STDIN`.writable();
  const refused = new Promise((resolve) => bad.once('error', resolve));
  bad.write('500\tfine\nx\ty\n');
  say('copy_in', { bad_row: (await refused).code });
  const given = await sql`COPY copied FROM STDIN`.writable();
  const destroyed = new Promise((resolve) => given.once('error', resolve));
  given.write('600\tgiven up\n');
  given.destroy(new Error('given up'));
  say('copy_in', {
    given_up: (await destroyed).message,
    rows: await sql`SELECT count(*)::int AS n FROM copied`,
  });
  const out = await sql`COPY (SELECT * FROM copied ORDER BY id) TO STDOUT`.readable();
  const pieces = [];
  for await (const piece of out) pieces.push(piece);
  say('copy_out', { sha256: sha256(Buffer.concat(pieces)) });
}

async function cancel(sql) {
  const observer = connected();
  const sleeping = sql`SELECT pg_sleep(600)`.execute();
  const state = stateOf(sleeping);
  await untilRunning(observer, 'SELECT pg_sleep(600)');
  sleeping.cancel();
  say('cancel', { running: await state });
  say('cancel', { after: await sql`SELECT 1 AS v` });
  await observer.end();
}

async function notify(sql) {
  const ears = connected();
  const heard = [];
  let enough = () => {};
  const both = new Promise((resolve) => {
    enough = resolve;
  });
  await ears.listen('Kanal ä', (payload) => {
    heard.push(payload);
    if (heard.length === 3) enough();
  });
  await sql`NOTIFY "Kanal ä", 'grüße 🐘'`;
  await sql.notify('Kanal ä', '');
  await ears.notify('Kanal ä', 'to myself');
  await both;
  say('notify', { heard: heard.sort() });
  await ears.end();
}

async function largeObject(sql) {
  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7) % 256));
  const object = await sql.largeObject();
  await object.write(bytes);
  await object.seek(100);
  const [{ data }] = await object.read(8);
  say('large_object', { piece: data.toString('hex'), tell: await object.tell() });
  await object.truncate(4000);
  await object.seek(0);
  const [{ data: all }] = await object.read(10_000);
  say('large_object', { length: all.length, sha256: sha256(all) });
  await object.close();
  const [{ oid }] = await sql`SELECT lo_from_bytea(0, ${bytes}) AS oid`;
  await sql`SELECT lo_unlink(${oid})`;
  say('large_object', { gone: await stateOf(sql`SELECT lo_get(${oid})`) });
}

const sql = await connect();
await prepare(sql);
await batch(sql);
await cursor(sql);
await copy(sql);
await cancel(sql);
await notify(sql);
await largeObject(sql);
await transactionError(sql);
await types(sql);
await sql.end();
