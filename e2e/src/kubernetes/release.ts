/** pgtape as installed on the shared cluster, for the tests that are about what it does then: once, by the first that asks. */
import { join } from 'node:path';
import { HeadBucketCommand } from '@aws-sdk/client-s3';
import { chartDir } from '../cluster/helm.ts';
import {
  credentials,
  jaegerUrl,
  makeBucket,
  objectStoreClient,
  objectStorePort,
  region,
  startPlatform,
} from './platform.ts';
import type { TestCluster } from './testCluster.ts';
import { userEnvironment } from './userEnvironment.ts';

export const systemNamespace = 'pgtape-system';
/** The quickstart's own, so that it does not matter which came first. */
export const archive = { name: 'default', bucket: 'my-evidence' } as const;

/** Short: a test must not wait for segments to be full. */
const quick = ['--set', 'vault.config.tlog.checkpointSeconds=1'];

/** Runs helm as somebody at the keyboard. @throws Error with what it said */
export async function helm(cluster: TestCluster, args: readonly string[]): Promise<string> {
  const { status, out, err } = await cluster.processes.inNetwork(['helm', ...args], {
    env: userEnvironment(cluster),
  });
  if (status !== 0) throw new Error(`helm ${args.join(' ')}: ${err}${out}`);
  return out;
}

/** The release `pgtape` and its archive are there and ready when this resolves. */
export async function installPgtape(cluster: TestCluster): Promise<void> {
  await startPlatform(cluster);
  await bucketThere(cluster);
  const releases = await helm(cluster, ['list', '-n', systemNamespace, '-q']);
  if (releases.trim() === '') await install(cluster);
  await applyArchive(cluster);
  for (const name of [
    'deployment/pgtape-controller',
    'deployment/pgtape-webhook',
    'statefulset/pgtape-vault',
  ])
    await cluster.done(['-n', systemNamespace, 'rollout', 'status', name, '--timeout=180s']);
  await cluster.done(['wait', `recordingarchive/${archive.name}`, '--for=condition=Ready', '--timeout=180s']);
}

async function bucketThere(cluster: TestCluster): Promise<void> {
  const client = objectStoreClient(cluster);
  const isThere = await client.send(new HeadBucketCommand({ Bucket: archive.bucket })).then(
    () => true,
    () => false,
  );
  client.destroy();
  if (!isThere) await makeBucket(cluster, archive.bucket);
}

/** The release alone, on a platform that is there. @param more arguments of helm */
export async function install(cluster: TestCluster, more: readonly string[] = []): Promise<void> {
  const metadata = { name: 'bucket-keys', namespace: systemNamespace };
  await cluster.apply(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: systemNamespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      stringData: {
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      },
    },
  );
  await helm(cluster, ['install', 'pgtape', chartDir, '-n', systemNamespace, ...values(cluster), ...more]);
}

/** As `--set`, for every release of the tests. */
export function values(cluster: TestCluster): string[] {
  const { repository, digest } = cluster.pgtape;
  return [
    ...['--set', `image.repository=${repository}`, '--set', `image.digest=${digest}`],
    ...['--set', 'vault.s3.existingSecret=bucket-keys', '--set', `vault.tracing.url=${jaegerUrl}`],
    ...quick,
  ];
}

/** The RecordingArchive of the release's vault. */
export async function applyArchive(cluster: TestCluster): Promise<void> {
  await cluster.apply({
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordingArchive',
    metadata: { name: archive.name },
    spec: {
      s3: {
        bucket: archive.bucket,
        region,
        endpoint: `http://${cluster.place.addresses.node}:${objectStorePort}`,
        pathStyle: true,
      },
      lock: 'Strict',
      retention: { days: 1 },
    },
  });
}

/** Where versitygw keeps the bucket's objects, each as a file. */
export function bucketDir(cluster: TestCluster): string {
  return join(cluster.place.dir, 'object-store', 'buckets', archive.bucket);
}
