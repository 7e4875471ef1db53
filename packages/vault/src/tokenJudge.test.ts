import { generateKeyPairSync } from 'node:crypto';
import type { KubeObject, TokenReview } from '@pgtape/kube';
import { reviewedPod } from './kubernetesTokens.ts';
import { injectedPod, misnamed, type TokenVerdict } from './podIdentity.ts';
import { boundClaims, signedToken } from './podTokens.testing.ts';
import { ReviewBudget } from './reviewBudget.ts';
import { refusal } from './tokenClaims.ts';
import { TokenJudge } from './tokenJudge.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const start = 1_795_000_000_000;
const token = (more: object = {}): string =>
  signedToken(privateKey, boundClaims(start, more), { alg: 'RS256' });
const pod = { namespace: 'shop', name: 'orders-0', uid: 'u-0' };
const good: TokenVerdict = { method: 'kubernetes', pod, database: 'shop/orders' };
const away = refusal('api_unreachable', 'away');

const peer = '10.0.0.1';

function judged(answers: TokenVerdict[]): { judge: TokenJudge; at: { now: number }; looks: () => number } {
  const at = { now: start };
  let looks = 0;
  const judge = new TokenJudge({
    audience: 'pgtape-vault',
    nowMs: () => at.now,
    budget: new ReviewBudget({ now: () => at.now, counted: () => undefined }),
    look: async () => answers[Math.min(looks++, answers.length - 1)]!,
    isGone: async ({ name }) => name === 'orders-1',
  });
  return { judge, at, looks: () => looks };
}

describe('TokenJudge', () => {
  it('looks once a minute, and once for all that come at a time', async () => {
    const { judge, at, looks } = judged([good]);
    await Promise.all([judge.judge(token(), peer), judge.judge(token(), peer)]);
    expect([await judge.judge(token(), peer), looks()]).toEqual([good, 1]);
    at.now += 61_000;
    expect([await judge.judge(token(), peer), looks()]).toEqual([good, 2]);
  });

  it('believes what it found until the token ends while the API server is away, and no longer', async () => {
    const { judge, at } = judged([good, away]);
    await judge.judge(token(), peer);
    at.now += 599_000;
    expect(await judge.judge(token(), peer)).toEqual(good);
    at.now += 2000;
    expect(await judge.judge(token(), peer)).toEqual(away);
  });

  it('cannot tell of a token that it never saw while the API server is away', async () => {
    expect(await judged([away]).judge.judge(token(), peer)).toEqual(away);
  });

  it('finds out within a minute that a pod is gone, and asks again soon after a refusal', async () => {
    const gone = refusal('pod_not_found', 'gone');
    const { judge, at } = judged([good, gone, good]);
    await judge.judge(token(), peer);
    at.now += 60_000;
    expect(await judge.judge(token(), peer)).toEqual(gone);
    expect(await judge.judge(token(), peer)).toEqual(gone);
    at.now += 5000;
    expect(await judge.judge(token(), peer)).toEqual(good);
  });

  it('asks nobody about tokens that are wrong by their own words', async () => {
    const { judge, looks } = judged([good]);
    for (const more of [{ aud: 'x' }, { exp: 1 }, { 'kubernetes.io': { namespace: 'shop' } }])
      expect(await judge.judge(token(more), peer)).toHaveProperty('refused');
    expect(looks()).toBe(0);
  });

  describe('of tokens that somebody makes up', () => {
    const invalid = refusal('token_invalid', 'the API server does not know it');
    const limited = refusal('reviews_limited', 'too many tokens that nobody knows: come again');
    const madeUp = (each: number): string => token({ jti: `made up ${each}` });

    it('asks about a bounded number, and says why it does not ask about the others', async () => {
      const { judge, looks } = judged([invalid]);
      const said = [];
      for (let each = 0; each < 25; each += 1) said.push(await judge.judge(madeUp(each), peer));
      expect(said).toEqual([...Array(20).fill(invalid), ...Array(5).fill(limited)]);
      expect(looks()).toBe(20);
    });

    it('asks once about the same one in five seconds, and remembers nothing of one that it did not ask about', async () => {
      const { judge, at, looks } = judged([...Array<TokenVerdict>(20).fill(invalid), good]);
      for (let each = 0; each < 20; each += 1) await judge.judge(madeUp(each), peer);
      for (let each = 0; each < 100; each += 1) expect(await judge.judge(madeUp(0), peer)).toEqual(invalid);
      expect([await judge.judge(token(), peer), looks()]).toEqual([limited, 20]);
      at.now += 1000;
      expect([await judge.judge(token(), peer), looks()]).toEqual([good, 21]);
    });

    it('who is known goes on, also after ten thousand of them from as many addresses and while the API server is away', async () => {
      const { judge, at, looks } = judged([good, ...Array<TokenVerdict>(200).fill(invalid), good, away]);
      await judge.judge(token(), peer);
      for (let each = 0; each < 10_500; each += 1) await judge.judge(madeUp(each), `peer ${each}`);
      expect(looks()).toBe(201);
      at.now += 60_000;
      expect([await judge.judge(token(), peer), looks()]).toEqual([good, 202]);
      at.now += 60_000;
      expect([await judge.judge(token(), peer), looks()]).toEqual([good, 203]);
    });

    it('a recorder at another address is let in meanwhile', async () => {
      const { judge } = judged([...Array<TokenVerdict>(20).fill(invalid), good]);
      for (let each = 0; each < 500; each += 1) await judge.judge(madeUp(each), peer);
      expect(await judge.judge(token(), '10.0.0.2')).toEqual(good);
    });
  });

  it.each([
    ['shop/orders-0', true],
    ['shop/orders-1', true],
    ['shop/orders-2', false],
    ['bank/orders-1', false],
    ['', false],
  ])('says whether orders-0 may go on with the reel of "%s": %s', async (enrolled, may) => {
    expect(await judged([good]).judge.inherits(good as never, enrolled)).toBe(may);
  });
});

describe('what the API server says of a token', () => {
  const review: TokenReview = {
    authenticated: true,
    username: 'system:serviceaccount:shop:default',
    groups: [],
    extra: {
      'authentication.kubernetes.io/pod-name': ['orders-0'],
      'authentication.kubernetes.io/pod-uid': ['u-0'],
    },
    audiences: ['pgtape-vault'],
    error: '',
  };
  it.each<[string, Partial<TokenReview>, object]>([
    ['a pod', {}, pod],
    ['no pod', { extra: {} }, { reason: 'token_not_pod_bound' }],
    ['a person', { username: 'anna' }, { reason: 'token_not_pod_bound' }],
    ['no audiences, as a server without them', { audiences: [] }, { reason: 'token_audience' }],
    ['nobody', { authenticated: false, error: 'x' }, { reason: 'token_invalid' }],
    [
      'a pod that is gone',
      { authenticated: false, error: '[invalid bearer token, service account token has been invalidated]' },
      { reason: 'pod_not_found' },
    ],
  ])('%s', (_name, more, says) => {
    expect(reviewedPod({ ...review, ...more }, 'pgtape-vault')).toMatchObject(says);
  });
});

describe('what a pod says of its recorder', () => {
  const by = { 'pgtape.dev/recorded-by': 'shop/orders' };
  const found = (uid: string, annotations: object | undefined, names: readonly string[]): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'orders-0',
      uid,
      ...(annotations === undefined ? {} : { annotations }),
    } as KubeObject['metadata'],
    spec: {
      initContainers: names.map((name) => ({ name })),
      containers: [{ name: 'postgres' }],
    },
  });
  it.each<[string, KubeObject | null, object]>([
    ['recorded', found('u-0', by, ['pgtape-recorder']), good],
    ['not there', null, { reason: 'pod_not_found' }],
    ['another of its name', found('u-1', by, ['pgtape-recorder']), { reason: 'pod_not_found' }],
    ['not annotated', found('u-0', undefined, ['pgtape-recorder']), { reason: 'pod_not_injected' }],
    ['without recorder', found('u-0', by, []), { reason: 'pod_not_injected' }],
    [
      'of another namespace by its own words',
      found('u-0', { 'pgtape.dev/recorded-by': 'bank/orders' }, ['pgtape-recorder']),
      { reason: 'pod_not_injected' },
    ],
  ])('%s', (_name, object, says) => {
    expect(injectedPod(pod, object)).toMatchObject(says);
  });

  it.each<[string | null, string, boolean]>([
    ['shop/orders', 'shop/orders', true],
    ['shop/orders', 'shop/other', false],
    ['shop/orders', 'orders', false],
    [null, 'shop/anything', true],
    [null, 'shop2/orders', false],
  ])('that records %s may send a reel of %s: %s', (database, name, may) => {
    const isIts = misnamed({ method: 'kubernetes', pod, database }, name) === null;
    expect(isIts).toBe(may);
  });
});
