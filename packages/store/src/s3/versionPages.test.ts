import type { StoredVersion } from '../store.ts';
import { firstOf, histories, type VersionPage } from './versionPages.ts';

interface Listed {
  readonly key: string;
  readonly version: string;
  readonly at: number;
  readonly marker: boolean;
}

const entry = ({ key, version, at, marker }: Listed, isLatest: boolean): StoredVersion => ({
  key,
  version,
  bytes: marker ? 0 : 1,
  at,
  kind: marker ? 'delete_marker' : 'object',
  isLatest,
});

/** As a server lists them: keys in order, newest first, a page of `size` entries of both kinds. */
async function* pagesOf(listed: readonly Listed[], size: number): AsyncGenerator<VersionPage> {
  for (let at = 0; at < listed.length; at += size) {
    const entries = listed
      .map((each, index) => entry(each, listed.findIndex(({ key }) => key === each.key) === index))
      .slice(at, at + size);
    yield {
      objects: entries.filter(({ kind }) => kind === 'object'),
      markers: entries.filter(({ kind }) => kind === 'delete_marker'),
    };
  }
}

async function namesOf(listed: readonly Listed[], size: number): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for await (const { key, versions } of histories(pagesOf(listed, size))) {
    expect(found[key]).toBe(undefined);
    found[key] = versions.map(({ version }) => version);
  }
  return found;
}

const o = (key: string, version: string, at: number): Listed => ({ key, version, at, marker: false });
const m = (key: string, version: string, at: number): Listed => ({ key, version, at, marker: true });

const cases = [
  { name: 'nothing', listed: [], found: {} },
  { name: 'one', listed: [o('a', '1', 5)], found: { a: ['1'] } },
  {
    name: 'several keys',
    listed: [o('a', '1', 5), o('b', '2', 4), o('b', '1', 3), o('c', '1', 9)],
    found: { a: ['1'], b: ['1', '2'], c: ['1'] },
  },
  {
    name: 'a marker on top, same second',
    listed: [m('a', '2', 5), o('a', '1', 5)],
    found: { a: ['1', '2'] },
  },
  {
    name: 'a marker below, same second',
    listed: [o('a', '3', 5), m('a', '2', 5), o('a', '1', 5)],
    found: { a: ['1', '2', '3'] },
  },
  { name: 'only markers', listed: [m('a', '2', 6), m('a', '1', 5)], found: { a: ['1', '2'] } },
  {
    name: 'objects in the server’s order, whatever their times say',
    listed: [o('a', '2', 3), o('a', '1', 8)],
    found: { a: ['1', '2'] },
  },
];

describe('histories', () => {
  it.each(cases)('$name, cut into pages anywhere', async ({ listed, found }) => {
    for (let size = 1; size <= listed.length + 1; size += 1)
      expect(await namesOf(listed, size)).toEqual(found);
  });
});

describe('firstOf', () => {
  it.each([
    { name: 'the oldest object', listed: [o('a', '2', 6), o('a', '1', 5)], first: '1' },
    { name: 'above an older marker', listed: [o('a', '2', 6), m('a', '1', 5)], first: '2' },
    { name: 'none where only markers are left', listed: [m('a', '1', 5)], first: undefined },
  ])('$name', async ({ listed, first }) => {
    for await (const history of histories(pagesOf(listed, 10))) expect(firstOf(history)?.version).toBe(first);
  });
});
