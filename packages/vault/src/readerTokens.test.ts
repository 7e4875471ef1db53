import { generateKeyPairSync } from 'node:crypto';
import { KubeError, type TokenReview } from '@pgtape/kube';
import type { HttpRefusal } from './httpRefusal.ts';
import { boundClaims, signedToken } from './podTokens.testing.ts';
import { ReaderTokens } from './readerTokens.ts';
import { ReviewBudget, type ReviewOutcome } from './reviewBudget.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const start = 1_795_000_000_000;
const token = (more: object = {}): string =>
  signedToken(privateKey, boundClaims(start, { aud: ['pgtape-read'], 'kubernetes.io': undefined, ...more }), {
    alg: 'RS256',
  });
const anna: TokenReview = {
  authenticated: true,
  username: 'anna',
  groups: ['auditors'],
  extra: {},
  audiences: ['pgtape-read'],
  error: '',
};

const peer = '10.0.0.1';

function asked(answers: (TokenReview | KubeError)[]) {
  const at = { now: start, reviews: 0 };
  const outcomes: ReviewOutcome[] = [];
  const tokens = new ReaderTokens({
    audience: 'pgtape-read',
    nowMs: () => at.now,
    budget: new ReviewBudget({ now: () => at.now, counted: (outcome) => outcomes.push(outcome) }),
    review: async () => {
      const answer = answers[Math.min(at.reviews, answers.length - 1)]!;
      at.reviews += 1;
      if (answer instanceof KubeError) throw answer;
      return answer;
    },
  });
  return { tokens, at, outcomes };
}

describe('ReaderTokens', () => {
  it('asks once a minute whose a token is', async () => {
    const { tokens, at } = asked([anna, { ...anna, authenticated: false }]);
    expect(await tokens.userOf(token(), peer)).toEqual({ name: 'anna', groups: ['auditors'] });
    at.now += 59_000;
    expect(await tokens.userOf(token(), peer)).not.toBeNull();
    expect(at.reviews).toBe(1);
    at.now += 1000;
    expect(await tokens.userOf(token(), peer)).toBeNull();
  });

  it('asks nobody about what cannot be one', async () => {
    const { tokens, at } = asked([anna]);
    const ended = token({ exp: start / 1000 });
    for (const text of ['abc', 'a.b.c', token({ aud: 'pgtape-vault' }), ended])
      expect(await tokens.userOf(text, peer)).toBeNull();
    expect(at.reviews).toBe(0);
  });

  it('lets nobody in by a token that the API server has for another audience', async () => {
    const { tokens } = asked([{ ...anna, audiences: [] }]);
    expect(await tokens.userOf(token(), peer)).toBeNull();
  });

  it('says that it cannot know while the API server is away, and remembers no such answer', async () => {
    const { tokens } = asked([new KubeError('KUBE_TIMEOUT', 'POST x'), anna]);
    await expect(tokens.userOf(token(), peer)).rejects.toMatchObject({
      reason: 'api_unreachable',
      status: 503,
    });
    expect(await tokens.userOf(token(), peer)).toEqual({ name: 'anna', groups: ['auditors'] });
  });

  it('asks a bounded number of times about tokens that somebody makes up, by name, and lets in who is known', async () => {
    const nobody = { ...anna, authenticated: false };
    const { tokens, at, outcomes } = asked([anna, ...Array<TokenReview>(20).fill(nobody), anna]);
    const known = token();
    expect(await tokens.userOf(known, peer)).not.toBeNull();
    const said = new Set<unknown>();
    for (let each = 0; each < 2000; each += 1)
      said.add(
        await tokens
          .userOf(token({ jti: `made up ${each}` }), peer)
          .catch((error: HttpRefusal) => error.reason),
      );
    expect([[...said], at.reviews]).toEqual([[null, 'reviews_limited'], 21]);
    const limited = tokens.userOf(token({ jti: 'another' }), peer);
    await expect(limited).rejects.toMatchObject({ status: 429, act: 'nobody', retryAfterSeconds: 2 });
    // Two thousand that were refused have pushed nobody out, and asking again is his for nothing.
    at.now += 500;
    expect(await tokens.userOf(known, peer)).not.toBeNull();
    expect(at.reviews).toBe(21);
    at.now += 60_000;
    for (let each = 0; each < 100; each += 1)
      await tokens.userOf(token({ jti: `more ${each}` }), peer).catch(() => null);
    expect(await tokens.userOf(known, peer)).not.toBeNull();
    expect(new Set(outcomes)).toEqual(new Set(['good', 'refused', 'limited']));
  });
});
