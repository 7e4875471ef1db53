/** Owns the way to the API server that a person's kubeconfig names. Refuses to know what is asked for. */
import {
  KubeConnection,
  KubeError,
  type KubeObject,
  KubeObjects,
  type KubeResource,
  kubeConfigAccess,
  type ListOptions,
} from '@pgtape/kube';
import { CommandError, exitCode } from '../exitCode.ts';
import type { Io } from '../io.ts';
import type { ClusterFlags } from './clusterOptions.ts';

export interface Cluster {
  readonly connection: KubeConnection;
  readonly objects: KubeObjects;
  /** Of the current context. */
  readonly namespace: string;
  readonly stop: AbortSignal;
  /** What names the same cluster to kubectl. */
  readonly kubectlFlags: readonly string[];
}

/** @throws CommandError `KUBECONFIG` */
export async function openCluster(io: Io, flags: ClusterFlags): Promise<Cluster> {
  const { kubeconfig, context } = flags;
  try {
    const access = await kubeConfigAccess({
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    });
    const connection = new KubeConnection(access);
    return {
      connection,
      objects: new KubeObjects(connection),
      namespace: access.namespace,
      stop: io.stop,
      kubectlFlags: [
        ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
        ...(context === undefined ? [] : ['--context', context]),
      ],
    };
  } catch (cause) {
    throw new CommandError('KUBECONFIG', `no cluster to speak with: ${(cause as Error).message}`, {
      exit: exitCode.usage,
      advice:
        'Name one: --kubeconfig FILE, --context NAME, or KUBECONFIG. kubectl config get-contexts lists them.',
      cause,
    });
  }
}

/** Runs `act` with a cluster and closes its connections. What the API server refuses becomes a sentence for the person. */
export async function withCluster<T>(
  io: Io,
  flags: ClusterFlags,
  act: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await openCluster(io, flags);
  try {
    return await act(cluster);
  } catch (error) {
    throw clusterFailure(error);
  } finally {
    cluster.connection.close();
  }
}

/** A KubeError says in its message who must act. */
function clusterFailure(error: unknown): unknown {
  if (!(error instanceof KubeError)) return error;
  return new CommandError(error.code, error.message, { exit: exitCode.environment, cause: error });
}

const pageObjects = 500;

/** Every page of a collection. Rejects with KubeError. */
export async function everyObject(
  { objects, stop }: Cluster,
  resource: KubeResource,
  options: Omit<ListOptions, 'signal'> = {},
): Promise<KubeObject[]> {
  const found: KubeObject[] = [];
  let from = '';
  do {
    const page = await objects.page(resource, { ...options, signal: stop }, pageObjects, from);
    found.push(...page.items);
    from = page.next;
  } while (from !== '');
  return found;
}

/** What could be read, or why it could not. */
export type Read<T> =
  | { readonly isRead: true; readonly value: T }
  | { readonly isRead: false; readonly why: string };

/** A refusal of the API server is an answer too: what somebody may not read is not known, and no failure. */
export async function tried<T>(reading: Promise<T>): Promise<Read<T>> {
  try {
    return { isRead: true, value: await reading };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return { isRead: false, why: error.message };
  }
}
