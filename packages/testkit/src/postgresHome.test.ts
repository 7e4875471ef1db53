import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from './embeddedPostgres.ts';
import { isReachableByAll, nobodyOf } from './postgresHome.ts';

const isRoot = process.getuid?.() === 0;

describe('where PostgreSQL lives', () => {
  it.each([
    {
      name: 'Debian',
      passwd: 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
      found: { uid: 65_534, gid: 65_534 },
    },
    { name: 'another number', passwd: 'nobody:*:99:98::/:\n', found: { uid: 99, gid: 98 } },
    { name: 'nobody made root', passwd: 'nobody:*:0:0::/:\n', found: null },
    { name: 'no such account', passwd: 'nobody2:x:5:5::/:\n', found: null },
    { name: 'an empty file', passwd: '', found: null },
  ])('knows nobody of $name', ({ passwd, found }) => {
    expect(nobodyOf(passwd)).toEqual(found);
  });

  it('tells a directory others may pass from one they may not', () => {
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-home-'));
    try {
      const inner = join(dir, 'inner');
      mkdirSync(inner);
      chmodSync(dir, 0o755);
      expect(isReachableByAll(inner)).toBe(true);
      expect(isReachableByAll(join(inner, 'not', 'yet', 'there'))).toBe(true);
      chmodSync(dir, 0o700);
      expect(isReachableByAll(inner)).toBe(false);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('starts below a 0700 directory, twice, with a foreign locale, and leaves no account behind', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-home-'));
    chmodSync(dir, 0o700);
    const passwdBefore = readFileSync('/etc/passwd', 'utf8');
    const before = { LANG: process.env.LANG, LC_ALL: process.env.LC_ALL };
    Object.assign(process.env, { LANG: 'de_DE.UTF-8', LC_ALL: 'xx_YY.bogus' });
    let dataDir = '';
    try {
      for (const found of [false, true]) {
        const server = await startEmbeddedPostgres({ dir: join(dir, 'below'), password: 'pw' });
        dataDir = server.dataDir;
        const client = new pg.Client({
          host: '127.0.0.1',
          port: server.port,
          user: 'postgres',
          password: 'pw',
        });
        await client.connect();
        const { rows } = await client.query(
          "SELECT pg_encoding_to_char(encoding) AS encoding, datlocprovider AS provider, datlocale AS locale FROM pg_database WHERE datname = 'postgres'",
        );
        await client.end();
        await server.stop();
        expect([server.found, rows]).toEqual([
          found,
          [{ encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8' }],
        ]);
      }
      expect(dataDir.startsWith(isRoot ? '/var/lib/pgtape/' : dir)).toBe(true);
      expect(readFileSync('/etc/passwd', 'utf8')).toBe(passwdBefore);
    } finally {
      Object.assign(process.env, before);
      rmSync(dir, { recursive: true, force: true });
      if (existsSync(dataDir)) rmSync(join(dataDir, '..'), { recursive: true, force: true });
    }
  });

  it('gives who is superuser in the database no file that we write', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-home-'));
    chmodSync(dir, 0o755);
    const server = await startEmbeddedPostgres({ dir: join(dir, 'pg'), password: 'pw' });
    try {
      const control = join(server.dataDir, '..');
      const owners = [control, server.logFile, join(control, 'pg_hba.conf')].map(
        (path) => statSync(path).uid,
      );
      expect(owners).toEqual([0, 0, 0].map(() => process.getuid?.() ?? 0));
      expect(statSync(control).mode & 0o022).toBe(0);
      const client = new pg.Client({
        host: '127.0.0.1',
        port: server.port,
        user: 'postgres',
        password: 'pw',
      });
      await client.connect();
      const attack = client.query(`COPY (SELECT 1) TO PROGRAM 'ln -sf /tmp/elsewhere ${server.logFile}'`);
      if (isRoot) await expect(attack).rejects.toMatchObject({ code: '38000' });
      else await attack;
      await client.end();
      expect(existsSync(server.logFile)).toBe(true);
    } finally {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('refuses a wrong password: nothing is trusted', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-home-'));
    chmodSync(dir, 0o755);
    const server = await startEmbeddedPostgres({ dir: join(dir, 'pg'), password: 'right' });
    try {
      const client = new pg.Client({
        host: '127.0.0.1',
        port: server.port,
        user: 'postgres',
        password: 'wrong',
      });
      await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
    } finally {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
