import { maySet, mentionsSetConfig, type SettingChange, settingChange } from './settingChange.ts';

const to = (name: string, value: string | null, local = false): SettingChange => ({ name, value, local });

const cases: readonly [string, SettingChange | null][] = [
  ['SET ROLE app', to('role', 'app')],
  ['set session role "App Role";', to('role', 'App Role')],
  ["SET LOCAL ROLE 'app'", to('role', 'app', true)],
  ['SET ROLE NONE', to('role', null)],
  ["SET role = 'none'", to('role', null)],
  ['SET role TO app', to('role', 'app')],
  ['SET role TO DEFAULT', to('role', null)],
  ['RESET ROLE', to('role', null)],
  ['SET SESSION AUTHORIZATION bob', to('session_authorization', 'bob')],
  ['SET LOCAL SESSION AUTHORIZATION bob', to('session_authorization', 'bob', true)],
  ['SET SESSION SESSION AUTHORIZATION DEFAULT', to('session_authorization', null)],
  ["SET session_authorization = 'bob'", to('session_authorization', 'bob')],
  ['RESET SESSION AUTHORIZATION', to('session_authorization', null)],
  ['SET search_path TO a, "B c", public', to('search_path', 'a, "B c", public')],
  ["SET LOCAL search_path = 'a, b'", to('search_path', '"a, b"', true)],
  ['SET search_path = "$user", public', to('search_path', '"$user", public')],
  ["SET SCHEMA 'S'", to('search_path', '"S"')],
  ["SET search_path = ''", to('search_path', '""')],
  ["/* x */ SET client_encoding TO 'LATIN1'", to('client_encoding', 'LATIN1')],
  ["SET NAMES 'SJIS'", to('client_encoding', 'SJIS')],
  ['SET NAMES', to('client_encoding', null)],
  ['SET standard_conforming_strings = off; SELECT 1', to('standard_conforming_strings', 'off')],
  ['SET statement_timeout = -1', to('statement_timeout', '-1')],
  ["SET TIME ZONE INTERVAL '1' HOUR", to('timezone', null)],
  ['RESET ALL', to('all', null)],
  ['DISCARD ALL', to('all', null)],
  ['DISCARD PLANS', null],
  ['SET TRANSACTION READ ONLY', null],
  ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', null],
  ['SET CONSTRAINTS ALL DEFERRED', null],
  ['SET', null],
  ['SELECT 1', null],
  ['', null],
];

describe('settingChange', () => {
  it.each(cases)('%s', (sql, expected) => {
    expect(settingChange(sql)).toEqual(expected);
    if (expected !== null) expect(maySet(sql)).toBe(true);
  });

  it.each([
    ['select pg_catalog.SET_CONFIG($1, $2, true)', true, true],
    ['do $$ begin end $$', false, true],
    ['call p()', false, true],
    ['select 1; rollback', false, true],
    ['select offset_1, document from settings', false, false],
  ])('%s', (sql, calls, sets) => {
    expect([mentionsSetConfig(sql), maySet(sql)]).toEqual([calls, sets]);
  });
});
