import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeObject } from '@pgtape/evidence';
import { openStore } from '@pgtape/store';
import pg from 'pg';
import { type Ran, runPgtape } from './pgtapeCommand.ts';
import { type S3Hop, startS3Hop } from './s3Hop.ts';
import { actAs, environmentOf, type S3Server, startS3Server } from './s3Server.ts';
import { type Stack, startStack } from './stack.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-s3-reading-'));
const tokenFile = join(scratch, 'token');
const hashFile = join(scratch, 'hash');

let server: S3Server;
let hop: S3Hop;
let stack: Stack;
let bucket: string;
let address: string;
/** Segments in the bucket when recorder and vault have ended. */
const keys: string[] = [];
/** Of the vault's own reel. */
let ownPrefix = '';

async function session(count: number): Promise<void> {
  const client = new pg.Client({ connectionString: stack.url });
  await client.connect();
  for (let i = 0; i < count; i += 1) {
    await client.query(`SELECT 'needle ${i}'`);
    // Segments close after 0.2 s: there are to be some.
    await client.query('SELECT pg_sleep(0.25)');
  }
  await client.end();
}

beforeAll(async () => {
  server = await startS3Server();
  actAs(server.root);
  hop = await startS3Hop(server.port);
  bucket = await server.bucket();
  address = server.address(bucket).replace(`:${server.port}`, `:${hop.port}`);
  writeFileSync(tokenFile, 'the-token-of-a-reader\n');
  writeFileSync(hashFile, `${createHash('sha256').update('the-token-of-a-reader').digest('hex')}\n`);
  stack = await startStack({
    segmentSeconds: 0.2,
    vault: {
      archive: { store: address, retention: { days: 1 } },
      stateDir: join(scratch, 'state'),
      http: { callers: [{ name: 'reader', tokenHashFile: hashFile, may: ['read'] }] },
    },
    vaultEnv: environmentOf(server.root),
  });
  await session(4);
});
afterAll(async () => {
  await stack.stop();
  await hop.stop();
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<Ran> => runPgtape(args, { env: environmentOf(server.root) });

/** How often each segment was asked for since `arm`, and listings that looked for a single one. */
function asked(): { gets: Map<string, number>; looks: string[] } {
  const gets = new Map<string, number>();
  const looks: string[] = [];
  for (const line of hop.trace) {
    const url = new URL(line.slice(line.indexOf(' ') + 1), 'http://s3');
    const key = decodeURIComponent(url.pathname).replace(`/${bucket}`, '').replace(/^\//, '');
    const prefix = url.searchParams.get('prefix') ?? '';
    // What protects an object is asked for under its key, too.
    const isObject = !url.searchParams.has('retention') && !url.searchParams.has('legal-hold');
    if (line.startsWith('GET') && key.startsWith('reel/') && isObject)
      gets.set(key, (gets.get(key) ?? 0) + 1);
    if (key === '' && prefix.endsWith('.jsonl.zst')) looks.push(prefix);
  }
  return { gets, looks };
}

const rowsOf = ({ out }: Ran): Record<string, unknown>[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const needles = [0, 1, 2, 3].map((i) => `SELECT 'needle ${i}'`);
const sqlOf = (answer: Ran): unknown[] =>
  rowsOf(answer)
    .map(({ sql }) => sql)
    .filter((sql) => String(sql).includes('needle'));

describe('reading an archive in a bucket', () => {
  it('through the vault: each object is one request', async () => {
    hop.arm(() => 'none');
    const url = `http://127.0.0.1:${stack.ports.http}`;
    const found = await run('search', 'needle', '--vault', url, '--token-file', tokenFile, '-o', 'jsonl');
    expect([found.code, found.err]).toEqual([0, '']);
    // The last one may not have come yet.
    expect(needles).toEqual(expect.arrayContaining(sqlOf(found)));
    const { gets, looks } = asked();
    // The vault writes its own reel meanwhile, and looks before it writes.
    const own = new Set(
      hop.trace.filter((line) => line.startsWith('PUT')).map((line) => /reel\/[^?]+/.exec(line)?.[0]),
    );
    expect(looks.filter((key) => !own.has(key))).toEqual([]);
    expect(gets.size).toBeGreaterThan(3);
  });

  /** Ends recorder and vault, so that the archive is final, and lists it once. */
  async function settled(): Promise<void> {
    if (keys.length > 0) return;
    await stack.settle();
    const store = await openStore(address);
    for await (const { key, version } of store.list('reel/')) {
      keys.push(key);
      if (!key.includes('/00000001.')) continue;
      const text = Buffer.from(decodeObject(await store.get(key, version))).toString('utf8');
      if (text.includes(',"kind":"vault_opened"')) ownPrefix = key.slice(0, key.lastIndexOf('/'));
    }
  }

  // A reel's first object also tells when the reel began; the vault's own reel also tells of holds.
  it.each([
    { command: 'sessions', args: ['-o', 'jsonl'], firsts: 1, own: 0 },
    { command: 'search', args: ['needle', '-o', 'jsonl'], firsts: 2, own: 0 },
    { command: 'verify', args: ['-o', 'json', '--strict'], firsts: 2, own: 1 },
  ])('$command --archive s3://...: each reading of an object is one request', async (row) => {
    const { command, args, firsts, own } = row;
    await settled();
    hop.arm(() => 'none');
    const answer = await run(command, ...args, '--archive', address);
    expect([answer.code, answer.err.includes('[')]).toEqual([0, false]);
    const { gets, looks } = asked();
    const expected = keys.map((key): [string, number] => {
      const once = key.includes('/00000001.') ? firsts : 1;
      return [key, once + (key.startsWith(ownPrefix) ? own : 0)];
    });
    expect(looks).toEqual([]);
    expect([...gets].sort()).toEqual(expected.sort());
    if (command === 'search') expect(sqlOf(answer)).toEqual(needles);
    if (command === 'sessions') expect(rowsOf(answer).length).toBeGreaterThan(0);
    if (command === 'verify')
      expect(JSON.parse(answer.out)).toMatchObject({ verdict: 'complete', lock: 'strict' });
    // Tiles and checkpoints of the log, too, are asked for by their versions.
    const unversioned = hop.trace.filter(
      (line) => /\/log\/(tile|checkpoints)\//.test(line) && !line.includes('versionId='),
    );
    expect(unversioned).toEqual([]);
  });

  it('plays a session: its reel is checked, then read once more', async () => {
    hop.arm(() => 'none');
    const answer = await run('play', 'last', '--speed', 'max', '-o', 'jsonl', '--archive', address);
    expect([answer.code, sqlOf(answer)]).toEqual([0, needles]);
    expect(asked().looks).toEqual([]);
  });
});
