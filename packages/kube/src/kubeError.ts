/** Owns the words for what a call to the API server ended with, and who must act. Refuses to retry. */

/**
 * - `KUBE_UNREACHABLE`: no connection, or it broke;
 * - `KUBE_TIMEOUT`: no answer, or a stream gone silent;
 * - `KUBE_UNAUTHORIZED`, `KUBE_FORBIDDEN`: 401, 403;
 * - `KUBE_NOT_FOUND`, `KUBE_CONFLICT`, `KUBE_GONE`: 404, 409, 410 (also an expired resource version);
 * - `KUBE_INVALID`: any other 4xx: the request itself is wrong;
 * - `KUBE_THROTTLED`: 429, see `retryAfterMs`;
 * - `KUBE_SERVER`: 5xx;
 * - `KUBE_ANSWER`: the answer is not what the API promises: no JSON, too long.
 */
export type KubeErrorCode =
  | 'KUBE_UNREACHABLE'
  | 'KUBE_TIMEOUT'
  | 'KUBE_UNAUTHORIZED'
  | 'KUBE_FORBIDDEN'
  | 'KUBE_NOT_FOUND'
  | 'KUBE_CONFLICT'
  | 'KUBE_GONE'
  | 'KUBE_INVALID'
  | 'KUBE_THROTTLED'
  | 'KUBE_SERVER'
  | 'KUBE_ANSWER';

const advice: Readonly<Record<KubeErrorCode, string>> = {
  KUBE_UNREACHABLE: 'check that the API server runs and can be reached from here',
  KUBE_TIMEOUT: 'check the network to the API server',
  KUBE_UNAUTHORIZED: 'check the credentials (kubeconfig, service-account token)',
  KUBE_FORBIDDEN: 'whoever administers the cluster must grant this to the account',
  KUBE_NOT_FOUND: 'check the name, and that the kind is installed',
  KUBE_CONFLICT: 'somebody else changed it meanwhile; read it again',
  KUBE_GONE: 'list again',
  KUBE_INVALID: 'correct the object',
  KUBE_THROTTLED: 'wait; the API server is overloaded',
  KUBE_SERVER: 'whoever administers the cluster must look at the API server',
  KUBE_ANSWER: 'check that this is a Kubernetes API server, and what stands in front of it',
};

/** One of `details.causes` of an answered Status object; '' for what it leaves out. */
export interface KubeCause {
  /** `FieldManagerConflict`, `FieldValueInvalid` ... */
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: KubeErrorCode;
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** `reason` of the answered Status object: `AlreadyExists`, `Expired` ...; '' where it has none. */
  readonly reason: string;
  /** Milliseconds the server asks to wait; null where it does not. */
  readonly retryAfterMs: number | null;
  readonly causes: readonly KubeCause[];

  constructor(
    code: KubeErrorCode,
    message: string,
    more: {
      status?: number;
      reason?: string;
      retryAfterMs?: number | null;
      causes?: readonly KubeCause[];
      cause?: unknown;
    } = {},
  ) {
    super(`${message}: ${advice[code]}`, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.status = more.status ?? 0;
    this.reason = more.reason ?? '';
    this.retryAfterMs = more.retryAfterMs ?? null;
    this.causes = more.causes ?? [];
  }
}

/** Deleted, or made anew, since a watch told of it: the watch will tell that too. */
export function isObjectGone(error: unknown): boolean {
  return error instanceof KubeError && (error.code === 'KUBE_NOT_FOUND' || error.code === 'KUBE_CONFLICT');
}

const codes: Readonly<Record<number, KubeErrorCode>> = {
  401: 'KUBE_UNAUTHORIZED',
  403: 'KUBE_FORBIDDEN',
  404: 'KUBE_NOT_FOUND',
  409: 'KUBE_CONFLICT',
  410: 'KUBE_GONE',
  429: 'KUBE_THROTTLED',
};

/** Code of an HTTP status from 400 on. */
function codeOfStatus(status: number): KubeErrorCode {
  return codes[status] ?? (status >= 500 ? 'KUBE_SERVER' : 'KUBE_INVALID');
}

interface StatusObject {
  readonly message?: unknown;
  readonly reason?: unknown;
  readonly details?: { readonly retryAfterSeconds?: unknown; readonly causes?: unknown };
}

const causesMax = 32;

function causesOf(causes: unknown): KubeCause[] {
  if (!Array.isArray(causes)) return [];
  const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 1000) : '');
  return causes.slice(0, causesMax).map((cause: Partial<Record<keyof KubeCause, unknown>> | null) => ({
    reason: text(cause?.reason),
    message: text(cause?.message),
    field: text(cause?.field),
  }));
}

/** Seconds of a Retry-After header; dates, which the API server never sends, count as absent. */
function headerMs(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : null;
}

/**
 * What an answer from 400 on says.
 * @param what the call, for people: `GET /api/v1/pods`
 * @param body parsed JSON, or anything
 */
export function statusError(
  what: string,
  status: number,
  body: unknown,
  retryAfter: string | undefined,
): KubeError {
  const told: StatusObject = typeof body === 'object' && body !== null ? body : {};
  const message = typeof told.message === 'string' ? told.message.slice(0, 1000) : '';
  const seconds = told.details?.retryAfterSeconds;
  const retryAfterMs = headerMs(retryAfter) ?? (typeof seconds === 'number' ? seconds * 1000 : null);
  return new KubeError(codeOfStatus(status), `${what} was answered ${status}${message && ` (${message})`}`, {
    status,
    reason: typeof told.reason === 'string' ? told.reason : '',
    retryAfterMs,
    causes: causesOf(told.details?.causes),
  });
}
