/** `pgtape verify` over a real S3 server with Object Lock: what later versions, delete markers and short retention look like there. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { type ExampleLog, exampleArchive, exampleLeaves, exampleLog, type Leaf } from '@pgtape/evidence';
import { openStore } from '@pgtape/store';
import { pgtapeMain } from './pgtapeCommand.ts';
import { actAs, environmentOf, type S3Server, startS3Server } from './s3Server.ts';

const archive = exampleArchive();
const [first, second] = archive.map(({ key }) => key) as [string, string];

let server: S3Server;
let cwd = '';
beforeAll(async () => {
  server = await startS3Server();
  actAs(server.root);
  cwd = mkdtempSync(join(tmpdir(), 'pgtape-verify-s3-'));
});
afterAll(async () => {
  await server.stop();
  rmSync(cwd, { recursive: true });
});

interface Stored {
  readonly bucket: string;
  readonly address: string;
}

/** The example archive and its log in a bucket, every object locked until `retainUntil`; leaves promise `promised`. */
async function stored(retainUntil: number, promised = retainUntil): Promise<Stored> {
  const bucket = await server.bucket();
  const address = server.address(bucket, 'evidence');
  const store = await openStore(address);
  const versions = new Map<string, string>();
  for (const { key, object } of archive)
    versions.set(key, (await store.putOnce(key, object, { retainUntil })).version);
  const leaves = exampleLeaves(archive).map(
    (leaf): Leaf =>
      leaf.kind === 'segment'
        ? { ...leaf, version: versions.get(leaf.object)!, retain_until: `${promised}000000` }
        : leaf,
  );
  const log: ExampleLog = exampleLog(leaves, { sizes: [0, 4, 6] });
  for (const [key, bytes] of log.objects) {
    if (key === 'log/checkpoint' || key === 'log/vkey') await store.swap(key, bytes, null);
    else await store.putOnce(key, bytes, { retainUntil });
  }
  writeFileSync(join(cwd, 'policy.txt'), log.policy);
  return { bucket, address };
}

function verify(address: string): { code: number | null; findings: string[]; log: Record<string, unknown> } {
  const args = [pgtapeMain, 'verify', '--archive', address, '--policy', 'policy.txt', '-o', 'json'];
  const env = { ...process.env, ...environmentOf(server.root) };
  const run = spawnSync(process.execPath, args, { cwd, env, encoding: 'utf8' });
  if (run.stdout === '') throw new Error(run.stderr);
  const report = JSON.parse(run.stdout) as {
    lock: string;
    reels: { findings: { artefact: string; reason: string }[] }[];
    log: { findings: { artefact: string; reason: string }[]; checked: Record<string, number> };
  };
  const all = [...report.reels.flatMap(({ findings }) => findings), ...report.log.findings];
  return {
    code: run.status,
    findings: all.map(({ artefact, reason }) => `${artefact} ${reason}`),
    log: { lock: report.lock, ...report.log.checked },
  };
}

const later = (seconds: number): number => (Math.ceil(Date.now() / 1000) + seconds) * 1000;

describe('pgtape verify over S3', () => {
  it('reads versions and retention back, and names what was shadowed and what was deleted', async () => {
    const { bucket, address } = await stored(later(120));
    expect(verify(address)).toEqual({
      code: 0,
      findings: [],
      log: { lock: 'strict', checkpoints: 4, tiles: 4, leaves: 6, objects: 4, versions: 13, retentions: 4 },
    });
    const client = server.client();
    await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: `evidence/${first}`, Body: archive[1]!.object }),
    );
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `evidence/${second}` }));
    const { code, findings } = verify(address);
    expect([code, findings]).toEqual([1, [`${first} version_shadowed`, `${second} delete_marker`]]);
  });

  it('names objects that are kept for less long than their leaves promise', async () => {
    const { address } = await stored(later(120), later(86_400));
    const { code, findings } = verify(address);
    expect([code, findings]).toEqual([1, archive.map(({ key }) => `${key} retention_short`)]);
  });
});
