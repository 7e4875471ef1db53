/** Owns why the HTTP API does not answer, in words that stay, and who must act. It refuses to know of sockets. */

/** Who can change it: who asks, who runs the vault, or nobody: it passes, come again. */
export type Actor = 'caller' | 'operator' | 'nobody';

export const httpReasons = {
  /** The request is not what the path takes. */
  bad_request: { status: 400, act: 'caller' },
  /** `http.whyRequired`, and no reason was given. */
  why_required: { status: 400, act: 'caller' },
  /** No token and no certificate, or none that names a caller. */
  unauthenticated: { status: 401, act: 'caller' },
  /** `http.callers` is empty: nobody may read. */
  no_callers: { status: 403, act: 'operator' },
  /** The API is reachable from elsewhere and speaks plain HTTP. */
  tls_required: { status: 403, act: 'operator' },
  /** The caller may not do this. */
  not_allowed: { status: 403, act: 'operator' },
  /** No grant, one that was never given to this caller, or that was forgotten. */
  grant_unknown: { status: 403, act: 'caller' },
  grant_expired: { status: 403, act: 'caller' },
  /** The grant does not cover what is asked for. */
  outside_scope: { status: 403, act: 'caller' },
  not_found: { status: 404, act: 'caller' },
  /** Holds and retention: see HoldReason, ReleaseProblem and RetentionReason. */
  scope_empty: { status: 400, act: 'caller' },
  scope_time: { status: 400, act: 'caller' },
  scope_pattern: { status: 400, act: 'caller' },
  until_past: { status: 400, act: 'caller' },
  until_far: { status: 400, act: 'caller' },
  second_missing: { status: 403, act: 'caller' },
  second_same: { status: 403, act: 'caller' },
  second_unknown: { status: 403, act: 'operator' },
  second_key: { status: 403, act: 'operator' },
  second_signature: { status: 403, act: 'caller' },
  release_expired: { status: 403, act: 'caller' },
  release_early: { status: 403, act: 'caller' },
  hold_unknown: { status: 404, act: 'caller' },
  nothing_found: { status: 404, act: 'caller' },
  already_released: { status: 409, act: 'caller' },
  holds_full: { status: 409, act: 'operator' },
  would_shorten: { status: 409, act: 'caller' },
  retention_unsupported: { status: 409, act: 'operator' },
  /** The record of a hold, a release or a retention was not stored in time; it may be in force all the same. */
  hold_not_recorded: { status: 503, act: 'operator' },
  /** The report of a probe was not stored in time; it may be on record all the same. */
  probe_not_recorded: { status: 503, act: 'operator' },
  /** A web page whose name was rebound to loopback asks. */
  not_loopback: { status: 421, act: 'caller' },
  too_many_grants: { status: 429, act: 'nobody' },
  /** Too many Kubernetes tokens that nobody knew were shown, from this address or by all. */
  reviews_limited: { status: 429, act: 'nobody' },
  internal: { status: 500, act: 'operator' },
  /** Whose a Kubernetes token is cannot be known now. */
  api_unreachable: { status: 503, act: 'nobody' },
  /** The record of this reading could not be stored, so nothing is shown. */
  access_not_recorded: { status: 503, act: 'operator' },
  store: { status: 503, act: 'operator' },
  /** More bytes on their way to readers than `http.readBytesMax`. */
  overloaded: { status: 503, act: 'nobody' },
  too_many_clients: { status: 503, act: 'nobody' },
} as const satisfies Record<string, { status: number; act: Actor }>;

export type HttpReason = keyof typeof httpReasons;

/** Thrown by handlers; answered as `{error, message, act}`. `message` is shown to people and holds no secret. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly reason: HttpReason;
  readonly status: number;
  readonly act: Actor;
  /** Whole seconds after which to come again; null where coming again cannot help. */
  readonly retryAfterSeconds: number | null;

  constructor(reason: HttpReason, message: string, retryAfterSeconds: number | null = null) {
    super(message);
    this.reason = reason;
    this.status = httpReasons[reason].status;
    this.act = httpReasons[reason].act;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
