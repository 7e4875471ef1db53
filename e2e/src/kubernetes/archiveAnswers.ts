/** What the archive says of a pod's tape, asked as an operator asks: by `kubectl pgtape`, through the vault. */
import { get } from 'node:https';
import type { Ran } from './nodeProcesses.ts';
import { systemNamespace } from './release.ts';
import type { TestCluster } from './testCluster.ts';
import { userEnvironment } from './userEnvironment.ts';

/** Of a reel, as `pgtape verify -o json` prints it. */
export interface VerifiedReel {
  readonly reel: string;
  readonly recorder: string;
  readonly verdict: string;
  readonly closed: boolean;
  readonly findings: readonly {
    readonly verdict: string;
    readonly reason: string;
    readonly detail: string;
  }[];
  readonly sessions: readonly {
    readonly session: string;
    readonly verdict: string;
    readonly closed: boolean;
  }[];
  readonly enrolled: { readonly method: string; readonly name: string } | null;
}

/** Of a reel that the vault watches. */
export interface WatchedReel {
  readonly reel: string;
  /** `namespace/name` of the database. */
  readonly name: string;
  readonly state: string;
}

/** However it ends. */
export async function plugin(cluster: TestCluster, ...args: readonly string[]): Promise<Ran> {
  const env = userEnvironment(cluster);
  return await cluster.processes.inNetwork(['kubectl', 'pgtape', ...args], { env });
}

/** Reels that a pod enrolled, in the order of their beginning. @throws Error with what it said where nothing can be read */
export async function verifiedReels(cluster: TestCluster, pod: string): Promise<VerifiedReel[]> {
  const { out, err } = await plugin(cluster, 'verify', '-o', 'json');
  if (!out.startsWith('{')) throw new Error(`kubectl pgtape verify: ${err}${out}`);
  const { reels } = JSON.parse(out) as { reels: VerifiedReel[] };
  return reels.filter(({ enrolled }) => enrolled?.name === pod);
}

/** Waits until `verify` calls a reel of the pod `crashed`, and says why and what becomes of the sessions that were open. */
export async function crashedReel(
  cluster: TestCluster,
  pod: string,
  reel: string,
): Promise<{ readonly reasons: string[]; readonly open: string[] }> {
  let found: VerifiedReel | undefined;
  await cluster.eventually(`verify calls the reel of ${pod} crashed`, 30_000, async () => {
    found = (await verifiedReels(cluster, pod)).find((one) => one.reel === reel);
    if (found?.verdict === 'crashed') return true;
    throw new Error(JSON.stringify(found ?? 'it is not there'));
  });
  return {
    reasons: (found?.findings ?? []).map(({ reason }) => reason),
    open: (found?.sessions ?? []).filter(({ closed }) => !closed).map(({ verdict }) => verdict),
  };
}

/** `/v1/status` of the vault, as the reader account. @throws Error where it does not answer so */
export async function watchedReels(cluster: TestCluster): Promise<WatchedReel[]> {
  const [token, secret, service] = await Promise.all([
    cluster.done(['-n', systemNamespace, 'create', 'token', 'pgtape-reader', '--audience', 'pgtape-read']),
    cluster.get<{ data: Record<string, string> }>('secret', 'pgtape-vault-tls', systemNamespace),
    cluster.get<{ spec: { clusterIP: string } }>('service', 'pgtape-vault', systemNamespace),
  ]);
  const text = await new Promise<string>((resolve, reject) => {
    const options = {
      host: service?.spec.clusterIP,
      port: 7417,
      path: '/v1/status',
      servername: `pgtape-vault.${systemNamespace}.svc`,
      ca: Buffer.from(secret?.data['ca.crt'] ?? '', 'base64'),
      headers: { authorization: `Bearer ${token.trim()}` },
      timeout: 10_000,
    };
    const asked = get(options, (answer) => {
      let said = '';
      answer.on('data', (chunk: Buffer) => {
        said += chunk.toString('utf8');
      });
      answer.once('end', () =>
        answer.statusCode === 200 ? resolve(said) : reject(new Error(`${answer.statusCode} ${said}`)),
      );
    });
    asked.once('timeout', () => asked.destroy(new Error('the vault does not answer')));
    asked.once('error', reject);
  });
  return (JSON.parse(text) as { reels: { list: WatchedReel[] } }).reels.list;
}
