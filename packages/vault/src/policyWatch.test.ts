import type { SegmentSuccess } from '@pgtape/evidence';
import type { Enrolment } from './enrolments.ts';
import { PolicyWatch, type ToldPolicy } from './policyWatch.ts';
import { judgePolicy, readPublished } from './publishedPolicy.ts';
import type { VaultEntry } from './vaultReel.ts';

const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
const entry = (policyHash: string, history: string[] = [], configHash = 'cfg'): string =>
  JSON.stringify({
    configHash,
    policyHash,
    at: '2026-11-27T05:00:00Z',
    history: history.map((each) => ({ configHash: 'x', policyHash: each, at: '2026-11-27T04:00:00Z' })),
  });

describe('readPublished', () => {
  it('reads what the operator wrote, by database', () => {
    expect(readPublished({ 'shop.orders': entry(a, [b, a]), 'shop.orders.eu': entry(c) })).toEqual(
      new Map([
        ['shop/orders', { config: 'cfg', policy: a, former: [b], ofOthers: [] }],
        ['shop/orders.eu', { config: 'cfg', policy: c, former: [], ofOthers: [] }],
      ]),
    );
  });

  it('knows what the same configuration is to recorders of other versions, and nothing of an unknown image', () => {
    const at = '2026-11-27T04:00:00Z';
    const was = (configHash: string, version: string, policyHash?: string) => ({
      configHash,
      version,
      policyHash,
      at,
    });
    const history = [was('cfg', '0.1.0', b), was('older', '0.1.0', c)];
    const read = (now: object): unknown =>
      readPublished({ 'shop.orders': JSON.stringify({ ...now, history }) }).get('shop/orders');
    expect(read(was('cfg', '0.2.0', a))).toEqual({ config: 'cfg', policy: a, former: [b, c], ofOthers: [b] });
    expect(read(was('cfg', '0.1.0', a))).toMatchObject({ ofOthers: [] });
    expect(read(was('cfg', '0.1.0'))).toMatchObject({ policy: null });
  });

  it.each([
    ['nothing', undefined],
    ['text', 'x'],
    ['no JSON', { 'shop.orders': '{' }],
    ['another hash', { 'shop.orders': entry('x') }],
    ['no namespace', { orders: entry(a), '.orders': entry(a) }],
    ['no entry', { 'shop.orders': 'null' }],
  ])('leaves out %s', (_name, data) => {
    expect(readPublished(data).size).toBe(0);
  });
});

describe('judgePolicy', () => {
  const published = { config: 'cfg', policy: a, former: [b], ofOthers: [] };
  const ofTwo = { ...published, ofOthers: [b] };
  const unknown = { ...published, policy: null };
  it.each([
    [a, published, false, 'published'],
    [a, published, true, 'published'],
    [b, published, false, 'settling'],
    [b, published, true, 'not_published'],
    [c, published, false, 'settling'],
    [c, published, true, 'not_published'],
    [b, ofTwo, true, 'published'],
    [c, ofTwo, true, 'not_published'],
    [c, unknown, true, 'not_known'],
    [a, undefined, false, 'settling'],
    [a, undefined, true, 'not_published'],
  ])('%s against %j, settled %s, is %s', (policy, known, isSettled, kind) => {
    expect(judgePolicy(policy, known, isSettled).kind).toBe(kind);
  });
});

function watching(told: Record<string, ToldPolicy> = {}, method: Enrolment['method'] = 'kubernetes') {
  const said: string[] = [];
  const at = { now: 0, watched: true, fails: false };
  const watch = new PolicyWatch({
    alerts: {
      raise: (reason, detail, reel) => void said.push(`raise ${reason} ${reel} ${detail}`),
      clear: (_reason, reel) => void said.push(`clear ${reel}`),
    },
    tell: (record: VaultEntry) => {
      if (record.kind === 'published')
        said.push(`told ${record.database} ${record.policy?.[0] ?? 'none'} ${record.config}`);
    },
    enrolmentOf: () => ({ method, name: 'shop/orders-0' }),
    isWatched: () => at.watched,
    told: async () => {
      if (at.fails) throw new Error('away');
      return new Map(Object.entries(told));
    },
    now: () => at.now,
    settleMs: 120_000,
  });
  const seal = (policy: string, name = 'shop/orders'): void =>
    watch.arrived({ header: { reel: 'r', name }, seal: { policy } } as unknown as SegmentSuccess);
  const publish = async (data: object): Promise<void> => {
    watch.published(readPublished(data));
    await watch.idle();
  };
  return { watch, said, at, seal, publish };
}

describe('PolicyWatch', () => {
  it('tells each change once, also after a restart', async () => {
    const { said, publish } = watching({ 'shop/orders': { config: 'cfg', policy: a } });
    await publish({ 'shop.orders': entry(a), 'shop.other': entry(b) });
    await publish({ 'shop.orders': entry(a), 'shop.other': entry(b) });
    await publish({ 'shop.orders': entry(a, [], 'cfg2'), 'shop.other': entry(b) });
    expect(said).toEqual(['told shop/other b cfg', 'told shop/orders a cfg2']);
  });

  it('tells with the next change what it could not tell', async () => {
    const { said, at, publish } = watching();
    at.fails = true;
    await publish({ 'shop.orders': entry(a) });
    at.fails = false;
    await publish({ 'shop.orders': entry(a), 'shop.other': entry(b) });
    expect(said).toEqual(['told shop/orders a cfg', 'told shop/other b cfg']);
  });

  it('raises an alert two minutes after a change that a recorder did not follow, and ends it', async () => {
    const { watch, said, at, seal, publish } = watching();
    await publish({ 'shop.orders': entry(a) });
    seal(a);
    said.length = 0;
    at.now = 500_000;
    await publish({ 'shop.orders': entry(b, [a]) });
    at.now += 119_000;
    seal(a);
    watch.look();
    expect(said).toEqual(['told shop/orders b cfg']);
    at.now += 1000;
    watch.look();
    expect(said.at(-1)).toBe(
      `raise policy_not_published r shop/orders: it seals with the former policy ${a.slice(0, 12)}; published is ${b.slice(0, 12)}`,
    );
    seal(b);
    expect(said.at(-1)).toBe('clear r');
  });

  it('tells of an image that is not known, and ends its alerts', async () => {
    const { watch, said, at, seal, publish } = watching();
    await publish({ 'shop.orders': entry(a) });
    seal(b);
    at.now = 500_000;
    watch.look();
    expect(said.at(-1)).toMatch(/^raise /);
    const { policyHash: _, ...pinned } = JSON.parse(entry(a)) as Record<string, unknown>;
    await publish({ 'shop.orders': JSON.stringify(pinned) });
    expect(said.slice(-2)).toEqual(['clear r', 'told shop/orders none cfg']);
  });

  it('compares nothing before it knows what is published, and then waits as for a change', async () => {
    const { watch, said, at, seal, publish } = watching();
    at.now = 1_000_000;
    seal(c);
    watch.look();
    expect(said).toEqual([]);
    await publish({});
    at.now += 119_999;
    watch.look();
    expect(said).toEqual([]);
    at.now += 1;
    watch.look();
    expect(said).toEqual([expect.stringMatching(/^raise .* and none is published$/)]);
  });

  it.each(['secret', 'jwks', 'none'] as const)('says nothing of a reel enrolled by %s', async (method) => {
    const { watch, said, at, seal, publish } = watching({}, method);
    await publish({});
    seal(c);
    at.now = 1e9;
    watch.look();
    expect(said).toEqual([]);
  });

  it('forgets a reel that ended', async () => {
    const { watch, said, at, seal, publish } = watching();
    await publish({});
    at.now = 200_000;
    seal(c);
    at.watched = false;
    watch.look();
    watch.look();
    expect(said.slice(1)).toEqual(['clear r']);
  });
});
