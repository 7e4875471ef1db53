/** Everything that says why a test on the cluster failed, collected into one folder. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { sharedCluster } from './sharedCluster.ts';
import type { TestCluster } from './testCluster.ts';

/** What pods may hold back, in bytes each. */
const podLogMax = 4 * 1024 * 1024;

/** Logs of the node's processes and of all pods' containers, events and objects; what cannot be read is left out. */
export async function collectLogs(cluster: TestCluster, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  cpSync(join(cluster.place.dir, 'logs'), join(to, 'node'), { recursive: true });
  cpSync(join(cluster.place.dir, 'var-log', 'pods'), join(to, 'pods'), {
    recursive: true,
    force: true,
    errorOnExist: false,
    // A container's log is a link into the runtime's folders only while it turns.
    dereference: false,
  });
  const views: Readonly<Record<string, readonly string[]>> = {
    'events.txt': ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
    'objects.txt': ['get', 'pods,services,statefulsets,deployments,pvc', '-A', '-o', 'wide'],
    'pods.yaml': ['get', 'pods', '-A', '-o', 'yaml'],
    'pgtape.yaml': ['get', 'recordeddatabases,recordingarchives', '-A', '-o', 'yaml'],
  };
  for (const [name, args] of Object.entries(views)) {
    const { out, err } = await cluster.kubectl(args);
    writeFileSync(join(to, name), `${out}${err}`.slice(-podLogMax));
  }
}

/** Collects them for a test file that failed; the folder's name. */
export async function keepLogs(testFile: string): Promise<string> {
  const name = `${basename(testFile).replace(/\.test\.js$/, '')}-${new Date().toISOString().replaceAll(':', '')}`;
  const to = join(process.env.PGTAPE_E2E_LOGS ?? join(tmpdir(), 'pgtape-cluster-logs'), name);
  await collectLogs(sharedCluster(), to);
  return to;
}
