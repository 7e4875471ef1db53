/** The vault's authority is replaced while a recorder sends: from the new authority's making to its certificate being served. */
import type { X509Certificate } from 'node:crypto';
import { type CertificateMaterial, renewed } from '@pgtape/operator';
import pg from 'pg';
import { ArchiveReader } from '../stack.ts';
import { startBench } from './benchTape.ts';
import { CertificateSecret, isSignedByNewest, servedAt } from './certificateSecret.ts';
import { password } from './postgresObjects.ts';
import { type RecordedDatabase, restartsOf } from './recordedDatabase.ts';
import { bucketDir, systemNamespace } from './release.ts';
import { sessionsOf } from './tapes.ts';
import type { TestCluster } from './testCluster.ts';

/** Longer than recorders are given to hear of a new authority. */
const authorityAgeMs = 10 * 60_000;
const httpPort = 7417;

async function servedByVault(cluster: TestCluster): Promise<X509Certificate> {
  const service = await cluster.get<{ spec: { clusterIP: string } }>(
    'service',
    'pgtape-vault',
    systemNamespace,
  );
  return await servedAt(service?.spec.clusterIP ?? '', httpPort);
}

/** What the operator leaves when it has made an authority: in front of the bundle, while the former's certificate is served. */
async function begunRotation(secret: CertificateSecret): Promise<CertificateMaterial> {
  const [now, plan] = [await secret.material(), await secret.planOf('pgtape vault authority')];
  const made = await renewed(null, { ...plan, nowMs: Date.now() - authorityAgeMs });
  const { authorities, authorityKey } = made;
  return { ...now, authorities: [...authorities, ...now.authorities], authorityKey };
}

async function rotate(cluster: TestCluster): Promise<void> {
  const secret = new CertificateSecret(cluster, 'pgtape-vault-tls');
  const begun = await begunRotation(secret);
  expect(isSignedByNewest(await servedByVault(cluster), begun)).toBe(false);
  await secret.write(begun);
  const began = performance.now();
  await cluster.eventually('the new authority signed what the vault serves', 180_000, async () =>
    isSignedByNewest(await servedByVault(cluster), begun),
  );
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stderr.write(`the vault serves what its new authority signed after ${seconds} s\n`);
  // Connections that knew the former certificate end with it: the recorder meets the new one.
  await cluster.done(['-n', systemNamespace, 'delete', 'pod', 'pgtape-vault-0', '--timeout=70s']);
}

/**
 * Under load from before until after, with a session open all the time: it is complete, all that was answered is on tape once, by the
 * reel that was there before, without a gap.
 */
export async function rotatedVault(database: RecordedDatabase): Promise<void> {
  const { cluster } = database;
  const [before, host, run] = [await database.podObject(), await database.address(), Date.now()];
  const application = `over the rotation, ${run}`;
  const user = { user: 'postgres', password, database: 'postgres' };
  const client = new pg.Client({ host, application_name: application, ...user });
  await client.connect();
  await client.query(`SELECT 'before the rotation, ${run}'`);
  const { reel } = await database.taped(`before the rotation, ${run}`);
  const bench = await startBench(cluster, database);
  try {
    await rotate(cluster);
    await client.query(`SELECT 'after the rotation, ${run}'`);
  } finally {
    await client.end();
    await bench.stop();
  }
  expect(await database.taped(`after the rotation, ${run}`, 120_000)).toMatchObject({ reel });
  expect(await bench.taped(60_000)).toEqual([]);
  expect(restartsOf(await database.podObject())).toEqual(restartsOf(before));
  const ofReel = [...new ArchiveReader(bucketDir(cluster)).fresh()].filter((one) => one.reel === reel);
  expect(ofReel.filter(({ kind }) => kind === 'gap')).toEqual([]);
  const sessions = (await sessionsOf(cluster)).filter((one) => one.application === application);
  expect(sessions.map(({ verdict }) => verdict)).toEqual(['complete']);
}
