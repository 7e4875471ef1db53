/** Owns evicting one pod (policy/v1 Eviction): what disruption budgets forbid is refused by the API server. It refuses to retry. */
import type { KubeTransport } from './connection.ts';
import { KubeError } from './kubeError.ts';
import { pods, resourcePath } from './resource.ts';

export interface EvictedPod {
  readonly namespace: string;
  readonly name: string;
  /** Only this very pod, none of the same name that came after it. */
  readonly uid: string;
}

/**
 * - `evicted`: it is being deleted;
 * - `refused`: a disruption budget does not allow it now; `message` is the API server's;
 * - `gone`: there is no such pod any more.
 */
export type Eviction =
  | { readonly outcome: 'evicted' | 'gone' }
  | { readonly outcome: 'refused'; readonly message: string };

/** Rejects with KubeError, or the signal's reason. */
export async function evict(
  connection: KubeTransport,
  { namespace, name, uid }: EvictedPod,
  signal?: AbortSignal,
): Promise<Eviction> {
  try {
    await connection.request({
      method: 'POST',
      path: resourcePath(pods, { namespace, name, subresource: 'eviction' }),
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace },
        deleteOptions: { preconditions: { uid } },
      },
      ...(signal === undefined ? {} : { signal }),
    });
    return { outcome: 'evicted' };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.code === 'KUBE_NOT_FOUND' || error.code === 'KUBE_CONFLICT') return { outcome: 'gone' };
    if (error.code === 'KUBE_THROTTLED') return { outcome: 'refused', message: error.message };
    throw error;
  }
}
