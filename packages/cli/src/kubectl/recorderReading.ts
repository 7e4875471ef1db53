/** Asks a pod's recorder what it says of itself, through the API server's proxy to the pod: no way into the pod is needed. */
import { RecorderStatus } from '@pgtape/evidence';
import { KubeError } from '@pgtape/kube';
import { HEALTH_PORT } from '@pgtape/operator';
import type { Cluster } from './cluster.ts';

/**
 * Why a recorder's word is not known:
 * - `not_allowed`: the account may not `get pods/proxy` there;
 * - `not_served`: this recorder is older and says nothing;
 * - `no_answer`: nothing answers on its health port;
 * - `strange`: what answers is no recorder.
 */
export type RecorderSilence = 'not_allowed' | 'not_served' | 'no_answer' | 'strange';

export type RecorderWord =
  | { readonly kind: 'said'; readonly status: RecorderStatus }
  | { readonly kind: 'silent'; readonly why: RecorderSilence; readonly detail: string };

export async function recorderWord(cluster: Cluster, namespace: string, pod: string): Promise<RecorderWord> {
  const place = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/http:${encodeURIComponent(pod)}:${HEALTH_PORT}`;
  try {
    const answer = await cluster.connection.request({
      method: 'GET',
      path: `${place}/proxy/v1/recorder`,
      signal: cluster.stop,
    });
    const parsed = RecorderStatus.safeParse(answer);
    if (parsed.success) return { kind: 'said', status: parsed.data };
    const [issue] = parsed.error.issues;
    return silent('strange', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return silent(silenceOf(error), error.message);
  }
}

function silent(why: RecorderSilence, detail: string): RecorderWord {
  return { kind: 'silent', why, detail };
}

function silenceOf({ code }: KubeError): RecorderSilence {
  if (code === 'KUBE_FORBIDDEN') return 'not_allowed';
  if (code === 'KUBE_NOT_FOUND') return 'not_served';
  return code === 'KUBE_ANSWER' ? 'strange' : 'no_answer';
}

export const silenceText: Readonly<Record<RecorderSilence, string>> = {
  not_allowed: "you may not 'get pods/proxy' in this namespace: whoever administers it must grant it",
  not_served: 'this recorder says nothing of itself: it is older than this command',
  no_answer: `nothing answers on port ${HEALTH_PORT} of the pod: look at the recorder's log`,
  strange: 'what answers is no recorder of this version',
};
