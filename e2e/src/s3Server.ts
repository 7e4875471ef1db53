/**
 * A real S3 server with Object Lock, versitygw, for one test: its own folders, port and users. How the SDK's default
 * chain finds the credentials: `use` puts them into this process's environment.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from '@pgtape/testkit';

export interface S3Credentials {
  readonly access: string;
  readonly secret: string;
}

export interface S3Server {
  readonly endpoint: string;
  readonly port: number;
  /** Where objects lie as files, by bucket. */
  readonly dir: string;
  readonly root: S3Credentials;
  /** A client as `who`, the root where nothing else is said. */
  client(who?: S3Credentials): S3Client;
  /** A new bucket's name; with Object Lock unless `plain`. */
  bucket(kind?: 'locked' | 'plain'): Promise<string>;
  policy(bucket: string, policy: object): Promise<void>;
  /** How the bucket is named as a store. */
  address(bucket: string, prefix?: string): string;
  /** kill -9. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const binary = process.env.PGTAPE_E2E_VERSITYGW ?? '';
const region = 'us-east-1';
const root: S3Credentials = { access: 'pgtaperoot', secret: 'pgtape-root-secret' };

/** What the SDK's default chain finds, in this process and in those it starts with this environment. */
export function environmentOf(who: S3Credentials): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: who.access, AWS_SECRET_ACCESS_KEY: who.secret, AWS_REGION: region };
}

/** Acts as `who` from here on. */
export function actAs(who: S3Credentials): void {
  Object.assign(process.env, environmentOf(who));
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** `users`: further users, without any right but what a bucket's policy gives them. */
export async function startS3Server(users: readonly S3Credentials[] = []): Promise<S3Server> {
  if (binary === '') throw new Error('PGTAPE_E2E_VERSITYGW names no server: run scripts/e2e');
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-s3-'));
  for (const name of ['buckets', 'versions', 'iam']) mkdirSync(join(dir, name));
  writeUsers(join(dir, 'iam'), users);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  let made = 0;
  const clients: S3Client[] = [];
  const start = async (): Promise<void> => {
    const log = openSync(join(dir, 'log'), 'a');
    const flags = ['--port', `127.0.0.1:${port}`, '--region', region, '--iam-dir', join(dir, 'iam')];
    const posix = ['posix', '--versioning-dir', join(dir, 'versions'), join(dir, 'buckets')];
    child = spawn(binary, [...flags, ...posix], {
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH ?? '', ROOT_ACCESS_KEY: root.access, ROOT_SECRET_KEY: root.secret },
    });
    for (let waited = 0; !(await accepts(port)); waited += 50) {
      if (child.exitCode !== null || waited > 60_000) {
        throw new Error(`versitygw did not start: ${readFileSync(join(dir, 'log'), 'utf8').slice(-500)}`);
      }
      await sleep(50);
    }
  };
  const kill = async (): Promise<void> => {
    const dying = child;
    child = null;
    if (dying === null || dying.exitCode !== null) return;
    const gone = new Promise((resolve) => dying.once('exit', resolve));
    dying.kill('SIGKILL');
    await gone;
  };
  const client = (who: S3Credentials = root): S3Client => {
    const credentials = { accessKeyId: who.access, secretAccessKey: who.secret };
    const made = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
    clients.push(made);
    return made;
  };
  await start();
  const admin = client();
  return {
    endpoint,
    port,
    dir,
    root,
    client,
    async bucket(kind = 'locked') {
      made += 1;
      const Bucket = `archive-${made}`;
      await admin.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: kind === 'locked' }));
      return Bucket;
    },
    async policy(bucket, policy) {
      await admin.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }));
    },
    address: (bucket, prefix = '') =>
      `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}?endpoint=${endpoint}&region=${region}&pathStyle=1`,
    kill,
    start,
    async stop() {
      for (const each of clients) each.destroy();
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** versitygw's own file of users. */
function writeUsers(dir: string, users: readonly S3Credentials[]): void {
  const accounts = users.map(({ access, secret }) => [
    access,
    { access, secret, role: 'user', userID: 0, groupID: 0, projectID: 0 },
  ]);
  writeFileSync(join(dir, 'users.json'), JSON.stringify({ accessAccounts: Object.fromEntries(accounts) }));
}
