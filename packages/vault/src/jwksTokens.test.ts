import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { jwksTokens, parseJwks } from './jwksTokens.ts';
import { boundClaims, signedToken } from './podTokens.testing.ts';
import { readToken } from './tokenClaims.ts';
import { TokenJudge } from './tokenJudge.ts';

const now = 1_795_000_000_000;
const issuer = 'https://kubernetes.default.svc';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
const [p256, p384, p521] = [ec('P-256'), ec('P-384'), ec('P-521')];

const jwk = (key: KeyObject, kid: string): object => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' });
const keySet = (...keys: object[]): string => JSON.stringify({ keys });
const all = keySet(
  jwk(rsa.publicKey, 'rsa'),
  jwk(p256.publicKey, 'p256'),
  jwk(p384.publicKey, 'p384'),
  jwk(p521.publicKey, 'p521'),
  { kty: 'oct', k: 'AAAA', kid: 'oct' },
);

const peer = '10.0.0.1';

function judgeOf(text: () => string, at: () => number = () => now): TokenJudge {
  const read = async (): Promise<string> => text();
  return new TokenJudge({
    audience: 'pgtape-vault',
    nowMs: at,
    budget: null,
    ...jwksTokens({ issuer, read, nowMs: at }),
  });
}

async function said(token: string, text = all): Promise<string> {
  const verdict = await judgeOf(() => text).judge(token, peer);
  return 'refused' in verdict ? verdict.reason : `${verdict.method} ${verdict.pod.name} ${verdict.pod.uid}`;
}

describe('tokens judged by published keys', () => {
  it.each([
    ['RS256', rsa.privateKey, 'rsa'],
    ['ES256', p256.privateKey, 'p256'],
    ['ES384', p384.privateKey, 'p384'],
    ['ES512', p521.privateKey, 'p521'],
  ])('takes %s', async (alg, key, kid) => {
    expect(await said(signedToken(key, boundClaims(now), { alg, kid }))).toBe('jwks orders-0 u-0');
    // kube-apiserver may run without key ids.
    expect(await said(signedToken(key, boundClaims(now), { alg }))).toBe('jwks orders-0 u-0');
  });

  const good = signedToken(rsa.privateKey, boundClaims(now), { alg: 'RS256', kid: 'rsa' });
  const [head = '', body = '', tail = ''] = good.split('.');
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const hmacHead = encoded({ alg: 'HS256', kid: 'rsa' });
  const publicPem = rsa.publicKey.export({ format: 'pem', type: 'spki' });
  const rs = (claims: object): string => signedToken(rsa.privateKey, claims, { alg: 'RS256', kid: 'rsa' });
  it.each([
    [
      'signed by another key',
      signedToken(otherRsa.privateKey, boundClaims(now), { alg: 'RS256', kid: 'rsa' }),
      'token_invalid',
    ],
    ['unsigned', `${encoded({ alg: 'none' })}.${body}.`, 'token_invalid'],
    [
      'with the public key as the secret of an HMAC',
      `${hmacHead}.${body}.${createHmac('sha256', publicPem).update(`${hmacHead}.${body}`).digest('base64url')}`,
      'token_invalid',
    ],
    [
      'with other claims than were signed',
      `${head}.${encoded(boundClaims(now, { sub: 'x' }))}.${tail}`,
      'token_invalid',
    ],
    [
      'under the id of another key',
      signedToken(rsa.privateKey, boundClaims(now), { alg: 'RS256', kid: 'p256' }),
      'token_invalid',
    ],
    ['of another issuer', rs(boundClaims(now, { iss: 'https://evil.example' })), 'token_invalid'],
    [
      'for another audience',
      rs(boundClaims(now, { aud: ['https://kubernetes.default.svc'] })),
      'token_audience',
    ],
    ['that ended over a minute ago', rs(boundClaims(now - 661_000)), 'token_expired'],
    ['that begins in over a minute', rs(boundClaims(now + 62_000)), 'token_invalid'],
    [
      'without a pod',
      rs(boundClaims(now, { 'kubernetes.io': { namespace: 'shop' } })),
      'token_not_pod_bound',
    ],
    [
      'without claims of Kubernetes',
      rs(boundClaims(now, { 'kubernetes.io': undefined })),
      'token_not_pod_bound',
    ],
    ['that is none', 'abc', 'token_invalid'],
    ['of two parts', `${head}.${body}`, 'token_invalid'],
    ['whose claims are no JSON', `${head}.AAAA.${tail}`, 'token_invalid'],
    [
      'named as a property of every object',
      signedToken(rsa.privateKey, boundClaims(now), { alg: 'RS256', kid: '__proto__' }),
      'token_invalid',
    ],
  ])('refuses one %s', async (_name, token, says) => {
    expect(await said(token)).toBe(says);
  });

  it('does not believe an algorithm that names no signature', async () => {
    for (const alg of ['constructor', 'toString', 'RS512', 'PS256']) {
      expect(await said(`${encoded({ alg })}.${body}.${tail}`)).toBe('token_invalid');
    }
  });

  it('reads the keys again when one signed that it does not know, but not at every token', async () => {
    let [reads, at, text] = [0, now, keySet(jwk(otherRsa.publicKey, 'old'))];
    const judge = judgeOf(
      () => {
        reads += 1;
        return text;
      },
      () => at,
    );
    const reason = async (token: string): Promise<string> => {
      const verdict = await judge.judge(token, peer);
      return 'refused' in verdict ? verdict.reason : 'ok';
    };
    expect([await reason(good), await reason(rs(boundClaims(now, { n: 1 }))), reads]).toEqual([
      'token_invalid',
      'token_invalid',
      1,
    ]);
    text = all;
    at += 11_000;
    expect([await reason(good), reads]).toEqual(['ok', 2]);
  });

  it('cannot tell while the keys cannot be had', async () => {
    const judge = judgeOf(() => {
      throw new Error('ENOENT');
    });
    expect(await judge.judge(good, peer)).toEqual({
      reason: 'api_unreachable',
      refused: "the issuer's keys cannot be had (ENOENT)",
    });
    expect(() => parseJwks('{}')).toThrow();
    expect(readToken(good)?.keyId).toBe('rsa');
  });
});
