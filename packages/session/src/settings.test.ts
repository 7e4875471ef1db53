/** Who a statement ran as, and where it looked names up: known, or unknown by name. */
import { startupBody } from './messages.testing.ts';
import { apply, Stage } from './script.testing.ts';

const query = (sql: string, tag: string, status = 'I') => `> Q ${sql}\n< C ${tag}\n< Z ${status}\n`;
const begin = query('BEGIN', 'BEGIN', 'T');
const commit = query('COMMIT', 'COMMIT');
const rollback = query('ROLLBACK', 'ROLLBACK');
const select = (status = 'I') => query('SELECT 1', 'SELECT 1', status);
const failed = (status: string) => `> Q SELECT 1/0\n< E 22012\n< Z ${status}\n`;
const opening = '< R 0\n< S session_authorization=ann\n< Z I\n';

/** Role, session user, search path and doubts of each SELECT 1. */
function told(script: string, opened = opening, packet: Record<string, string> = { user: 'ann' }): string[] {
  const stage = apply(new Stage(), { kind: 'startup', body: startupBody(packet) })
    .run(opened)
    .run(script);
  return stage.records.flatMap((draft) => {
    if (draft.kind !== 'statement' || draft.sql !== 'SELECT 1') return [];
    const { role, session_user, search_path, unsure } = draft;
    return [[role ?? '?', session_user, search_path, ...(unsure ?? [])].filter(Boolean).join(' ')];
  });
}

const roles = [
  { name: 'who logged in', script: select(), roles: ['ann'] },
  {
    name: 'SET ROLE and RESET ROLE',
    script: `${query('SET ROLE app', 'SET')}${select()}${query('RESET ROLE', 'RESET')}${select()}`,
    roles: ['app', 'ann'],
  },
  {
    name: 'SET ROLE itself runs as before it',
    script: `> Q SELECT 1; SET ROLE app; SELECT 1\n< C SELECT 1\n< C SET\n< C SELECT 1\n< Z I`,
    roles: ['ann', 'app'],
  },
  {
    name: 'SET ROLE NONE, and of a quoted name',
    script: `${query('set role "App"', 'SET')}${select()}${query('set role none', 'SET')}${select()}`,
    roles: ['App', 'ann'],
  },
  {
    name: 'SET LOCAL ends with its transaction',
    script: `${begin}${query('SET LOCAL ROLE app', 'SET', 'T')}${select('T')}${commit}${select()}`,
    roles: ['app', 'ann'],
  },
  {
    name: 'SET LOCAL over SET: the outer one stays',
    script: `${begin}${query('SET ROLE one', 'SET', 'T')}${query('SET LOCAL ROLE two', 'SET', 'T')}${select('T')}${commit}${select()}`,
    roles: ['two', 'one'],
  },
  {
    name: 'SET is undone by ROLLBACK',
    script: `${query('SET ROLE one', 'SET')}${begin}${query('SET ROLE two', 'SET', 'T')}${select('T')}${rollback}${select()}`,
    roles: ['two', 'one'],
  },
  {
    name: 'SET is undone by an error, before ROLLBACK',
    script: `${begin}${query('SET ROLE two', 'SET', 'T')}${failed('E')}${rollback}${select()}`,
    roles: ['ann'],
  },
  {
    name: 'ROLLBACK TO undoes what its savepoint saw',
    script: `${begin}${query('SET ROLE one', 'SET', 'T')}${query('SAVEPOINT s', 'SAVEPOINT', 'T')}${query('SET ROLE two', 'SET', 'T')}
      ${select('T')}${query('ROLLBACK TO s', 'ROLLBACK', 'T')}${select('T')}${commit}${select()}`,
    roles: ['two', 'one', 'one'],
  },
  {
    name: 'RELEASE keeps what was set behind it',
    script: `${begin}${query('SAVEPOINT s', 'SAVEPOINT', 'T')}${query('SET ROLE two', 'SET', 'T')}${query('RELEASE s', 'RELEASE', 'T')}${commit}${select()}`,
    roles: ['two'],
  },
  {
    name: 'an implicit transaction that fails',
    script: `> Q SET ROLE app; SELECT 1; SELECT 1/0\n< C SET\n< C SELECT 1\n< E 22012\n< Z I\n${select()}`,
    roles: ['app', 'ann'],
  },
  {
    name: 'a commit that fails at Sync',
    script: `> P -|SET ROLE app\n> B -|-\n> E -\n> S\n< 1\n< 2\n< C SET\n< E 23505\n< Z I\n${select()}`,
    roles: ['ann'],
  },
  {
    name: 'a prepared SET ROLE',
    script: `> P s|SET ROLE app\n> B -|s\n> E -\n> S\n< 1\n< 2\n< C SET\n< Z I\n${select()}`,
    roles: ['app'],
  },
  {
    name: 'SET SESSION AUTHORIZATION takes the role along, and the server confirms it',
    script: `${query('SET ROLE app', 'SET')}> Q SET SESSION AUTHORIZATION bob\n< C SET\n< S session_authorization=bob\n< Z I\n${select()}
      > Q RESET SESSION AUTHORIZATION\n< C RESET\n< S session_authorization=ann\n< Z I\n${select()}`,
    roles: ['bob bob', 'ann'],
  },
  {
    name: 'session_authorization changed where nobody saw it',
    script: `> Q SELECT f()\n< C SELECT 1\n< S session_authorization=bob\n< Z I\n${select()}`,
    roles: ['bob bob'],
  },
  {
    name: 'a DO block',
    script: `${query('DO $$ $$', 'DO')}${select()}${query('SET ROLE app', 'SET')}${select()}`,
    roles: ['? role_hidden', 'app'],
  },
  {
    name: 'a procedure',
    script: `${query('CALL p()', 'CALL')}${select()}${query('RESET ROLE', 'RESET')}${select()}`,
    roles: ['? role_hidden', 'ann'],
  },
  { name: 'a FunctionCall', script: `> F 1598|\n< V\n< Z I\n${select()}`, roles: ['? role_hidden'] },
  {
    name: 'set_config',
    script: `${query("SELECT set_config('role', 'app', false)", 'SELECT 1')}${select()}`,
    roles: ['? role_not_followed'],
  },
  {
    name: 'set_config behind EXECUTE',
    script: `${query("PREPARE x AS SELECT set_config('role', $1, false)", 'PREPARE')}${query("EXECUTE x('app')", 'SELECT 1')}${select()}`,
    roles: ['? role_not_followed'],
  },
  {
    name: 'set_config in a transaction that rolls back',
    script: `${begin}${query("SELECT set_config('role', 'app', false)", 'SELECT 1', 'T')}${rollback}${select()}`,
    roles: ['ann'],
  },
  {
    name: 'a statement whose text is unknown',
    script: `> B -|lost\n> E -\n> S\n< 2\n< C SELECT 1\n< Z I\n${select()}`,
    roles: ['? role_hidden'],
  },
  {
    name: 'DISCARD ALL',
    script: `${query('CALL p()', 'CALL')}${query('DISCARD ALL', 'DISCARD ALL')}${select()}`,
    roles: ['ann'],
  },
  {
    name: 'PostgreSQL 18: a block that answered idle without having committed',
    script: `> P -|SET ROLE app\n> B -|-\n> E -\n> Q SELECT 1\n> S\n< 1\n< 2\n< C SET\n< C SELECT 1\n< Z T\n< Z I\n${select()}`,
    roles: ['app', '? role_not_followed'],
  },
];

const path = 'search_path="$user", public';
const paths = [
  {
    name: 'as PostgreSQL 18 reports it',
    opened: `< R 0\n< S ${path}\n< Z I`,
    script: select(),
    paths: ['"$user", public'],
  },
  {
    name: 'set, reported, and rolled back',
    opened: `< R 0\n< S ${path}\n< Z I`,
    script: `${begin}> Q SET search_path = a, B\n< C SET\n< S search_path=a, b\n< Z T\n${select('T')}> Q ROLLBACK\n< C ROLLBACK\n< S ${path}\n< Z I\n${select()}`,
    paths: ['a, b', '"$user", public'],
  },
  {
    name: 'a DO block is no secret to a server that reports it',
    opened: `< R 0\n< S ${path}\n< Z I`,
    script: `> Q DO $$ $$; SELECT 1\n< C DO\n< C SELECT 1\n< S search_path=c\n< Z I\n${select()}`,
    paths: ['role_hidden search_path_hidden', 'c role_hidden'],
  },
  {
    name: 'not reported: set in the open, then hidden',
    opened: '< R 0\n< Z I',
    script: `${select()}${query('SET search_path = a', 'SET')}${select()}${query('DO $$ $$', 'DO')}${select()}${query('RESET search_path', 'RESET')}${select()}`,
    paths: ['', 'a', 'role_hidden search_path_hidden', 'role_hidden'],
  },
  {
    name: 'SET LOCAL',
    opened: '< R 0\n< Z I',
    script: `${query('SET search_path = a', 'SET')}${begin}${query("SET LOCAL search_path = 'b'", 'SET', 'T')}${select('T')}${commit}${select()}`,
    paths: ['b', 'a'],
  },
];

describe('settings', () => {
  it.each(roles)('role: $name', ({ script, roles: expected }) => {
    expect(told(script)).toEqual(expected);
  });

  it.each(paths)('search_path: $name', ({ opened, script, paths: expected }) => {
    expect(told(script, opened).map((one) => one.replace(/^\? ?/, ''))).toEqual(expected);
  });

  it('startup parameters that set what the server does not report', () => {
    const opened = '< R 0\n< S session_authorization=ann\n< Z I';
    expect(told(select(), opened, { user: 'ann', role: 'app', search_path: 'x' })).toEqual(['app x']);
    expect(told(select(), opened, { user: 'ann', options: '-c role=app' })).toEqual(['? role_not_followed']);
  });

  it('goes on the same from a snapshot, also within a transaction', () => {
    const script = `${begin}${query('SET ROLE one', 'SET', 'T')}${query('SAVEPOINT s', 'SAVEPOINT', 'T')}${query('SET LOCAL ROLE two', 'SET', 'T')}`;
    for (const end of [commit, rollback, query('ROLLBACK TO s', 'ROLLBACK', 'T')]) {
      const whole = new Stage().run(opening).run(script);
      const cut = new Stage().run(opening).run(script);
      cut.swap();
      for (const stage of [whole, cut]) stage.run(`${end}${select()}`);
      expect(cut.records).toEqual(whole.records);
      expect(cut.machine.snapshot()).toEqual(whole.machine.snapshot());
    }
  });
});
