import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { openStore, type Store, type StoredVersion } from '@pgtape/store';
import { codeOf, itKeepsTheStoreContract, keysOf } from '@pgtape/store/contract';
import { makeCertificate } from '@pgtape/testkit';
import { startS3Hop } from './s3Hop.ts';
import { actAs, type S3Server, startS3Server } from './s3Server.ts';

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
  actAs(server.root);
});
afterAll(() => server.stop());

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const text = (found: Uint8Array | null): string | null =>
  found === null ? null : Buffer.from(found).toString();
const inSeconds = (seconds: number): number => (Math.ceil(Date.now() / 1000) + seconds) * 1000;

async function versionsOf(store: Store, prefix: string): Promise<Omit<StoredVersion, 'at'>[]> {
  const found: Omit<StoredVersion, 'at'>[] = [];
  for await (const { at: _, ...version } of store.listVersions(prefix)) found.push(version);
  return found;
}

describe('a bucket with Object Lock', () => {
  itKeepsTheStoreContract(async () => await openStore(server.address(await server.bucket(), 'some/where')), {
    hasDirectories: true,
    listings: 10,
  });
});

describe('a bucket without', () => {
  it('says so, and takes objects without retention', async () => {
    const store = await openStore(server.address(await server.bucket('plain')));
    expect(store.capabilities).toEqual({
      retention: false,
      hold: false,
      versions: false,
      lock: 'none',
      compareAndSwap: true,
    });
    const { version } = await store.putOnce('a', bytes('x'), { retainUntil: inSeconds(60), hold: true });
    expect(await store.protectionOf('a', version)).toEqual({ lock: 'none', retainUntil: null, hold: false });
    expect(text(await store.get('a', version))).toBe('x');
    expect(await codeOf(store.setHold('a', version, true))).toBe('STORE_UNSUPPORTED');
  });
});

describe('the lock', () => {
  async function kept(lock: 'strict' | 'bypassable', options: { hold?: boolean } = {}) {
    const bucket = await server.bucket();
    const store = await openStore(server.address(bucket), { lock });
    const { version } = await store.putOnce('reel/a', bytes('evidence'), {
      retainUntil: inSeconds(600),
      ...options,
    });
    return { bucket, store, target: { Bucket: bucket, Key: 'reel/a', VersionId: version }, version };
  }
  const refusalOf = async (run: Promise<unknown>): Promise<string> =>
    await run.then(
      () => 'allowed',
      (error: Error) => `${error.name}: ${error.message}`,
    );
  const locked = 'AccessDenied: Access Denied because object protected by object lock.';
  const until = new Date(inSeconds(5));

  it.each([
    { name: 'delete the version', lock: 'strict' as const, bypass: false, said: locked },
    { name: 'delete it with bypass', lock: 'strict' as const, bypass: true, said: locked },
    { name: 'delete the version', lock: 'bypassable' as const, bypass: false, said: locked },
    {
      name: 'delete it with bypass, as the root',
      lock: 'bypassable' as const,
      bypass: true,
      said: 'allowed',
    },
  ])('$lock: $name', async ({ lock, bypass, said }) => {
    const { target } = await kept(lock);
    const deleted = server
      .client()
      .send(new DeleteObjectCommand({ ...target, ...(bypass ? { BypassGovernanceRetention: true } : {}) }));
    expect(await refusalOf(deleted)).toBe(said);
  });

  it.each([
    { name: 'shorten', Mode: 'COMPLIANCE' as const, bypass: false },
    { name: 'shorten with bypass', Mode: 'COMPLIANCE' as const, bypass: true },
    { name: 'another mode', Mode: 'GOVERNANCE' as const, bypass: false },
    { name: 'another mode with bypass', Mode: 'GOVERNANCE' as const, bypass: true },
  ])('strict: $name is refused', async ({ Mode, bypass }) => {
    const { target, store, version } = await kept('strict');
    const before = await store.protectionOf('reel/a', version);
    const change = new PutObjectRetentionCommand({
      ...target,
      Retention: { Mode, RetainUntilDate: until },
      ...(bypass ? { BypassGovernanceRetention: true } : {}),
    });
    expect(await refusalOf(server.client().send(change))).toBe(locked);
    expect(await store.protectionOf('reel/a', version)).toEqual(before);
  });

  it('versions cannot be suspended', async () => {
    const { bucket } = await kept('strict');
    const suspend = new PutBucketVersioningCommand({
      Bucket: bucket,
      VersioningConfiguration: { Status: 'Suspended' },
    });
    expect(await refusalOf(server.client().send(suspend))).toMatch(/^InvalidBucketState: /);
  });

  it('a hold refuses without retention, and no longer when it is lifted', async () => {
    const bucket = await server.bucket();
    const store = await openStore(server.address(bucket));
    const { version } = await store.putOnce('a', bytes('x'), { hold: true });
    const remove = () =>
      refusalOf(
        server.client().send(new DeleteObjectCommand({ Bucket: bucket, Key: 'a', VersionId: version })),
      );
    expect(await remove()).toBe(locked);
    await store.setHold('a', version, false);
    expect(await remove()).toBe('allowed');
    expect(await store.has('a')).toBe(false);
  });

  it('a delete marker and a newer version are seen and looked through', async () => {
    const { bucket, store, version } = await kept('strict');
    const client = server.client();
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'reel/a' }));
    expect(text(await store.get('reel/a'))).toBe('evidence');
    expect(await store.putOnce('reel/a', bytes('again'))).toEqual({ answer: 'exists', version });
    const shadow = await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: 'reel/a',
        Body: bytes('a shadow'),
        ChecksumAlgorithm: 'SHA256',
      }),
    );
    await store.putOnce('reel/b', bytes('b'));
    expect(text(await store.get('reel/a'))).toBe('evidence');
    expect(await store.has('reel/a')).toBe(true);
    expect(await keysOf(store)).toEqual(['reel/a', 'reel/b']);
    expect(await versionsOf(store, 'reel/a')).toEqual([
      { key: 'reel/a', version, bytes: 8, kind: 'object', isLatest: false },
      { key: 'reel/a', version: expect.any(String), bytes: 0, kind: 'delete_marker', isLatest: false },
      { key: 'reel/a', version: shadow.VersionId, bytes: 8, kind: 'object', isLatest: true },
    ]);
    expect(text(await store.get('reel/a', shadow.VersionId))).toBe('a shadow');
  });

  // AWS takes a write with If-None-Match over a delete marker; versitygw does not, so that here the writer finds itself fenced.
  it('a checkpoint under a delete marker is found; a server that counts the marker as an object lets nothing over it', async () => {
    const bucket = await server.bucket();
    const store = await openStore(server.address(bucket));
    await store.swap('log/checkpoint', bytes('one'), null);
    await server.client().send(new DeleteObjectCommand({ Bucket: bucket, Key: 'log/checkpoint' }));
    expect(text(await store.getLatest('log/checkpoint'))).toBe('one');
    expect(await store.swap('log/checkpoint', bytes('two'), null)).toBe(false);
    expect(await store.swap('log/checkpoint', bytes('two'), bytes('one'))).toBe(false);
    expect(text(await store.getLatest('log/checkpoint'))).toBe('one');
  });

  it('a name that was deleted before anything was there takes nothing on such a server', async () => {
    const bucket = await server.bucket();
    const store = await openStore(server.address(bucket));
    await server.client().send(new DeleteObjectCommand({ Bucket: bucket, Key: 'a' }));
    expect(await store.has('a')).toBe(false);
    expect(await codeOf(store.putOnce('a', bytes('x')))).toMatch(/resolved|STORE_CONFLICT/);
  });
});

describe('what goes wrong says who must act', () => {
  it.each([
    {
      name: 'no such bucket',
      change: (address: string) => address.replace('archive-', 'no-such-'),
      code: 'STORE_BUCKET',
    },
    {
      name: 'no server',
      change: (address: string) => address.replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1'),
      code: 'STORE_UNREACHABLE',
    },
  ])('$name', async ({ change, code }) => {
    const address = change(server.address(await server.bucket()));
    await expect(openStore(address)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(': check the '),
    });
  });

  it('unknown credentials', async () => {
    const address = server.address(await server.bucket());
    actAs({ access: 'nobody', secret: 'nothing' });
    const code = await codeOf(openStore(address));
    actAs(server.root);
    expect(code).toBe('STORE_CREDENTIALS');
  });
});

describe('a server with a certificate', () => {
  const authority = makeCertificate({ name: 'test authority' });
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-s3-tls-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it.each([
    { name: 'of the authority named', ca: authority.certificate, names: ['127.0.0.1'], code: 'resolved' },
    { name: 'of an authority not named', ca: undefined, names: ['127.0.0.1'], code: 'STORE_UNREACHABLE' },
    {
      name: 'of another authority',
      ca: makeCertificate({ name: 'another' }).certificate,
      names: ['127.0.0.1'],
      code: 'STORE_UNREACHABLE',
    },
    { name: 'of another host', ca: authority.certificate, names: ['s3.example'], code: 'STORE_UNREACHABLE' },
  ])('$name: $code', async ({ ca, names, code }) => {
    const hop = await startS3Hop(server.port, makeCertificate({ name: 's3', names, issuer: authority }));
    const caFile = join(dir, 'ca.pem');
    if (ca !== undefined) writeFileSync(caFile, ca);
    const plain = server
      .address(await server.bucket())
      .replace(/http:\/\/127\.0\.0\.1:\d+/, `https://127.0.0.1:${hop.port}`);
    const address = ca === undefined ? plain : `${plain}&caFile=${caFile}`;
    const trying = async (): Promise<void> => {
      const store = await openStore(address);
      await store.putOnce('a', bytes('x'));
      expect(text(await store.get('a'))).toBe('x');
    };
    const found = await codeOf(trying());
    await hop.stop();
    expect(found).toBe(code);
  });

  it('a file of authorities that is not there', async () => {
    expect(await codeOf(openStore(`${server.address('archive-1')}&caFile=${dir}/none.pem`))).toBe(
      'STORE_ADDRESS',
    );
  });
});
