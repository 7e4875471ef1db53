import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { startChild } from '@pgtape/cli';
import { decodeObject } from '@pgtape/evidence';
import { openStore, type Store } from '@pgtape/store';
import { freePort } from '@pgtape/testkit';
import pg from 'pg';
import { LogWatcher } from './logCheck.ts';
import { brokenPromises, countMarks, startLoad } from './marks.ts';
import { pgtape } from './pgtapeCommand.ts';
import { metricsAt, until } from './probes.ts';
import { startS3Hop } from './s3Hop.ts';
import { actAs, environmentOf, type S3Credentials, type S3Server, startS3Server } from './s3Server.ts';
import { type ArchivedRecord, startStack } from './stack.ts';

const writer: S3Credentials = { access: 'writer', secret: 'writer-secret' };
const retention = { days: 1 };
const dayMs = 86_400_000;
const policies = fileURLToPath(new URL('../../deploy/iam/', import.meta.url));

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-s3-vault-'));
const stateDir = (): string => mkdtempSync(join(scratch, 'state-'));

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server([writer]);
  actAs(server.root);
});
afterAll(async () => {
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** The role's policy as the bucket's own: what versitygw has instead of policies of users. */
async function grant(bucket: string, name: string, who: S3Credentials): Promise<void> {
  const text = readFileSync(`${policies}${name}`, 'utf8')
    .replaceAll('BUCKET', bucket)
    .replaceAll('/PREFIX/', '/');
  const policy = JSON.parse(text) as { Version: string; Statement: object[] };
  await server.policy(bucket, {
    ...policy,
    Statement: policy.Statement.map((statement) => ({ ...statement, Principal: { AWS: [who.access] } })),
  });
}

async function recordsOf(store: Store): Promise<ArchivedRecord[]> {
  const found: ArchivedRecord[] = [];
  for await (const { key, version } of store.list('reel/')) {
    const text = Buffer.from(decodeObject(await store.get(key, version))).toString('utf8');
    const lines = text.trimEnd().split('\n').slice(1, -1);
    found.push(...lines.map((line) => JSON.parse(line) as ArchivedRecord));
  }
  return found;
}

/** Segments that lie there otherwise than once, as an object, under the whole retention. */
async function unkept(store: Store, since: number): Promise<string[]> {
  const wrong: string[] = [];
  const seen = new Set<string>();
  for await (const { key, version, kind } of store.listVersions('reel/')) {
    if (seen.has(key) || kind !== 'object') wrong.push(`${key} ${kind} ${version}: tampered`);
    seen.add(key);
    const { lock, retainUntil } = await store.protectionOf(key, version);
    if (lock !== 'strict' || (retainUntil ?? 0) < since + dayMs)
      wrong.push(`${key}: ${lock}, ${retainUntil}`);
  }
  return wrong;
}

interface Verified {
  readonly code: number | null;
  readonly verdict: string;
  readonly reels: readonly { readonly verdict: string; readonly by: string }[];
  readonly log: {
    readonly verdict: string;
    readonly keyFrom: string;
    readonly findings: readonly object[];
    readonly unlogged: number;
    readonly isSound: boolean;
  };
}

function verifyStore(address: string, ...more: string[]): Verified {
  const env = { ...process.env, ...environmentOf(server.root) };
  const run = spawnSync(pgtape, ['verify', '--archive', address, '-o', 'json', '--strict', ...more], {
    encoding: 'utf8',
    env,
  });
  if (!run.stdout.startsWith('{')) throw new Error(`verify said: ${run.stdout}${run.stderr}`);
  return { code: run.status, ...(JSON.parse(run.stdout) as Omit<Verified, 'code'>) };
}

describe('a vault as writer.json, without a right to delete', () => {
  it('records into a locked bucket, and could not undo it', async () => {
    const bucket = await server.bucket();
    await grant(bucket, 'writer.json', writer);
    const address = server.address(bucket);
    const since = Date.now();
    const stack = await startStack({
      vault: { archive: { store: address, retention }, stateDir: stateDir() },
      vaultEnv: environmentOf(writer),
    });
    try {
      const client = new pg.Client({ connectionString: stack.url });
      await client.connect();
      await client.query("SELECT 'kept for a day'");
      await client.end();
      await stack.settle();
      const store = await openStore(address);
      const records = await recordsOf(store);
      expect(records.filter(({ sql }) => sql === "SELECT 'kept for a day'").length).toBe(1);
      const probes = records.filter(({ kind }) => kind === 'probe');
      expect(probes.map(({ at_start, lock, results }) => ({ at_start, lock, results }))).toEqual([
        {
          at_start: true,
          lock: 'strict',
          results: [
            {
              test: 'drop_retention',
              outcome: 'refused_by_lock',
              detail: expect.stringMatching(/^kept until /),
            },
            {
              test: 'delete',
              outcome: 'refused_by_permission',
              detail: expect.stringContaining('AccessDenied'),
            },
            { test: 'shorten', outcome: 'refused_by_lock', detail: expect.stringContaining('AccessDenied') },
          ],
        },
      ]);
      expect(records.find(({ kind }) => kind === 'vault_opened')).toMatchObject({
        store: 's3',
        lock: 'strict',
      });
      expect(await unkept(store, since)).toEqual([]);
      expect(verifyStore(address)).toMatchObject({ code: 0, verdict: 'complete' });
      for await (const { key, version } of store.listVersions('reel/')) {
        const target = { Bucket: bucket, Key: key, VersionId: version };
        const refused = { name: 'AccessDenied' };
        const asWriter = server.client(writer);
        await expect(asWriter.send(new DeleteObjectCommand(target))).rejects.toMatchObject(refused);
        await expect(
          asWriter.send(new DeleteObjectCommand({ ...target, BypassGovernanceRetention: true })),
        ).rejects.toMatchObject(refused);
        await expect(
          asWriter.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })),
        ).rejects.toMatchObject(refused);
        const Retention = { Mode: 'COMPLIANCE' as const, RetainUntilDate: new Date(Date.now() + 60_000) };
        await expect(
          asWriter.send(new PutObjectRetentionCommand({ ...target, Retention })),
        ).rejects.toMatchObject(refused);
      }
      const VersioningConfiguration = { Status: 'Suspended' as const };
      await expect(
        server
          .client(writer)
          .send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration })),
      ).rejects.toMatchObject({ name: 'AccessDenied' });
    } finally {
      await stack.stop();
    }
  });
});

describe('a vault on a bucket that does not lock', () => {
  async function started(archive: object): Promise<{ code: number | null; err: string }> {
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-unlocked-'));
    const config = {
      archive,
      stateDir: join(dir, 'state'),
      otlp: { port: 0 },
      http: { port: await freePort() },
    };
    writeFileSync(join(dir, 'vault.yaml'), JSON.stringify(config));
    const env = { ...process.env, ...environmentOf(server.root) };
    const args = ['vault', '--config', join(dir, 'vault.yaml')];
    const log = join(dir, 'vault.log');
    // What does not start ends by itself; what does is stopped once it serves.
    const code = await startChild('vault', args, log, env).then(
      (vault) => vault.stop(30_000),
      () => spawnSync(pgtape, args, { env, timeout: 60_000 }).status,
    );
    const err = readFileSync(log, 'utf8');
    rmSync(dir, { recursive: true, force: true });
    return { code, err };
  }

  it('does not start, and says who must do what', async () => {
    const store = server.address(await server.bucket('plain'));
    const { code, err } = await started({ store, retention });
    expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining('[ARCHIVE_NOT_LOCKED]') });
    expect(err).toContain('whoever administers the bucket must turn on Object Lock');
  });

  it('starts where archive.lock: none is written, and says what that means', async () => {
    const store = server.address(await server.bucket('plain'));
    const { code, err } = await started({ store, lock: 'none' });
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('tamper-evident only') });
  });
});

describe('R3 over S3', () => {
  const kills = Number(process.env.PGTAPE_S3_KILLS ?? 8);
  it(
    `requests fail in every way, server and vault are killed (${kills} times): every answered statement is archived, exactly once`,
    async () => {
      const bucket = await server.bucket();
      const hop = await startS3Hop(server.port);
      const address = server.address(bucket).replace(`:${server.port}`, `:${hop.port}`);
      const faults = ['cut_before', 'cut_after', 'error_before', 'error_after'] as const;
      const made = new Map<string, number>();
      let puts = 0;
      // Every third write fails in one of the four ways, in turn; of the readings one in ten, by chance.
      const arm = (): void =>
        hop.arm((_index, method) => {
          puts += method === 'PUT' ? 1 : 0;
          const fails = method === 'PUT' ? puts % 3 === 0 : randomInt(10) === 0;
          const fault = faults[method === 'PUT' ? (puts / 3) % 4 : randomInt(4)];
          if (!fails || fault === undefined) return 'none';
          made.set(`${method} ${fault}`, (made.get(`${method} ${fault}`) ?? 0) + 1);
          return fault;
        });
      const since = Date.now();
      const stack = await startStack({
        segmentSeconds: 0.2,
        // Checkpoints are to come between the kills.
        vault: {
          archive: { store: address, retention },
          stateDir: stateDir(),
          tlog: { checkpointSeconds: 1 },
        },
        vaultEnv: environmentOf(server.root),
      });
      const log = new LogWatcher(await openStore(server.address(bucket)));
      try {
        const load = await startLoad(stack, 3);
        for (let kill = 0; kill < kills; kill += 1) {
          arm();
          await sleep(randomInt(800, 2000));
          if (kill % 2 === 0) {
            await server.kill();
            await sleep(randomInt(0, 500));
            await server.start();
          } else {
            await stack.vault.stop(0);
            // Its start reads the bucket and tries the lock: that is s3Faults' part.
            hop.arm(() => 'none');
            stack.vault = await stack.startVault();
          }
          await log.look();
        }
        await load.stop();
        hop.arm(() => 'none');
        await until('the outbox is empty', 60_000, async () => {
          const { pgtape_recorder_outbox_segments: waiting } = await metricsAt(stack.ports.health);
          return waiting === 0;
        });
        await stack.settle();
        const store = await openStore(server.address(bucket));
        const marks = countMarks(await recordsOf(store));
        expect(brokenPromises(load.answered, marks)).toEqual({ missing: [], twice: [] });
        expect(load.errors).toEqual([]);
        expect([...made.keys()]).toEqual(expect.arrayContaining(faults.map((fault) => `PUT ${fault}`)));
        expect(load.answered.size).toBeGreaterThan(kills * 10);
        expect(await unkept(store, since)).toEqual([]);
        const quarantined = [];
        for await (const { key } of store.list('quarantine/')) quarantined.push(key);
        expect(quarantined).toEqual([]);
        const key = Buffer.from((await store.getLatest('log/vkey')) ?? [])
          .toString()
          .trim();
        const verified = verifyStore(server.address(bucket), '--log-key', key);
        const recorders = verified.reels.filter(({ by }) => by === 'recorder');
        expect(recorders.map(({ verdict }) => verdict)).toEqual(['complete']);
        // Every checkpoint somebody saw is a beginning of the log there is, and each segment has one leaf.
        const { wrong, checkpoints } = await log.check();
        expect(wrong).toEqual([]);
        expect(checkpoints).toBeGreaterThan(kills / 2);
        expect(verified.log).toMatchObject({
          ...{ verdict: 'complete', keyFrom: 'auditor', findings: [], unlogged: 0, isSound: true },
        });
      } finally {
        await stack.stop();
        await hop.stop();
      }
    },
    kills * 15_000 + 120_000,
  );
});
