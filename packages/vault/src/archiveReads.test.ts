import { segmentKey } from '@pgtape/evidence';
import { MemoryBucket, type Store } from '@pgtape/store';
import { Archive } from './archive.ts';
import { segmentOf } from './holds.testing.ts';
import { TestReel } from './segments.testing.ts';

/** What a bucket is asked: `look` is a listing for one key, which a read without a version needs. */
function counted(store: Store): { store: Store; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    store: {
      ...store,
      get: (key, version) => {
        if (version === undefined) asked.push(`look ${key}`);
        asked.push(`get ${key}`);
        return store.get(key, version);
      },
      list: (prefix) => {
        asked.push(`list ${prefix}`);
        return store.list(prefix);
      },
      putOnce: (key, bytes, options) => {
        asked.push(`put ${key}`);
        return store.putOnce(key, bytes, options);
      },
    },
  };
}

async function gathered<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('what a restart asks of a bucket that keeps versions', () => {
  const first = TestReel.whole(3);
  const second = TestReel.whole(2, first.reel.recorder);
  const prefix = `reel/${first.reel.recorder}/`;
  const keysOf = ({ reel, segments }: typeof first): string[] =>
    segments.map((_, at) => segmentKey(reel.recorder, reel.reel, at + 1));
  const keys = [...keysOf(first), ...keysOf(second)].sort();
  const lastKeys = [keysOf(first).at(-1) as string, keysOf(second).at(-1) as string].sort();

  async function bench(): Promise<{ archive: Archive; asked: string[] }> {
    const bucket = new MemoryBucket();
    const plain = new Archive(bucket.store('strict'));
    for (const { segment, text } of [...first.segments, ...second.segments].map(segmentOf)) {
      await plain.put(segment, text);
    }
    // Somebody hid them: what is read is what was stored first.
    for (const key of keys) await bucket.deleteName(key);
    const { store, asked } = counted(bucket.store('strict'));
    return { archive: new Archive(store), asked };
  }

  const get = (key: string): string => `get ${key}`;
  it.each<{ name: string; read: (archive: Archive) => Promise<unknown[]>; asks: string[]; finds: number }>([
    {
      name: 'the last segment of every reel',
      read: async (archive) => {
        const last = (await archive.lastNames()).sort((a, b) => (a.reel < b.reel ? -1 : 1));
        const found = [];
        for (const name of last) found.push(await archive.segment(name));
        return found.filter((segment) => segment !== null);
      },
      asks: ['list reel/', ...lastKeys.map(get)],
      finds: 2,
    },
    {
      name: "every segment of the vault's own reels",
      read: async (archive) => await gathered(archive.segmentsOf(first.reel.recorder)),
      asks: [`list ${prefix}`, ...keys.map(get)],
      finds: 5,
    },
    {
      name: 'segments without a leaf',
      read: async (archive) => {
        const found = [];
        for (const { recorder, reel, segment, version } of await gathered(archive.segments()))
          found.push(await archive.stored(recorder, reel, segment, version));
        return found;
      },
      asks: ['list reel/', ...keys.flatMap((key) => [`get ${key}`, `put ${key}`])],
      finds: 5,
    },
    {
      name: "a reel's tail",
      read: async (archive) => [await archive.tailOf(first.reel.recorder, first.reel.reel)],
      asks: [
        `list ${prefix}${first.reel.reel}/`,
        `get ${keysOf(first).at(-1)}`,
        `put ${keysOf(first).at(-1)}`,
      ],
      finds: 1,
    },
  ])('$name: one request for each object', async ({ read, asks, finds }) => {
    const { archive, asked } = await bench();
    const found = await read(archive);
    expect({ asked, found: found.length }).toEqual({ asked: asks, found: finds });
  });

  it('lists the archive once for the log and for whose the reels are', async () => {
    const { archive, asked } = await bench();
    await gathered(archive.segments());
    await archive.owners.load();
    expect(await archive.owners.ownerOf(second.reel.reel)).toBe(second.reel.recorder);
    expect(asked).toEqual(['list reel/']);
  });

  it('lists it anew where the log did not come to its end', async () => {
    const { archive, asked } = await bench();
    for await (const _name of archive.segments()) break;
    expect(await archive.owners.ownerOf(second.reel.reel)).toBe(second.reel.recorder);
    expect(asked).toEqual(['list reel/', 'list reel/']);
  });

  it('looks for the first version where nobody listed it', async () => {
    const { archive, asked } = await bench();
    await archive.sealDigestOf(first.reel.recorder, first.reel.reel, 1);
    expect(asked).toEqual([`look ${keysOf(first)[0]}`, `get ${keysOf(first)[0]}`]);
  });
});
