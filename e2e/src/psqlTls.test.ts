/** libpq through a recorder that serves the server's own certificate. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate, type TestCertificate } from '@pgtape/testkit';
import { until, verify } from './probes.ts';
import { type ArchivedRecord, type Stack, startStack } from './stack.ts';

const authority = makeCertificate({ name: 'e2e authority' });
const people = makeCertificate({ name: 'e2e people' });
const ann = makeCertificate({ name: 'ann', issuer: people });
const database = (): TestCertificate =>
  makeCertificate({ name: 'database', names: ['localhost', '127.0.0.1'], issuer: authority });

const versionText = spawnSync('psql', ['--version'], { encoding: 'utf8' }).stdout;
const major = Number(/\d+/.exec(versionText)?.[0] ?? 0);
const newer =
  major < 17
    ? []
    : [
        { name: 'sslnegotiation=direct', env: { PGSSLMODE: 'verify-full', PGSSLNEGOTIATION: 'direct' } },
        {
          name: 'sslnegotiation=direct channel_binding=require',
          env: { PGSSLMODE: 'verify-full', PGSSLNEGOTIATION: 'direct', PGCHANNELBINDING: 'require' },
        },
      ];

describe('psql in TLS', () => {
  let stack: Stack;
  let dir = '';
  const path = (name: string): string => join(dir, name);

  function put(served: TestCertificate): void {
    writeFileSync(path('server.crt'), served.certificate);
    writeFileSync(path('server.key'), served.key, { mode: 0o600 });
  }

  function psql(port: number, env: Readonly<Record<string, string>>): { status: number | null; out: string } {
    const sql =
      "SELECT 'tape ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid(); SELECT length(repeat('x', 1000000));";
    const done = spawnSync(
      'psql',
      ['-X', '-At', '-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres', '-c', sql, 'postgres'],
      {
        encoding: 'utf8',
        timeout: 30_000,
        env: {
          PATH: process.env.PATH ?? '',
          LC_ALL: 'C.UTF-8',
          HOME: dir,
          PGPASSWORD: stack.postgres.password,
          PGSSLROOTCERT: path('ca.crt'),
          ...env,
        },
      },
    );
    return {
      status: done.status,
      out: `${done.stdout}${done.stderr}`.replaceAll(`port ${port}`, 'port N').trim(),
    };
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-psql-tls-'));
    const served = database();
    put(served);
    writeFileSync(path('ca.crt'), authority.certificate);
    writeFileSync(path('people.crt'), people.certificate);
    writeFileSync(path('ann.crt'), ann.certificate);
    writeFileSync(path('ann.key'), ann.key, { mode: 0o600 });
    stack = await startStack({
      tls: { ...served, clientCa: people.certificate },
      hba: ['hostssl all all 127.0.0.1/32 scram-sha-256'],
      recorder: {
        listen: {
          tls: {
            certFile: path('server.crt'),
            keyFile: path('server.key'),
            clientCaFile: path('people.crt'),
          },
        },
        upstream: { tls: { mode: 'mirror', caFile: path('ca.crt') } },
      },
    });
  });
  afterAll(async () => {
    await stack.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each<{ name: string; env: Readonly<Record<string, string>> }>([
    { name: 'sslmode=verify-full', env: { PGSSLMODE: 'verify-full' } },
    {
      name: 'sslmode=verify-full channel_binding=require',
      env: { PGSSLMODE: 'verify-full', PGCHANNELBINDING: 'require' },
    },
    {
      name: 'sslmode=require channel_binding=disable',
      env: { PGSSLMODE: 'require', PGCHANNELBINDING: 'disable' },
    },
    { name: 'sslmode=prefer', env: { PGSSLMODE: 'prefer' } },
    { name: 'sslmode=allow', env: { PGSSLMODE: 'allow' } },
    {
      name: 'TLS 1.2 at most',
      env: { PGSSLMODE: 'verify-full', PGSSLMAXPROTOCOLVERSION: 'TLSv1.2', PGCHANNELBINDING: 'require' },
    },
    { name: 'gssencmode=prefer', env: { PGSSLMODE: 'verify-full', PGGSSENCMODE: 'prefer' } },
    ...newer,
    { name: 'sslmode=disable', env: { PGSSLMODE: 'disable' } },
    { name: 'a wrong password', env: { PGSSLMODE: 'verify-full', PGPASSWORD: 'wrong' } },
    {
      name: 'an authority that did not sign',
      env: { PGSSLMODE: 'verify-full', PGSSLROOTCERT: 'people.crt' },
    },
  ])('$name behaves as without a recorder', ({ env }) => {
    const given = env.PGSSLROOTCERT === undefined ? env : { ...env, PGSSLROOTCERT: path(env.PGSSLROOTCERT) };
    const direct = psql(stack.postgres.port, given);
    expect(psql(stack.ports.recorder, given)).toEqual(direct);
    if (direct.status === 0 && env.PGSSLMODE !== 'disable' && env.PGSSLMODE !== 'allow')
      expect(direct.out).toContain('tape true');
  });

  it("a client's certificate reaches the record, not the server", () => {
    const env = { PGSSLMODE: 'verify-full', PGSSLCERT: path('ann.crt'), PGSSLKEY: path('ann.key') };
    expect(psql(stack.ports.recorder, { ...env, PGAPPNAME: 'ann' }).status).toBe(0);
  });

  it('a new certificate is served without a restart, and channel binding goes on to hold', async () => {
    const renewed = database();
    const control = join(stack.postgres.dataDir, '..');
    writeFileSync(join(control, 'server.crt'), renewed.certificate);
    writeFileSync(join(control, 'server.key'), renewed.key);
    put(renewed);
    process.kill(stack.postgres.pid, 'SIGHUP');
    const env = { PGSSLMODE: 'verify-full', PGCHANNELBINDING: 'require', PGAPPNAME: 'renewed' };
    let last = psql(stack.ports.recorder, env);
    for (let tries = 0; last.status !== 0 && tries < 60; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      last = psql(stack.ports.recorder, env);
    }
    expect(last).toMatchObject({ status: 0 });
  });

  it('SIGHUP has the certificates read at once, changed or not, and ends nothing', async () => {
    const reloads = (): number =>
      readFileSync(join(stack.dir, 'recorder.log'), 'utf8').split('tls_reloaded').length - 1;
    const before = reloads();
    process.kill(stack.recorder.pid, 'SIGHUP');
    await until('certificates read again', 60_000, () => reloads() === before + 1);
    expect(psql(stack.ports.recorder, { PGSSLMODE: 'verify-full', PGAPPNAME: 'hung up' }).status).toBe(0);
  });

  it('left a complete tape that says how everybody came', async () => {
    await stack.settle();
    const records = stack.records();
    expect(records.filter(({ kind }) => kind === 'gap')).toEqual([]);
    const opened = records.filter(({ kind, ready }) => kind === 'opened' && ready === true);
    const of = (application: string): ArchivedRecord | undefined =>
      opened.find(({ application_name: name }) => name === application);
    expect(opened.map(({ auth }) => auth)).toEqual(
      expect.arrayContaining(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']),
    );
    expect(of('ann')).toMatchObject({
      tls: true,
      auth: 'SCRAM-SHA-256-PLUS',
      tls_client: { version: 'TLSv1.3', certificate: { subject: 'CN=ann', issuer: 'CN=e2e people' } },
      tls_server: { version: 'TLSv1.3', certificate: { subject: 'CN=database', issuer: 'CN=e2e authority' } },
    });
    expect(of('renewed')).toMatchObject({ auth: 'SCRAM-SHA-256-PLUS' });
    expect(opened.some(({ tls_client: tls }) => (tls as { version?: string })?.version === 'TLSv1.2')).toBe(
      true,
    );
    expect(verify(stack.archiveDir).verdict).toBe('complete');
  });
});
