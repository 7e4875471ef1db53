/**
 * Owns judging a recorder's token by its issuer's published keys (RFC 7517): for a vault that reaches no API server. Nobody looks at
 * the pod. Keys are read again when one is asked for that is not among them.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';
import type { TokenVerdict } from './podIdentity.ts';
import { refusal, type UnverifiedToken } from './tokenClaims.ts';
import type { TokenJudgeSources } from './tokenJudge.ts';

/** Those that Kubernetes signs with (kubernetes/pkg/serviceaccount/jwt.go, signerFromPrivateKey). */
const algorithms: Readonly<
  Record<string, { readonly digest: string; readonly type: string; readonly curve?: string }>
> = {
  RS256: { digest: 'sha256', type: 'rsa' },
  ES256: { digest: 'sha256', type: 'ec', curve: 'prime256v1' },
  ES384: { digest: 'sha384', type: 'ec', curve: 'secp384r1' },
  ES512: { digest: 'sha512', type: 'ec', curve: 'secp521r1' },
};

const Keys = z.object({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().default('') })).max(64),
});

export interface JwksKey {
  readonly keyId: string;
  readonly key: KeyObject;
}

/** Keys of other kinds are passed over. @throws where the text is no key set */
export function parseJwks(text: string): readonly JwksKey[] {
  const { keys } = Keys.parse(JSON.parse(text));
  return keys.flatMap((jwk) => {
    try {
      return [{ keyId: jwk.kid, key: createPublicKey({ key: jwk, format: 'jwk' }) }];
    } catch {
      return [];
    }
  });
}

/** Whether one of the keys signed it. Never throws. */
export function isSignedBy(
  { algorithm, keyId, signed, signature }: UnverifiedToken,
  keys: readonly JwksKey[],
): boolean {
  const known = Object.hasOwn(algorithms, algorithm) ? algorithms[algorithm] : undefined;
  if (known === undefined) return false;
  return keys.some(({ keyId: id, key }) => {
    if (keyId !== '' && id !== '' && id !== keyId) return false;
    // The key decides what it signs with, not the token.
    if (key.asymmetricKeyType !== known.type || key.asymmetricKeyDetails?.namedCurve !== known.curve)
      return false;
    const dsaEncoding = 'ieee-p1363' as const;
    return verify(known.digest, signed, known.type === 'ec' ? { key, dsaEncoding } : key, signature);
  });
}

export interface JwksSource {
  readonly issuer: string;
  /** The key set's text; rejects where it cannot be had. */
  readonly read: () => Promise<string>;
  /** Monotonic ms. */
  readonly nowMs: () => number;
}

/** Whoever sends tokens with keys of his own makes us read no more often. */
const READ_AGAIN_MS = 10_000;
/** A key that was taken away counts no longer than this. */
const KEYS_LAST_MS = 300_000;

export function jwksTokens({ issuer, read, nowMs }: JwksSource): Pick<TokenJudgeSources, 'look' | 'isGone'> {
  let known: { readonly keys: readonly JwksKey[]; readonly at: number } | null = null;
  const keysAt = async (maxAgeMs: number): Promise<readonly JwksKey[]> => {
    if (known !== null && nowMs() - known.at < maxAgeMs) return known.keys;
    known = { keys: parseJwks(await read()), at: nowMs() };
    return known.keys;
  };
  const judged = async (token: UnverifiedToken): Promise<TokenVerdict> => {
    const { issuer: said, pod } = token.claims;
    if (said !== issuer) return refusal('token_invalid', 'another issuer made it');
    if (pod === null) return refusal('token_not_pod_bound', 'it names no pod');
    const isGood =
      isSignedBy(token, await keysAt(KEYS_LAST_MS)) || isSignedBy(token, await keysAt(READ_AGAIN_MS));
    if (!isGood) return refusal('token_invalid', "no key of the issuer's signed it");
    return { method: 'jwks', pod, database: null };
  };
  return {
    look: async (_token, unverified) =>
      await judged(unverified).catch((error: unknown) => {
        const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
        return refusal('api_unreachable', `the issuer's keys cannot be had (${why})`);
      }),
    isGone: async () => false,
  };
}
