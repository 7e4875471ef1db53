import { readingListed } from './listedVersions.ts';
import { MemoryBucket } from './memoryBucket.ts';
import type { ReadStore, Store } from './store.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

interface Counted {
  readonly store: ReadStore;
  /** Keys that were read without a version, so that the bucket was listed for it. */
  readonly looked: string[];
  readonly named: string[];
}

function counted(store: Store): Counted {
  const [looked, named]: [string[], string[]] = [[], []];
  const get: Store['get'] = (key, version) => {
    (version === undefined ? looked : named).push(key);
    return store.get(key, version);
  };
  return { store: { ...store, get }, looked, named };
}

async function drained(listing: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of listing);
}

async function bucket(): Promise<Counted> {
  const made = new MemoryBucket();
  const store = made.store('strict');
  for (const key of ['a/1', 'a/2', 'b/1']) await store.putOnce(key, bytes(`first of ${key}`));
  // Tampering: a marker and a newer version on top, and one where the object came after a marker.
  await made.deleteName('a/1');
  await store.swap('a/2', bytes('second of a/2'), bytes('first of a/2'));
  await made.deleteName('a/3');
  await store.putOnce('a/3', bytes('first of a/3'));
  return counted(store);
}

describe('readingListed', () => {
  it.each(['list', 'listVersions'] as const)('reads what %s showed by its first version', async (how) => {
    const { store, looked, named } = await bucket();
    const reading = readingListed(store);
    await drained(reading[how]('a/'));
    const texts: string[] = [];
    for (const key of ['a/1', 'a/2', 'a/3', 'b/1'])
      texts.push(Buffer.from(await reading.get(key)).toString());
    expect(texts).toEqual(['first of a/1', 'first of a/2', 'first of a/3', 'first of b/1']);
    expect({ looked, named }).toEqual({ looked: ['b/1'], named: ['a/1', 'a/2', 'a/3'] });
  });

  it('reads the version that is named, whatever was listed', async () => {
    const { store } = await bucket();
    const reading = readingListed(store);
    const versions: string[] = [];
    for await (const { version } of reading.listVersions('a/2')) versions.push(version);
    await drained(reading.list('a/'));
    const texts = await Promise.all(versions.map((version) => reading.get('a/2', version)));
    expect(texts.map((text) => Buffer.from(text).toString())).toEqual(['first of a/2', 'second of a/2']);
  });
});
