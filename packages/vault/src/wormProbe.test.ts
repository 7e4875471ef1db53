import { type BucketRight, fileStore, type Lock, MemoryBucket, type ProbeTest } from '@pgtape/store';
import { VaultConfig } from './config.ts';
import { doubtsOf, proveLock } from './wormProbe.ts';

const bucketConfig = (lock?: Lock, retention: object | undefined = { days: 30 }) =>
  VaultConfig.parse({
    archive: {
      store: 's3://audit-archive',
      ...(lock === undefined ? {} : { lock }),
      ...(retention === undefined ? {} : { retention }),
    },
  });

function bucket(lock: Lock, holes: readonly ProbeTest[] = [], rights?: readonly BucketRight[]) {
  const made = new MemoryBucket({
    holes: new Set(holes),
    ...(rights === undefined ? {} : { rights: new Set(rights) }),
  });
  return { store: made.store(lock), attempts: made };
}

describe('proveLock', () => {
  it.each([
    { name: 'a strict lock', given: bucket('strict'), lock: 'strict', outcomes: ['lock', 'lock', 'lock'] },
    {
      name: 'a writer who may nothing else',
      given: bucket('strict', [], []),
      lock: 'strict',
      outcomes: ['lock', 'permission', 'permission'],
    },
  ])('starts on $name', async ({ given, lock, outcomes }) => {
    const proven = await proveLock(bucketConfig(), given);
    expect({ ...proven, results: proven.results.map(({ outcome }) => outcome) }).toEqual({
      lock,
      results: outcomes.map((outcome) => `refused_by_${outcome}`),
    });
    expect(doubtsOf(proven)).toEqual([]);
  });

  it.each([
    {
      name: 'deletes',
      given: bucket('strict', ['delete']),
      config: bucketConfig(),
      why: 'delete is allowed',
    },
    {
      name: 'shortens',
      given: bucket('strict', ['shorten']),
      config: bucketConfig(),
      why: 'shorten is allowed',
    },
    {
      name: 'forgets retention',
      given: bucket('strict', ['drop_retention']),
      config: bucketConfig(),
      why: 'has none; drop_retention is allowed',
    },
    { name: 'has no lock', given: bucket('none'), config: bucketConfig(), why: 'has none' },
    {
      name: 'can be bypassed',
      given: bucket('bypassable'),
      config: bucketConfig(),
      why: 'has a bypassable one',
    },
    {
      name: 'is given no retention',
      given: bucket('strict'),
      config: VaultConfig.parse({ archive: { store: 's3://audit-archive' } }),
      why: 'no archive.retention is configured',
    },
    {
      name: 'is a directory',
      given: { store: fileStore('/nowhere'), attempts: null },
      config: VaultConfig.parse({ archive: { store: '/nowhere', lock: 'strict' } }),
      why: 'a directory keeps no retention',
    },
  ])('does not start on what $name, and says who must do what', async ({ given, config, why }) => {
    const started = proveLock(config, given);
    await expect(started).rejects.toMatchObject({ code: 'ARCHIVE_NOT_LOCKED' });
    await expect(started).rejects.toThrow(why);
    await expect(started).rejects.toThrow(
      /whoever administers the bucket must .* or archive.lock: none must be written/,
    );
  });

  it.each([
    { name: 'a bucket', given: bucket('strict', ['delete']), config: bucketConfig('none') },
    {
      name: 'a directory',
      given: { store: fileStore('/nowhere'), attempts: null },
      config: VaultConfig.parse({ archive: { store: '/nowhere' } }),
    },
  ])('tries nothing where $name is said to be tamper-evident only', async ({ given, config }) => {
    expect(await proveLock(config, given)).toEqual({ lock: 'none', results: [] });
    const versions = [];
    for await (const version of given.store.listVersions('')) versions.push(version);
    expect(versions).toEqual([]);
  });

  it('takes a bypassable lock where one is asked for, and tells what it could not find out', async () => {
    const proven = await proveLock(bucketConfig('bypassable'), bucket('bypassable'));
    expect(proven.lock).toBe('bypassable');
    expect(
      doubtsOf({ lock: 'strict', results: [{ test: 'delete', outcome: 'unknown', detail: 'no answer' }] }),
    ).toEqual(['whether delete is refused is not known: no answer']);
  });
});
