/** Owns what every store must do, as tests; each adapter's test file runs it on its own. */
import fc from 'fast-check';
import type { Store } from './store.ts';
import { StoreError } from './storeError.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

export async function keysOf(store: Store, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const object of store.list(prefix)) keys.push(object.key);
  return keys;
}

export async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    return error instanceof StoreError ? error.code : String(error);
  }
  return 'resolved';
}

const badKeys = [
  { name: 'empty', key: '' },
  { name: 'absolute', key: '/a' },
  { name: 'climbs', key: '../a' },
  { name: 'climbs inside', key: 'a/../b' },
  { name: 'dot', key: 'a/./b' },
  { name: 'hidden', key: 'a/.b' },
  { name: 'temporary', key: '.tmp-00' },
  { name: 'empty name', key: 'a//b' },
  { name: 'directory', key: 'a/' },
  { name: 'space', key: 'a b' },
  { name: 'newline at the end', key: 'a\n' },
  { name: 'nul', key: 'a\0b' },
  { name: 'backslash', key: 'a\\b' },
  { name: 'not ascii', key: 'ä' },
  { name: 'long', key: `a/${'b/'.repeat(600)}c` },
  { name: 'long name', key: 'a'.repeat(256) },
];

const keyArbitrary = fc
  .array(fc.stringMatching(/^[A-Ca-c0_-][a.-]{0,2}$/), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));

/** `open` makes an empty store; called once per test. */
export function itKeepsTheStoreContract(open: () => Promise<Store>): void {
  it('keeps an object and never overwrites it', async () => {
    const store = await open();
    expect(await store.has('a/b.txt')).toBe(false);
    expect(await codeOf(store.get('a/b.txt'))).toBe('STORE_NOT_FOUND');
    expect(await store.putOnce('a/b.txt', bytes('one'))).toBe('stored');
    expect(await store.putOnce('a/b.txt', bytes('two'))).toBe('exists');
    expect(await store.has('a/b.txt')).toBe(true);
    expect(Buffer.from(await store.get('a/b.txt')).toString()).toBe('one');
  });

  it('keeps an empty object and a large one', async () => {
    const store = await open();
    const large = Buffer.alloc(3_000_000, 'x');
    await store.putOnce('empty', new Uint8Array());
    await store.putOnce('large', large);
    expect((await store.get('empty')).length).toBe(0);
    expect(large.equals(await store.get('large'))).toBe(true);
  });

  it('does not keep the caller’s buffer', async () => {
    const store = await open();
    const mine = bytes('before');
    await store.putOnce('a', mine);
    mine.fill(0);
    expect(Buffer.from(await store.get('a')).toString()).toBe('before');
  });

  it('lets exactly one of many writers of one key win', async () => {
    const store = await open();
    const puts = Array.from({ length: 8 }, (_, i) => store.putOnce('race/key', bytes(`writer ${i}`)));
    const answers = await Promise.all(puts);
    expect(answers.filter((answer) => answer === 'stored')).toEqual(['stored']);
    const winner = answers.indexOf('stored');
    expect(Buffer.from(await store.get('race/key')).toString()).toBe(`writer ${winner}`);
    expect(await keysOf(store)).toEqual(['race/key']);
  });

  it.each(badKeys)('refuses a key: $name', async ({ key }) => {
    const store = await open();
    expect(await codeOf(store.putOnce(key, bytes('x')))).toBe('STORE_KEY');
    expect(await codeOf(store.get(key))).toBe('STORE_KEY');
    expect(await codeOf(store.has(key))).toBe('STORE_KEY');
  });

  it('refuses a prefix that climbs', async () => {
    const store = await open();
    expect(await codeOf(keysOf(store, '../'))).toBe('STORE_KEY');
  });

  it('lists nothing where nothing is', async () => {
    const store = await open();
    expect(await keysOf(store)).toEqual([]);
    expect(await keysOf(store, 'reel/00/')).toEqual([]);
  });

  it('lists sizes', async () => {
    const store = await open();
    await store.putOnce('a', bytes('four'));
    const listed = [];
    for await (const object of store.list('')) listed.push(object);
    expect(listed).toEqual([{ key: 'a', bytes: 4 }]);
  });

  it('refuses an object where a directory is', async () => {
    const store = await open();
    await store.putOnce('a/b', bytes('x'));
    expect(await codeOf(store.putOnce('a', bytes('x')))).toBe('STORE_CONFLICT');
    expect(await codeOf(store.putOnce('a/b/c', bytes('x')))).toBe('STORE_CONFLICT');
    expect(await store.has('a')).toBe(false);
    expect(await store.has('a/b/c')).toBe(false);
  });

  it('lists any prefix in byte order of the keys', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(keyArbitrary, { maxLength: 12 }),
        keyArbitrary,
        async (keys, prefix) => {
          const store = await open();
          const kept: string[] = [];
          for (const key of keys)
            if ((await codeOf(store.putOnce(key, bytes(key)))) === 'resolved') kept.push(key);
          kept.sort();
          expect(await keysOf(store)).toEqual(kept);
          expect(await keysOf(store, prefix)).toEqual(kept.filter((key) => key.startsWith(prefix)));
        },
      ),
      { numRuns: 40 },
    );
  });
}
