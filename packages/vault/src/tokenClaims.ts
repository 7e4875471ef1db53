/**
 * Owns what a service-account token says of itself (RFC 7519, with the private claims of Kubernetes), and what follows from that
 * alone. Nothing here is proof: who believes claims must have had the signature checked. Pure; its words never hold the token.
 */
import { z } from 'zod';

/** Why a token vouches for nobody; the words of refusals, metrics and logs. */
export type TokenReason =
  /** None came, and this reel's segments come with one. */
  | 'token_missing'
  /** Not a token, or not signed by who should have. */
  | 'token_invalid'
  | 'token_expired'
  /** Made for somebody else. */
  | 'token_audience'
  /** Of a service account, whoever uses it: no pod is named. */
  | 'token_not_pod_bound'
  | 'pod_not_found'
  /** The pod has no recorder of ours. */
  | 'pod_not_injected'
  /** The reel is of a database that the pod does not record. */
  | 'pod_of_other_database'
  /** Another pod's reel. */
  | 'other_pod'
  /** Whether the token is good cannot be known now: to be asked again. */
  | 'api_unreachable'
  /** Too many tokens that nobody knew were shown, from this address or by all: to be asked again. */
  | 'reviews_limited';

export interface TokenRefusal {
  readonly refused: string;
  readonly reason: TokenReason;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Times in ms since 1970. */
export interface TokenClaims {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly expiresMs: number;
  readonly notBeforeMs: number;
  /** null: bound to no pod. */
  readonly pod: PodName | null;
}

/** A JWT in its parts; `signed` are the bytes that the signature is over. */
export interface UnverifiedToken {
  readonly algorithm: string;
  /** '' where it names none. */
  readonly keyId: string;
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly claims: TokenClaims;
}

/** The API server allows this much (github.com/go-jose/go-jose, jwt.DefaultLeeway). */
const LEEWAY_MS = 60_000;

const Header = z.object({ alg: z.string().max(16), kid: z.string().max(256).default('') });
const seconds = z.number().finite();
const name = z.string().min(1).max(253);
const Claims = z.object({
  iss: z.string().max(1024),
  aud: z.union([z.string(), z.array(z.string()).max(64)]),
  exp: seconds,
  nbf: seconds.default(0),
  'kubernetes.io': z
    .object({
      namespace: name,
      pod: z.object({ name, uid: z.string().min(1).max(128) }).optional(),
    })
    .optional(),
});

/** null: it is no JWT with these claims. Never throws. */
export function readToken(token: string): UnverifiedToken | null {
  const parts = token.split('.');
  const [head = '', body = '', tail = ''] = parts;
  if (parts.length !== 3) return null;
  const header = Header.safeParse(json(head));
  const claims = Claims.safeParse(json(body));
  if (!header.success || !claims.success) return null;
  const { iss, aud, exp, nbf, 'kubernetes.io': bound } = claims.data;
  return {
    algorithm: header.data.alg,
    keyId: header.data.kid,
    signed: Buffer.from(`${head}.${body}`),
    signature: Buffer.from(tail, 'base64url'),
    claims: {
      issuer: iss,
      audiences: typeof aud === 'string' ? [aud] : aud,
      expiresMs: exp * 1000,
      notBeforeMs: nbf * 1000,
      pod: bound?.pod === undefined ? null : { namespace: bound.namespace, ...bound.pod },
    },
  };
}

/** What is wrong with the claims whoever signed them; null: nothing. */
export function claimsRefused(claims: TokenClaims, audience: string, nowMs: number): TokenRefusal | null {
  const { audiences, expiresMs, notBeforeMs, pod } = claims;
  if (!audiences.includes(audience))
    return refusal('token_audience', `it is for ${list(audiences)}, not for '${audience}'`);
  if (nowMs >= expiresMs + LEEWAY_MS)
    return refusal('token_expired', `it ended at ${new Date(expiresMs).toISOString()}`);
  if (nowMs < notBeforeMs - LEEWAY_MS)
    return refusal('token_invalid', `it begins at ${new Date(notBeforeMs).toISOString()}`);
  return pod === null ? refusal('token_not_pod_bound', 'it names no pod') : null;
}

export function refusal(reason: TokenReason, detail: string): TokenRefusal {
  return { reason, refused: detail };
}

function json(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** Audiences are whatever the maker of the token wrote: bounded. */
function list(audiences: readonly string[]): string {
  return audiences.length === 0 ? 'nobody' : JSON.stringify(audiences.slice(0, 4)).slice(0, 200);
}
