/** Owns judging a recorder's token by the API server: TokenReview, then the pod that it is bound to. Refuses to remember. */
import {
  KubeError,
  type KubeObjects,
  type KubeTransport,
  pods,
  reviewToken,
  type TokenReview,
} from '@pgtape/kube';
import { injectedPod, type TokenVerdict } from './podIdentity.ts';
import { type PodName, refusal, type TokenRefusal } from './tokenClaims.ts';
import type { TokenJudgeSources } from './tokenJudge.ts';

const podNameKey = 'authentication.kubernetes.io/pod-name';
const podUidKey = 'authentication.kubernetes.io/pod-uid';
const accountPattern = /^system:serviceaccount:([^:]+):[^:]+$/;

export function kubernetesTokens(
  connection: Pick<KubeTransport, 'request'>,
  objects: Pick<KubeObjects, 'find'>,
  audience: string,
): Pick<TokenJudgeSources, 'look' | 'isGone'> {
  return {
    look: async (token) => {
      try {
        const pod = reviewedPod(await reviewToken(connection, token, [audience]), audience);
        if ('refused' in pod) return pod;
        return injectedPod(pod, await objects.find(pods, { namespace: pod.namespace, name: pod.name }));
      } catch (error) {
        return unreachable(error);
      }
    },
    isGone: async (pod) => {
      try {
        const { namespace, name, uid } = pod;
        const found = await objects.find(pods, { namespace, name });
        return found === null || (uid !== undefined && found.metadata.uid !== uid);
      } catch {
        return false;
      }
    },
  };
}

/** Which pod the API server says the token is bound to. */
export function reviewedPod(review: TokenReview, audience: string): PodName | TokenRefusal {
  const { authenticated, audiences, username, extra, error } = review;
  // The server's words for a token whose pod, or service account, was deleted.
  if (!authenticated && /has been invalidated|not found/.test(error))
    return refusal('pod_not_found', 'the pod that the token is bound to is gone');
  if (!authenticated) return refusal('token_invalid', 'the API server does not know it');
  // An API server without audiences answers for none (TokenReview, `status.audiences`).
  if (!audiences.includes(audience)) return refusal('token_audience', `it is not for '${audience}'`);
  const namespace = accountPattern.exec(username)?.[1];
  const [name] = extra[podNameKey] ?? [];
  const [uid] = extra[podUidKey] ?? [];
  if (namespace === undefined || name === undefined || uid === undefined)
    return refusal('token_not_pod_bound', 'it names no pod');
  return { namespace, name, uid };
}

function unreachable(error: unknown): TokenVerdict {
  const why = error instanceof KubeError ? error.code : 'internal';
  return refusal('api_unreachable', `the API server could not be asked (${why})`);
}
