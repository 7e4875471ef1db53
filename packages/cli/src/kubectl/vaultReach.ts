/** Owns the way to the vault of a cluster: a port that leads to it, a token of the reader account, the authority it is known by. */
import { configMaps, KubeError, type KubeObject } from '@pgtape/kube';
import { secrets } from '@pgtape/operator';
import { z } from 'zod';
import { CommandError, exitCode } from '../exitCode.ts';
import type { Io } from '../io.ts';
import type { VaultAccess } from '../vaultClient.ts';
import { type Cluster, tried, withCluster } from './cluster.ts';
import type { ReleaseFlags } from './clusterOptions.ts';
import { type Release, releaseIn, releasePods } from './release.ts';
import { forwardTo } from './vaultForward.ts';

export interface ReachedVault {
  readonly access: VaultAccess;
  close(): Promise<void>;
}

/** What the person brought along instead; null: the cluster is asked. */
export interface Brought {
  readonly token: string | null;
  readonly ca: string | null;
  readonly tokenSeconds: number;
}

const portDefault = 7417;
/** Audience of tokens that the vault takes from readers. */
const audience = 'pgtape-read';

const VaultPod = z.looseObject({
  spec: z.looseObject({
    containers: z.array(
      z.looseObject({
        ports: z.array(z.looseObject({ name: z.string().optional(), containerPort: z.int() })).default([]),
      }),
    ),
  }),
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    })
    .prefault({}),
});

export interface VaultPlace {
  readonly pod: string;
  readonly port: number;
}

/** Pure: the pod to ask, a ready one where there is one; null: there is none. */
export function vaultPlace(pods: readonly KubeObject[]): VaultPlace | null {
  const places = pods.flatMap((pod) => {
    const parsed = VaultPod.safeParse(pod);
    if (!parsed.success || pod.metadata.deletionTimestamp !== undefined) return [];
    const { spec, status } = parsed.data;
    const ports = spec.containers.flatMap((container) => container.ports);
    const port = ports.find(({ name }) => name === 'https')?.containerPort ?? portDefault;
    const isReady = status.conditions.some((one) => one.type === 'Ready' && one.status === 'True');
    return [{ pod: pod.metadata.name, port, isReady }];
  });
  const found = places.find(({ isReady }) => isReady) ?? places[0];
  return found === undefined ? null : { pod: found.pod, port: found.port };
}

const TokenAnswer = z.looseObject({ status: z.looseObject({ token: z.string().min(1) }) });

async function readerToken(
  cluster: Cluster,
  { namespace, prefix }: Release,
  seconds: number,
): Promise<string> {
  const account = `${prefix}-reader`;
  try {
    const answer = await cluster.connection.request({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: [audience], expirationSeconds: seconds },
      },
      signal: cluster.stop,
    });
    return TokenAnswer.parse(answer).status.token;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const advice: Readonly<Record<string, string>> = {
      KUBE_FORBIDDEN:
        `Whoever runs pgtape can bind you to its Role: kubectl create rolebinding readers -n ${namespace} ` +
        `--role ${account} --user YOU. Or bring a token that the vault knows: --token-file FILE.`,
      KUBE_NOT_FOUND: `There is no ServiceAccount ${account}: the chart makes it (reader.create), or bring a token: --token-file FILE.`,
    };
    const said = advice[error.code];
    if (said === undefined) throw error;
    throw new CommandError('NO_READER', `no token of ${namespace}/${account}: ${error.message}`, {
      exit: exitCode.environment,
      advice: said,
      cause: error,
    });
  }
}

const Data = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

/** PEM of `ca.crt`; null: the object has none. */
function authorityIn(object: KubeObject | null, isEncoded: boolean): string | null {
  const text = Data.safeParse(object).data?.data['ca.crt'];
  if (text === undefined || text === '') return null;
  return isEncoded ? Buffer.from(text, 'base64').toString('utf8') : text;
}

/**
 * From the ConfigMap that the operator keeps for this, which the reader's Role allows to get; of a release that runs no operator from the
 * vault's own Secret.
 */
async function authority(cluster: Cluster, { namespace, prefix }: Release): Promise<string> {
  const place = { namespace, name: `${prefix}-vault-ca` };
  const kept = await tried(cluster.objects.find(configMaps, place, cluster.stop));
  const plain = kept.isRead ? authorityIn(kept.value, false) : null;
  if (plain !== null) return plain;
  const name = `${prefix}-vault-tls`;
  const secret = await tried(cluster.objects.find(secrets, { namespace, name }, cluster.stop));
  const own = secret.isRead ? authorityIn(secret.value, true) : null;
  if (own !== null) return own;
  throw new CommandError(
    'NO_CA',
    "nothing that you may read holds the authority of the vault's certificate",
    {
      exit: exitCode.environment,
      advice:
        `The Role ${prefix}-reader allows to get ConfigMap ${namespace}/${place.name}. Or bring it: --ca FILE (PGTAPE_CA); whoever may ` +
        `read the Secret gets it by: kubectl get secret -n ${namespace} ${name} -o jsonpath='{.data.ca\\.crt}' | base64 -d`,
    },
  );
}

async function vaultIn(cluster: Cluster, release: Release): Promise<VaultPlace> {
  const found = vaultPlace(await releasePods(cluster, release, ['vault']));
  if (found !== null) return found;
  throw new CommandError('NO_VAULT_POD', `release ${release.name} in ${release.namespace} runs no vault`, {
    exit: exitCode.environment,
    advice:
      'vault.enabled of the chart makes one; kubectl get pods shows why it is not there. Another one: --vault URL.',
  });
}

/** @throws CommandError of everything above */
export async function reachVault(io: Io, flags: ReleaseFlags, brought: Brought): Promise<ReachedVault> {
  return await withCluster(io, flags, async (cluster) => {
    const release = await releaseIn(cluster, flags);
    const { pod, port } = await vaultIn(cluster, release);
    const { namespace, prefix } = release;
    const token = brought.token ?? (await readerToken(cluster, release, brought.tokenSeconds));
    const ca = brought.ca ?? (await authority(cluster, release));
    const { kubectlFlags, stop } = cluster;
    const forward = await forwardTo({ namespace, pod, port, kubectlFlags, env: io.env, stop });
    return {
      access: {
        url: `https://127.0.0.1:${forward.port}`,
        token,
        ca,
        cert: null,
        key: null,
        serverName: `${prefix}-vault.${namespace}.svc`,
        advice: `Look at the vault: kubectl get pod -n ${namespace} ${pod}; kubectl logs -n ${namespace} ${pod}`,
      },
      close: () => forward.close(),
    };
  });
}
