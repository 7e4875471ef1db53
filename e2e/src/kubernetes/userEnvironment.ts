/** What a person at the keyboard has: kubectl, helm and pgtape on the path, and the names of the places. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, jaegerPorts, objectStorePort, region } from './platform.ts';
import type { TestCluster } from './testCluster.ts';

const root = join(import.meta.dirname, '../../..');

/** `helm` under its own name; the cache's is followed by its version. */
function helmDir(cluster: TestCluster): string {
  const dir = join(cluster.place.dir, 'bin');
  mkdirSync(dir, { recursive: true });
  if (!existsSync(join(dir, 'helm'))) symlinkSync(process.env.PGTAPE_E2E_HELM ?? '', join(dir, 'helm'));
  return dir;
}

export function userEnvironment(
  cluster: TestCluster,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const path = [root, helmDir(cluster), process.env.PGTAPE_E2E_KUBERNETES, process.env.PATH];
  return {
    PATH: path.join(':'),
    HOME: cluster.place.dir,
    KUBECONFIG: cluster.kubeconfig,
    REPOSITORY: cluster.pgtape.repository,
    TAG: cluster.pgtape.version,
    S3_REGION: region,
    S3_ENDPOINT: `http://${cluster.place.addresses.node}:${objectStorePort}`,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    JAEGER: `http://127.0.0.1:${jaegerPorts.query}`,
    ...more,
  };
}
