/** Owns making tokens as kube-apiserver does, signed with a key of the test's own. */
import { type KeyObject, sign } from 'node:crypto';

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Claims of a token bound to pod `shop/orders-0`, for ten minutes from `nowMs` (ms since 1970). */
export function boundClaims(nowMs: number, more: object = {}): Record<string, unknown> {
  const now = Math.floor(nowMs / 1000);
  return {
    aud: ['pgtape-vault'],
    exp: now + 600,
    iat: now,
    nbf: now,
    iss: 'https://kubernetes.default.svc',
    sub: 'system:serviceaccount:shop:default',
    'kubernetes.io': {
      namespace: 'shop',
      pod: { name: 'orders-0', uid: 'u-0' },
      serviceaccount: { name: 'default', uid: 's-0' },
    },
    ...more,
  };
}

export function signedToken(
  key: KeyObject,
  claims: object,
  header: { readonly alg: string; readonly kid?: string },
): string {
  const signed = `${part(header)}.${part(claims)}`;
  const digest = `sha${header.alg.slice(2)}`;
  const signature = header.alg.startsWith('ES')
    ? sign(digest, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
    : sign(digest, Buffer.from(signed), key);
  return `${signed}.${signature.toString('base64url')}`;
}
