import { type ProbeReport, type ProbeTest, weaknessesOf } from './lockProbe.ts';
import { probeAtStart, probeFully } from './lockProbeRun.ts';
import { type BucketRight, MemoryBucket } from './memoryBucket.ts';
import type { Lock } from './store.ts';
import { itKeepsTheStoreContract } from './storeContract.testing.ts';

const everyTest: readonly ProbeTest[] = [
  'drop_retention',
  'delete',
  'bypass',
  'shorten',
  'change_mode',
  'overwrite',
  'suspend_versions',
  'hold_after_expiry',
];
const atStart: readonly ProbeTest[] = ['drop_retention', 'delete', 'shorten'];

interface Given {
  readonly lock?: Lock;
  readonly holes?: readonly ProbeTest[];
  readonly rights?: readonly BucketRight[];
}

function given({ lock = 'strict', holes = [], rights }: Given) {
  let now = 1_700_000_000_500;
  const bucket = new MemoryBucket({
    now: () => now,
    holes: new Set(holes),
    ...(rights === undefined ? {} : { rights: new Set(rights) }),
  });
  const store = bucket.store(lock);
  const sleep = async (ms: number): Promise<void> => {
    now += ms;
  };
  return { bucket, sources: { store, attempts: bucket, now: () => now, sleep, run: '00ff' } };
}

const outcomesOf = ({ results }: ProbeReport): Record<string, string> =>
  Object.fromEntries(results.map(({ test, outcome }) => [test, outcome]));
const all = (tests: readonly ProbeTest[], outcome: string): Record<string, string> =>
  Object.fromEntries(tests.map((test) => [test, outcome]));

describe('the bucket in memory', () => {
  itKeepsTheStoreContract(async () => new MemoryBucket().store('strict'), {
    hasDirectories: false,
    listings: 40,
  });
  itKeepsTheStoreContract(async () => new MemoryBucket().store('bypassable'), {
    hasDirectories: false,
    listings: 1,
  });
});

describe('probeFully', () => {
  it('finds nothing wrong with a strict lock, and leaves nothing behind', async () => {
    const { bucket, sources } = given({});
    const report = await probeFully(sources, 10_000);
    expect(report.lock).toBe('strict');
    expect(outcomesOf(report)).toEqual(all(everyTest, 'refused_by_lock'));
    expect(weaknessesOf(report, 'strict')).toEqual([]);
    const left = [];
    for await (const version of bucket.store('strict').listVersions('')) left.push(version);
    expect(left).toEqual([]);
  });

  it.each(everyTest.map((hole) => ({ hole })))('finds the one hole: $hole', async ({ hole }) => {
    const report = await probeFully(given({ holes: [hole] }).sources, 10_000);
    const allowed = report.results.filter(({ outcome }) => outcome === 'allowed').map(({ test }) => test);
    if (hole === 'drop_retention') expect(allowed).toContain(hole);
    else expect(allowed).toEqual([hole]);
    expect(weaknessesOf(report, 'strict')).not.toEqual([]);
    expect(weaknessesOf(report, 'none')).toEqual([]);
  });

  it('finds the bypass of a bypassable lock, and that it is not strict', async () => {
    const report = await probeFully(given({ lock: 'bypassable' }).sources, 10_000);
    expect(outcomesOf(report)).toEqual({
      ...all(everyTest, 'refused_by_lock'),
      bypass: 'allowed',
      change_mode: 'unknown',
    });
    expect(weaknessesOf(report, 'strict')).toEqual([
      'an object put under a strict retention has a bypassable one',
      'bypass is allowed (done)',
    ]);
  });

  it('does not take a missing right for a lock', async () => {
    const report = await probeFully(given({ rights: [] }).sources, 10_000);
    expect(outcomesOf(report)).toEqual({
      ...all(everyTest, 'refused_by_permission'),
      drop_retention: 'refused_by_lock',
      overwrite: 'refused_by_lock',
    });
  });
});

describe('probeAtStart', () => {
  it.each([
    { name: 'a strict lock', given: {}, outcomes: all(atStart, 'refused_by_lock') },
    {
      name: 'a writer without rights',
      given: { rights: [] },
      outcomes: {
        drop_retention: 'refused_by_lock',
        delete: 'refused_by_permission',
        shorten: 'refused_by_permission',
      },
    },
    {
      name: 'a store that deletes',
      given: { holes: ['delete'] as const },
      outcomes: { drop_retention: 'refused_by_lock', delete: 'allowed', shorten: 'unknown' },
    },
    {
      name: 'a store that shortens',
      given: { holes: ['shorten'] as const },
      outcomes: { drop_retention: 'refused_by_lock', delete: 'refused_by_lock', shorten: 'allowed' },
    },
  ])('$name', async ({ given: how, outcomes }) => {
    expect(outcomesOf(await probeAtStart(given(how).sources, 86_400_000))).toEqual(outcomes);
  });

  it('says what it is doing, and for how long', async () => {
    const steps: string[] = [];
    const { sources } = given({});
    await probeFully({ ...sources, tell: (step) => steps.push(step) }, 5000);
    expect([...new Set(steps)]).toEqual([
      ...everyTest.slice(0, 7),
      'waiting',
      'hold_after_expiry',
      'cleaning',
    ]);
  });
});
