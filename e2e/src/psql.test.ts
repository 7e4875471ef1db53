import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mebibyte, verify } from './probes.ts';
import { inCsv, psqlScript } from './psqlScript.ts';
import { type Stack, startStack } from './stack.ts';

interface Output {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Content of the files the script wrote. */
  readonly files: readonly string[];
}

describe('R2: psql behaves the same through the recorder, byte for byte', () => {
  let stack: Stack;
  let dir = '';

  function run(
    port: number,
    args: readonly string[],
    input: string,
    env: Record<string, string> = {},
  ): Output {
    const cwd = join(dir, `${port}`);
    mkdirSync(cwd, { recursive: true });
    writeFileSync(join(cwd, 'in.csv'), `${inCsv}\n`);
    const done = spawnSync(
      'psql',
      ['-X', '-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres', ...args, 'postgres'],
      {
        cwd,
        input,
        encoding: 'utf8',
        maxBuffer: 256 * mebibyte,
        timeout: 60_000,
        env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', PGPASSWORD: stack.postgres.password, ...env },
      },
    );
    // Which port it is stands in some messages; backend ids in others.
    const plain = (text: string): string =>
      text
        .replaceAll(`port ${port}`, 'port N')
        .replaceAll(`"${port}"`, '"N"')
        .replace(/PID \d+/g, 'PID N');
    return {
      status: done.status,
      stdout: plain(done.stdout),
      stderr: plain(done.stderr),
      files: ['out.csv'].map((file) => {
        try {
          return readFileSync(join(cwd, file), 'utf8');
        } catch {
          return 'missing';
        }
      }),
    };
  }

  beforeAll(async () => {
    stack = await startStack();
    dir = mkdtempSync(join(tmpdir(), 'pgtape-psql-'));
  });
  afterAll(async () => {
    await stack.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('a script with COPY, \\copy, \\gdesc, cursors, errors, 5 MB literals, unicode', () => {
    const direct = run(stack.postgres.port, ['-a'], psqlScript());
    const through = run(stack.ports.recorder, ['-a'], psqlScript());
    // The script did what it is meant to do.
    expect(direct.stdout).toContain('second');
    expect(direct.stderr).toMatch(/division by zero/);
    expect(direct.stderr).toMatch(/NOTICE:.*ünïcødé/);
    expect(direct.files[0]?.split('\n').length).toBe(52);
    expect(through.stdout === direct.stdout).toBe(true);
    expect(through.stderr).toBe(direct.stderr);
    expect(through).toEqual(direct);
  });

  it.each([
    { name: 'sslmode=disable', env: { PGSSLMODE: 'disable' } },
    { name: 'sslmode=prefer', env: { PGSSLMODE: 'prefer' } },
    { name: 'sslmode=allow', env: { PGSSLMODE: 'allow' } },
    { name: 'sslmode=require', env: { PGSSLMODE: 'require' } },
    { name: 'gssencmode=prefer', env: { PGGSSENCMODE: 'prefer' } },
    { name: 'gssencmode=require', env: { PGGSSENCMODE: 'require' } },
    { name: 'channel_binding=require', env: { PGCHANNELBINDING: 'require' } },
    { name: 'wrong password', env: { PGPASSWORD: 'wrong' } },
    { name: 'an option the server refuses', env: { PGOPTIONS: '-c work_mem=nonsense' } },
    { name: 'options', env: { PGOPTIONS: '-c work_mem=77MB', PGAPPNAME: 'ümläut' } },
    { name: 'another encoding', env: { PGCLIENTENCODING: 'LATIN1' } },
  ])('$name', ({ env }) => {
    const sql = "SHOW work_mem; SELECT 'é' AS e; SHOW application_name;\n";
    const direct = run(stack.postgres.port, [], sql, env);
    expect(run(stack.ports.recorder, [], sql, env)).toEqual(direct);
  });

  it('left a complete tape', async () => {
    await stack.settle();
    const records = stack.records();
    expect(records.filter(({ kind }) => kind === 'gap')).toEqual([]);
    const long = records.find(
      ({ kind, sql }) => kind === 'statement' && String(sql).startsWith("SELECT length('lll"),
    );
    expect(long).toMatchObject({ outcome: 'completed', sql_cut: { len: 5 * mebibyte + 34 } });
    const copies = records.filter(({ copy }) => copy !== undefined);
    expect(copies.map(({ copy, outcome }) => [(copy as { direction: string }).direction, outcome])).toEqual([
      ['in', 'completed'],
      ['in', 'completed'],
      ['out', 'completed'],
      ['out', 'completed'],
      ['in', 'failed'],
    ]);
    expect(verify(stack.archiveDir).verdict).toBe('complete');
  });
});
