import { generateKeyPairSync } from 'node:crypto';
import { KubeError, type TokenReview } from '@pgtape/kube';
import { boundClaims, signedToken } from './podTokens.testing.ts';
import { ReaderTokens } from './readerTokens.ts';

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

function asked(answers: (TokenReview | KubeError)[]) {
  const at = { now: start, reviews: 0 };
  const tokens = new ReaderTokens({
    audience: 'pgtape-read',
    nowMs: () => at.now,
    review: async () => {
      const answer = answers[Math.min(at.reviews, answers.length - 1)]!;
      at.reviews += 1;
      if (answer instanceof KubeError) throw answer;
      return answer;
    },
  });
  return { tokens, at };
}

describe('ReaderTokens', () => {
  it('asks once a minute whose a token is', async () => {
    const { tokens, at } = asked([anna, { ...anna, authenticated: false }]);
    expect(await tokens.userOf(token())).toEqual({ name: 'anna', groups: ['auditors'] });
    at.now += 59_000;
    expect(await tokens.userOf(token())).not.toBeNull();
    expect(at.reviews).toBe(1);
    at.now += 1000;
    expect(await tokens.userOf(token())).toBeNull();
  });

  it('asks nobody about what cannot be one', async () => {
    const { tokens, at } = asked([anna]);
    const ended = token({ exp: start / 1000 });
    for (const text of ['abc', 'a.b.c', token({ aud: 'pgtape-vault' }), ended])
      expect(await tokens.userOf(text)).toBeNull();
    expect(at.reviews).toBe(0);
  });

  it('lets nobody in by a token that the API server has for another audience', async () => {
    const { tokens } = asked([{ ...anna, audiences: [] }]);
    expect(await tokens.userOf(token())).toBeNull();
  });

  it('says that it cannot know while the API server is away, and remembers no such answer', async () => {
    const { tokens } = asked([new KubeError('KUBE_TIMEOUT', 'POST x'), anna]);
    await expect(tokens.userOf(token())).rejects.toMatchObject({ reason: 'api_unreachable', status: 503 });
    expect(await tokens.userOf(token())).toEqual({ name: 'anna', groups: ['auditors'] });
  });
});
