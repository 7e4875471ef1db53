/** Owns asking the API server whose a bearer token is (authentication.k8s.io/v1 TokenReview). Keeps neither token nor answer. */
import type { KubeTransport } from './connection.ts';
import { KubeError } from './kubeError.ts';

export interface TokenReview {
  /** False: the token is nobody's, or for none of the audiences. */
  readonly authenticated: boolean;
  /** `system:serviceaccount:NAMESPACE:NAME`; '' where not authenticated, as is what follows. */
  readonly username: string;
  readonly groups: readonly string[];
  /** `authentication.kubernetes.io/pod-name` and others, by name. */
  readonly extra: Readonly<Record<string, readonly string[]>>;
  /** Those of the asked ones that it is for. */
  readonly audiences: readonly string[];
  /** The server's words for why not. */
  readonly error: string;
}

const path = '/apis/authentication.k8s.io/v1/tokenreviews';

/** Rejects with KubeError, or the signal's reason. */
export async function reviewToken(
  connection: Pick<KubeTransport, 'request'>,
  token: string,
  audiences: readonly string[],
  signal?: AbortSignal,
): Promise<TokenReview> {
  const answer = await connection.request({
    method: 'POST',
    path,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } },
    ...(signal === undefined ? {} : { signal }),
  });
  const status = recordOf(recordOf(answer)?.status);
  if (status === null) throw new KubeError('KUBE_ANSWER', `POST ${path} was answered without a status`);
  const user = recordOf(status.user) ?? {};
  const extra = Object.entries(recordOf(user.extra) ?? {});
  return {
    authenticated: status.authenticated === true,
    username: textOf(user.username),
    groups: textsOf(user.groups),
    extra: Object.fromEntries(extra.map(([name, values]) => [name, textsOf(values)])),
    audiences: textsOf(status.audiences),
    error: textOf(status.error).slice(0, 1000),
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
