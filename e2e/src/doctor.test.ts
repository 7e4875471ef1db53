import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '@pgtape/cli';
import { openStore } from '@pgtape/store';
import { freePort } from '@pgtape/testkit';
import { type Ran, runPgtape } from './pgtapeCommand.ts';
import { actAs, environmentOf, type S3Credentials, type S3Server, startS3Server } from './s3Server.ts';
import { readArchive } from './stack.ts';

const writer: S3Credentials = { access: 'writer', secret: 'writer-secret' };

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server([writer]);
  actAs(server.root);
});
afterAll(() => server.stop());

function doctor(store: string, flags: readonly string[] = [], who = server.root): Promise<Ran> {
  const args = ['doctor', 'archive', '--store', store, '--retain', '10', ...flags];
  return runPgtape(args, { env: environmentOf(who) });
}

const outcomesOf = ({ out }: Ran): Record<string, string> =>
  Object.fromEntries(
    (JSON.parse(out) as { results: { test: string; outcome: string }[] }).results.map(({ test, outcome }) => [
      test,
      outcome,
    ]),
  );

describe('pgtape doctor archive', () => {
  // versitygw 1.8.0 looks at no hold of an object whose retention is over. Everything else holds.
  it('finds the one hole in the strict lock of a real server, and leaves nothing behind', async () => {
    const bucket = await server.bucket();
    const answer = await doctor(server.address(bucket, 'some/where'));
    expect(answer.err).toContain('pgtape: this result is on no record; --vault URL puts it on one\n');
    expect(answer).toMatchObject({
      code: 1,
      out: expect.stringContaining('\nAllowed: hold_after_expiry. An archive'),
    });
    expect(answer.err).toMatch(/✓ waiting until the retention is over \d+\.\d s/);
    expect(answer.out.match(/refused by the lock/g)?.length).toBe(7);
    const left = [];
    for await (const version of (await openStore(server.address(bucket))).listVersions(''))
      left.push(version);
    expect(left).toEqual([]);
  });

  it.each([
    {
      name: 'a bypassable lock, whose root bypasses it',
      kind: 'locked' as const,
      flags: ['--lock', 'bypassable', '-o', 'json'],
      outcomes: {
        drop_retention: 'refused_by_lock',
        delete: 'refused_by_lock',
        bypass: 'allowed',
        shorten: 'refused_by_lock',
        change_mode: 'unknown',
        overwrite: 'refused_by_lock',
        suspend_versions: 'refused_by_lock',
        hold_after_expiry: 'allowed',
      },
    },
    {
      name: 'a bucket without versions or lock',
      kind: 'plain' as const,
      flags: ['-o', 'json'],
      outcomes: {
        drop_retention: 'allowed',
        delete: 'allowed',
        bypass: 'allowed',
        shorten: 'allowed',
        change_mode: 'allowed',
        overwrite: 'allowed',
        suspend_versions: 'allowed',
        hold_after_expiry: 'allowed',
      },
    },
  ])('finds what is allowed: $name', async ({ kind, flags, outcomes }) => {
    const answer = await doctor(server.address(await server.bucket(kind)), flags);
    expect({ code: answer.code, outcomes: outcomesOf(answer) }).toEqual({ code: 1, outcomes });
  });

  it('says that a writer’s rights prove nothing about the lock', async () => {
    const bucket = await server.bucket();
    const rights = [
      's3:PutObject',
      's3:PutObjectRetention',
      's3:PutObjectLegalHold',
      's3:GetObject',
      's3:GetObjectVersion',
    ];
    await server.policy(bucket, {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: [writer.access] },
          Action: [...rights, 's3:GetObjectRetention', 's3:GetObjectLegalHold'],
          Resource: [`arn:aws:s3:::${bucket}/*`],
        },
        {
          Effect: 'Allow',
          Principal: { AWS: [writer.access] },
          Action: [
            's3:ListBucket',
            's3:ListBucketVersions',
            's3:GetBucketVersioning',
            's3:GetBucketObjectLockConfiguration',
          ],
          Resource: [`arn:aws:s3:::${bucket}`],
        },
      ],
    });
    const answer = await doctor(server.address(bucket), ['-o', 'json'], writer);
    expect({ code: answer.code, outcomes: outcomesOf(answer) }).toEqual({
      code: 0,
      outcomes: {
        drop_retention: 'refused_by_lock',
        delete: 'refused_by_permission',
        bypass: 'refused_by_permission',
        shorten: 'refused_by_lock',
        change_mode: 'refused_by_lock',
        overwrite: 'refused_by_lock',
        suspend_versions: 'refused_by_permission',
        hold_after_expiry: 'refused_by_permission',
      },
    });
  });

  it('reports to a vault, where it becomes a record of who tried; an answer that is refused is told', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-doctor-'));
    const [otlp, http] = [await freePort(), await freePort()];
    const callers = ['probe', 'hold'].map((may) => {
      writeFileSync(join(dir, `${may}.token`), `the-token-to-${may}\n`);
      const hash = createHash('sha256').update(`the-token-to-${may}`).digest('hex');
      writeFileSync(join(dir, `${may}.hash`), `${hash}\n`);
      return { name: `may-${may}`, tokenHashFile: join(dir, `${may}.hash`), may: [may] };
    });
    const archiveDir = join(dir, 'archive');
    const config = { otlp: { port: otlp }, http: { port: http, callers }, archive: { store: archiveDir } };
    writeFileSync(join(dir, 'vault.yaml'), JSON.stringify(config));
    const args = ['vault', '--config', join(dir, 'vault.yaml')];
    const vault = await startChild('vault', args, join(dir, 'vault.log'));
    try {
      const store = server.address(await server.bucket('plain'));
      const reporting = (may: string): string[] => [
        ...['--vault', `http://127.0.0.1:${http}`, '--token-file', join(dir, `${may}.token`), '-o', 'json'],
      ];
      const refused = await doctor(store, reporting('hold'));
      expect([refused.code, Object.keys(outcomesOf(refused)).length]).toEqual([3, 8]);
      expect(refused.err).toContain('[VAULT_NOT_ALLOWED]');
      const answer = await doctor(store, reporting('probe'));
      expect(answer.code).toBe(1);
      const records = [...readArchive(archiveDir, 'vault')].filter(({ kind }) => kind === 'probe');
      const { results, lock } = JSON.parse(answer.out) as { results: object[]; lock: string };
      expect(records.map(({ at_start, who, method, store: of }) => ({ at_start, who, method, of }))).toEqual([
        { at_start: true },
        { at_start: false, who: 'may-probe', method: 'token', of: store },
      ]);
      expect([records[1]?.lock, records[1]?.results]).toEqual([lock, results]);
      expect(answer.err).toContain(
        `pgtape: record ${records[1]?.seq} in the reel of http://127.0.0.1:${http}`,
      );
    } finally {
      await vault.stop(5000);
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('tries nothing where an archive lies', async () => {
    const address = server.address(await server.bucket());
    await (await openStore(address)).putOnce('reel/a/b/1', Uint8Array.of(1));
    expect(await doctor(address)).toMatchObject({ code: 2, err: expect.stringContaining('NOT_DISPOSABLE') });
  });

  it('says what is missing when there is no such bucket', async () => {
    const answer = await doctor(server.address('no-such-bucket'));
    expect(answer).toMatchObject({ code: 3, err: expect.stringContaining('[STORE_BUCKET]') });
  });
});
