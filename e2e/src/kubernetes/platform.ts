/**
 * What a company has beside its databases, in the cluster's network: an object store with Object Lock (versitygw) and a
 * tracing backend (Jaeger), each behind a Service of the namespace `platform`. Processes of the node, not pods.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { jaegerConfig } from '../jaegerConfig.ts';
import type { TestCluster } from './testCluster.ts';

export const objectStorePort = 7070;
export const jaegerPorts = { otlp: 4317, query: 16686 } as const;
export const region = 'us-east-1';
export const credentials = { accessKeyId: 'pgtaperoot', secretAccessKey: 'pgtape-root-secret' } as const;

/** As pods name them. */
export const objectStoreUrl = `http://s3.platform.svc:${objectStorePort}`;
export const jaegerUrl = `http://jaeger.platform.svc:${jaegerPorts.otlp}`;

/** Both are there and answer; a second call changes nothing. */
export async function startPlatform(cluster: TestCluster): Promise<void> {
  await startObjectStore(cluster);
  await startJaeger(cluster);
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } });
  await cluster.apply(
    ...serviceObjects(cluster, 's3', [objectStorePort]),
    ...serviceObjects(cluster, 'jaeger', [jaegerPorts.otlp, jaegerPorts.query]),
  );
}

/** Of the object store, as its owner, from here. */
export function objectStoreClient(cluster: TestCluster): S3Client {
  const endpoint = `http://${cluster.place.addresses.uplinkThere}:${objectStorePort}`;
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials });
}

/** With Object Lock. */
export async function makeBucket(cluster: TestCluster, bucket: string): Promise<void> {
  const client = objectStoreClient(cluster);
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
  client.destroy();
}

export function jaegerQueryUrl(cluster: TestCluster): string {
  return `http://${cluster.place.addresses.uplinkThere}:${jaegerPorts.query}`;
}

async function startObjectStore(cluster: TestCluster): Promise<void> {
  const { processes, place } = cluster;
  if (processes.isRunning('versitygw')) return;
  const dir = join(place.dir, 'object-store');
  for (const name of ['buckets', 'versions', 'iam']) mkdirSync(join(dir, name), { recursive: true });
  const flags = ['--port', `0.0.0.0:${objectStorePort}`, '--region', region, '--iam-dir', join(dir, 'iam')];
  const posix = ['posix', '--versioning-dir', join(dir, 'versions'), join(dir, 'buckets')];
  await processes.start('versitygw', [binary('PGTAPE_E2E_VERSITYGW'), ...flags, ...posix], {
    ROOT_ACCESS_KEY: credentials.accessKeyId,
    ROOT_SECRET_KEY: credentials.secretAccessKey,
  });
  const url = `http://${place.addresses.uplinkThere}:${objectStorePort}/`;
  await cluster.eventually('the object store answers', 60_000, async () => (await fetch(url)).status > 0);
}

async function startJaeger(cluster: TestCluster): Promise<void> {
  const { processes, place } = cluster;
  if (processes.isRunning('jaeger')) return;
  const config = jaegerConfig('0.0.0.0', { ...jaegerPorts, otlpHttp: 4318, queryGrpc: 16685, health: 13133 });
  await processes.start('jaeger', [
    binary('PGTAPE_E2E_JAEGER'),
    '--config',
    `yaml:${JSON.stringify(config)}`,
  ]);
  const url = `http://${place.addresses.uplinkThere}:${jaegerPorts.query}/api/services`;
  await cluster.eventually('Jaeger answers', 60_000, async () => (await fetch(url)).ok);
}

function binary(variable: string): string {
  const path = process.env[variable];
  if (path === undefined) throw new Error(`${variable} names no program: run scripts/e2e-cluster`);
  return path;
}

/** A Service that leads to the node itself. */
function serviceObjects(cluster: TestCluster, name: string, ports: readonly number[]): object[] {
  const metadata = { name, namespace: 'platform' };
  const named = ports.map((port) => ({ name: `port-${port}`, port, protocol: 'TCP' }));
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: named } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: named,
      endpoints: [{ addresses: [cluster.place.addresses.node] }],
    },
  ];
}
