/** The archive of the shared cluster as `pgtape` reads it, past the vault. */
import { runPgtape } from '../pgtapeCommand.ts';
import { credentials, objectStorePort, region } from './platform.ts';
import { archive } from './release.ts';
import type { TestCluster } from './testCluster.ts';

export interface ListedSession {
  readonly session: string;
  readonly user: string;
  readonly application: string;
  readonly verdict: string;
}

export async function sessionsOf(cluster: TestCluster): Promise<ListedSession[]> {
  const { out, err } = await readArchive(cluster, ['sessions', '-o', 'jsonl']);
  if (out === '') throw new Error(err);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ListedSession);
}

/** A command of `pgtape` on the archive itself. */
export async function readArchive(
  cluster: TestCluster,
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const endpoint = `http://${cluster.place.addresses.uplinkThere}:${objectStorePort}`;
  const store = `s3://${archive.bucket}?endpoint=${endpoint}&region=${region}&pathStyle=1`;
  return await runPgtape([...args, '--archive', store], {
    env: {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
    },
  });
}
