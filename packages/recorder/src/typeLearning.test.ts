/** The side connection against a real server: what it learns, what the records then say, and that a crash changes none of it. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedPostgres, message, RawClient, startTestPostgres } from '@pgtape/testkit';
import { builtInType, decodeParameter, LearnedTypes } from '@pgtape/wire';
import pg from 'pg';
import { startRecorderBeside } from './recorderBeside.testing.ts';
import { askTypes } from './typeCatalog.ts';
import type { TypesPlan } from './workerPlan.ts';

let postgres: EmbeddedPostgres;
let admin: pg.Client;
let root: string;
let socketDir: string;
let plan: TypesPlan;

const ddl = `
  create extension hstore; create extension citext; create extension ltree; create extension cube; create extension lo;
  create schema app;
  create type app.mood as enum ('sad', 'so, so', 'hap"py');
  create domain app.short as text check (length(value) < 10);
  create domain app.shorter as app.short;
  create domain app.moods as app.mood[];
  create type app.pair as (a int, "b c" app.shorter, d app.mood, gone text, e app.mood[], h hstore);
  alter type app.pair drop attribute gone;
  create type app.span as range (subtype = float8, multirange_type_name = app.spans);
  create table app.people (id int, who app.mood, at timestamptz);
  create type app."Odd ""Name""" as enum ('x');
  create role types_reader login password 'types-password';
  create role raw login password 'raw';
  grant usage on schema app to raw;`;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-types-'));
  socketDir = mkdtempSync(join(tmpdir(), 'pgtape-socket-'));
  chmodSync(socketDir, 0o777);
  postgres = await startTestPostgres({
    dir: join(root, 'postgres'),
    password: 'types',
    settings: { timezone: 'UTC', log_connections: 'on', unix_socket_directories: socketDir },
    hba: ['host all raw 127.0.0.1/32 password', 'local all types_reader scram-sha-256'],
  });
  admin = new pg.Client({ host: '127.0.0.1', port: postgres.port, user: 'postgres', password: 'types' });
  await admin.connect();
  await admin.query(ddl);
  await admin.query('create database closed');
  await admin.query('revoke connect on database closed from public');
  const passwordFile = join(root, 'password');
  writeFileSync(passwordFile, 'types-password\n', { mode: 0o600 });
  plan = { host: '127.0.0.1', port: postgres.port, user: 'types_reader', passwordFile, timeoutMs: 5000 };
});

afterAll(async () => {
  await admin?.end();
  await postgres?.stop();
  for (const dir of [root, socketDir]) rmSync(dir, { recursive: true, force: true });
});

async function oidOf(type: string): Promise<number> {
  const { rows } = await admin.query<{ oid: number }>('select $1::regtype::oid as oid', [type]);
  return rows[0]!.oid;
}

describe('askTypes', () => {
  it('tells the database’s own types and what they are made of, but not those of its tables', async () => {
    const told = await askTypes(plan, 'postgres', null, 1000);
    const byName = new Map(told.map(({ oid: _oid, ...type }) => [type.name, type]));
    const of = async (name: string) => ({ name, of: await oidOf(name) });
    expect(byName.get('app.mood')).toEqual({ name: 'app.mood', kind: 'enum', of: 0 });
    expect(byName.get('app.mood[]')).toEqual({
      name: 'app.mood[]',
      kind: 'array',
      of: (await of('app.mood')).of,
      delimiter: ',',
    });
    expect(byName.get('app.short')).toEqual({ name: 'app.short', kind: 'domain', of: 25 });
    expect(byName.get('app.shorter')).toEqual({
      name: 'app.shorter',
      kind: 'domain',
      of: (await of('app.short')).of,
    });
    expect(byName.get('app.pair')).toEqual({ name: 'app.pair', kind: 'composite', of: 0 });
    expect(byName.get('app.span')).toEqual({ name: 'app.span', kind: 'range', of: 701 });
    expect(byName.get('app.spans')).toEqual({
      name: 'app.spans',
      kind: 'multirange',
      of: (await of('app.span')).of,
    });
    expect(byName.get('app."Odd ""Name"""')?.kind).toBe('enum');
    expect(byName.get('public.hstore')).toEqual({
      name: 'public.hstore',
      kind: 'base',
      of: 0,
      extension: 'hstore',
      bare: 'hstore',
    });
    expect(byName.get('public.lo')).toEqual({ name: 'public.lo', kind: 'domain', of: 26 });
    expect([...byName.keys()].filter((name) => name.includes('people'))).toEqual([]);
  });

  it('tells a table’s row type, with the types of its columns, when asked for it', async () => {
    const told = await askTypes(plan, 'postgres', [await oidOf('app.people')], 1000);
    expect(told.map(({ name }) => name).filter((name) => name.startsWith('app.'))).toEqual([
      'app.mood',
      'app.people',
    ]);
  });

  it('keeps to the number of types it may tell', async () => {
    expect(await askTypes(plan, 'postgres', null, 3)).toHaveLength(3);
  });

  it('goes through a unix socket as well', async () => {
    expect(await askTypes({ ...plan, host: socketDir }, 'postgres', null, 5)).toHaveLength(5);
  });

  it('shows itself by its application name and is gone afterwards', async () => {
    await askTypes(plan, 'postgres', [0], 1);
    expect(readFileSync(postgres.logFile, 'utf8')).toMatch(
      /connection authorized: user=types_reader .*application_name=pgtape types/,
    );
    const left = "select 1 from pg_stat_activity where application_name = 'pgtape types'";
    while ((await admin.query(left)).rowCount !== 0) await sleep(20);
  });

  it.each([
    { reason: 'credential_unreadable', change: { passwordFile: '/nowhere' } },
    { reason: 'unreachable', change: { port: 1 } },
    { reason: 'unreachable', change: { host: '/nowhere' } },
    { reason: 'login_refused', change: { user: 'postgres' } },
    { reason: 'login_refused', change: { user: 'nobody_there' } },
    { reason: 'tls_failed', change: { tls: {} } },
    { reason: 'database_missing', change: {}, database: 'nothing' },
    { reason: 'not_allowed', change: {}, database: 'closed' },
  ])('$change $database: $reason', async ({ reason, change, database = 'postgres' }) => {
    await expect(askTypes({ ...plan, ...change }, database, null, 10)).rejects.toMatchObject({
      name: 'TypeLookupError',
      reason,
    });
  });

  it('gives up on a server that says nothing: timed_out', async () => {
    await admin.query('begin; lock table pg_type in access exclusive mode');
    try {
      await expect(askTypes({ ...plan, timeoutMs: 300 }, 'postgres', null, 10)).rejects.toMatchObject({
        reason: 'timed_out',
      });
    } finally {
      await admin.query('rollback');
    }
  });
});

describe('learned types', () => {
  it.each([
    ['app.mood', 'enum_send', ['sad', 'so, so', 'hap"py']],
    ['app.mood[]', 'array_send', ['{sad,NULL,"so, so"}', '{}', '[3:3]={sad}', '{{sad},{"hap\\"py"}}']],
    ['app.shorter', 'textsend', ['', 'a b', 'é']],
    ['app.shorter[]', 'array_send', ['{"",NULL,"a b"}']],
    ['app.moods', 'array_send', ['{sad,"so, so"}', '{}']],
    [
      'app.pair',
      'record_send',
      ['(1,"a b",sad,"{sad,""so, so""}","""a""=>""b, \\\\""c\\\\""""")', '(,,,,)', '(1,"",,{},"")'],
    ],
    ['app.pair[]', 'array_send', ['{"(1,\\"a b\\",\\"so, so\\",,)",NULL}']],
    ['app.span', 'range_send', ['[1.5,2)', 'empty', '(,)', '[-Infinity,1e20]']],
    ['app.spans', 'multirange_send', ['{[1.5,2),[3,4]}', '{}']],
    ['app.people', 'record_send', ['(1,"so, so","2020-01-02 03:04:05+00")']],
    ['hstore', 'hstore_send', ['', 'a=>1', 'a=>NULL, b=>"NULL", "c d"=>"e\\"f\\\\g", ""=>""', 'é=>€']],
    ['hstore[]', 'array_send', ['{"a=>1",NULL}']],
    ['citext', 'citextsend', ['', 'MiXed Case']],
    ['ltree', 'ltree_send', ['', 'a', 'Top.Science.Astronomy']],
    ['lquery', 'lquery_send', ['*.a|b.!c{1,2}', 'a*@.b%']],
    ['ltxtquery', 'ltxtq_send', ['a & b*@ | !c']],
    ['cube', 'cube_send', ['()', '(1)', '(1,2,3)', '(1,2),(3,4)', '(1.5,-1e20),(1.5,-1e20)', '(0),(1)']],
    ['lo', 'oidsend', ['123']],
  ])('%s: as the server prints it', async (type, send, literals) => {
    const types = new LearnedTypes();
    types.learn(await askTypes(plan, 'postgres', [await oidOf(type)], 1000));
    const oid = await oidOf(type);
    const { rows } = await admin.query<{ text: string; binary: string }>(
      `select format('%s', v) as text, encode(${send}(v), 'hex') as binary
       from (select l::${type} as v from unnest($1::text[]) l offset 0) s`,
      [literals],
    );
    expect(
      rows.map(({ binary }) => decodeParameter(oid, 1, Buffer.from(binary, 'hex'), 1 << 20, types.typeOf)),
    ).toEqual(rows.map(({ text }) => ({ v: text, enc: 'text', cut: false })));
    expect(builtInType(oid)).toBeUndefined();
    for (const { binary } of rows) {
      const whole = Buffer.from(binary, 'hex');
      for (let length = 0; length < whole.length; length += 1) {
        const short = decodeParameter(oid, 1, whole.subarray(0, length), 1 << 20, types.typeOf);
        expect(short).toEqual(
          decodeParameter(oid, 1, Buffer.from(whole.subarray(0, length)), 1 << 20, types.typeOf),
        );
      }
    }
  });
});

describe('a recorder with a side connection', () => {
  it('records values of the database’s own types by name, also of those made later', async () => {
    const dir = join(root, 'recorded');
    const { recorder, finish } = await startRecorderBeside(dir, postgres.port, {
      types: { user: plan.user, passwordFile: plan.passwordFile },
    });
    const client = await RawClient.connect({
      port: recorder.listen.port,
      user: 'raw',
      database: 'postgres',
      password: 'raw',
    });
    const until = async (is: () => boolean): Promise<void> => {
      for (let waited = 0; !is(); waited += 20) {
        if (waited > 45_000) throw new Error('it was not learned');
        await sleep(20);
      }
    };
    const learned = (): number => recorder.stats().worker?.typesLearned ?? 0;
    await until(() => learned() > 0);
    const ask = async (type: string, value: Buffer): Promise<void> => {
      client.send(
        message.parse('', `select $1::${type}`, [await oidOf(type)]),
        message.bind('', '', [value], [1]),
        message.execute(''),
        message.sync(),
      );
      await client.until('Z');
    };
    await ask('app.mood', Buffer.from('so, so'));
    await ask('hstore', Buffer.from('000000010000000161ffffffff', 'hex'));
    await admin.query("create type app.later as enum ('yes')");
    const before = learned();
    await ask('app.later', Buffer.from('yes'));
    await until(() => learned() > before);
    await ask('app.later', Buffer.from('yes'));
    await client.end();
    const { worker } = recorder.stats();
    const records = await finish();
    expect(worker?.typeLookups).toEqual({ answered: 2 });
    const params = records.flatMap((record) => (record.kind === 'statement' ? (record.params ?? []) : []));
    expect(params.map(({ type, enc, v }) => [type, enc, v])).toEqual([
      ['app.mood', 'text', 'so, so'],
      ['public.hstore', 'text', '"a"=>NULL'],
      ['unknown', 'hex', '796573'],
      ['app.later', 'text', 'yes'],
    ]);
    expect(JSON.stringify(records)).not.toContain('types-password');
  });
});
