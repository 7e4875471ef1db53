import type { Enrolment } from './enrolments.ts';
import { OrphanedReels, type OrphanedReelsSources } from './orphanedReels.ts';

type Reel = ReturnType<OrphanedReelsSources['reels']>[number];

const nowMs = 1_000_000;
const quiet = (reel: string, more: Partial<Reel> = {}): Reel => ({
  reel,
  isOrphaned: false,
  segment: 3,
  arrivedMs: nowMs - 31_000,
  heartbeatMs: 30_000,
  seen: true,
  sealedMs: 0,
  ...more,
});
const byPod = (uid: string): Enrolment => ({ method: 'kubernetes', name: 'shop/orders-0', podUid: uid });

function looking(reels: readonly Reel[], enrolments: Readonly<Record<string, Enrolment>>, more = {}) {
  const asked: string[] = [];
  const told: string[] = [];
  const orphans = new OrphanedReels({
    load: async () => undefined,
    reels: () => reels,
    enrolmentOf: (reel) => enrolments[reel] ?? { method: 'none', name: '' },
    isGone: async ({ namespace, name, uid }) => {
      asked.push(`${namespace}/${name} ${uid}`);
      return uid === 'gone';
    },
    orphaned: (reel, { namespace, name, uid }, isOld) =>
      void told.push(`${reel} ${namespace}/${name} ${uid} ${isOld ? 'old' : 'new'}`),
    now: () => nowMs,
    wallMs: () => 25 * 3_600_000,
    ...more,
  });
  return { orphans, asked, told };
}

describe('OrphanedReels', () => {
  it('a reel whose pod was deleted while the vault was down is reported, though nothing of it comes any more', async () => {
    const { orphans, told } = looking([quiet('a', { seen: false, sealedMs: 24 * 3_600_000 })], {
      a: byPod('gone'),
    });
    await orphans.look();
    expect(told).toEqual(['a shop/orders-0 gone new']);
  });

  it.each<[string, Reel, Enrolment]>([
    ['its pod is there', quiet('a'), byPod('here')],
    ['it sends', quiet('a', { arrivedMs: nowMs - 30_000 }), byPod('gone')],
    ['it was reported', quiet('a', { isOrphaned: true }), byPod('gone')],
    ['nothing of it was ever taken', quiet('a', { segment: 0 }), byPod('gone')],
    ['nobody says which pod it was', quiet('a'), { method: 'kubernetes', name: 'shop/orders-0' }],
    ['no pod vouched for it', quiet('a'), { method: 'mtls', name: 'shop/orders-0', podUid: 'gone' }],
  ])('is not told where %s', async (_, reel, enrolment) => {
    const { orphans, told } = looking([reel], { a: enrolment });
    await orphans.look();
    expect(told).toEqual([]);
  });

  it('what an earlier vault saw the last of more than a day ago is old', async () => {
    const { orphans, told } = looking([quiet('a', { seen: false })], { a: byPod('gone') });
    await orphans.look();
    expect(told).toEqual(['a shop/orders-0 gone old']);
  });

  it('is not told when something came while the pod was asked for', async () => {
    const answers = [[quiet('a')], [quiet('a', { arrivedMs: nowMs })]];
    const { orphans, told } = looking([], { a: byPod('gone') }, { reels: () => answers.shift() ?? [] });
    await orphans.look();
    expect(told).toEqual([]);
  });

  it('asks for 32 pods a round, and for the others in the next', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `r${index + 10}`);
    const { orphans, asked } = looking(
      names.map((name) => quiet(name)),
      Object.fromEntries(names.map((name) => [name, byPod(name)])),
    );
    await orphans.look();
    expect(asked).toHaveLength(32);
    await orphans.look();
    expect(new Set(asked).size).toBe(40);
  });
});
