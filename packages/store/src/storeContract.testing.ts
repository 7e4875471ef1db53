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

export interface StoreShape {
  /** Keys are paths: nothing can be both an object and a directory. */
  readonly hasDirectories: boolean;
  /** Random key sets that are tried. */
  readonly listings: number;
}

/** `open` makes an empty store; called once per test, in a listing test often. */
export function itKeepsTheStoreContract(
  open: () => Promise<Store>,
  shape: StoreShape = { hasDirectories: true, listings: 40 },
): void {
  itPutsAndReads(open);
  itLists(open, shape);
  itHasVersions(open);
  itSwaps(open);
}

type Open = () => Promise<Store>;

function itPutsAndReads(open: Open): void {
  it('keeps an object and never overwrites it', async () => {
    const store = await open();
    expect(await store.has('a/b.txt')).toBe(false);
    expect(await codeOf(store.get('a/b.txt'))).toBe('STORE_NOT_FOUND');
    const put = await store.putOnce('a/b.txt', bytes('one'));
    expect(put.answer).toBe('stored');
    expect(await store.putOnce('a/b.txt', bytes('two'))).toEqual({ ...put, answer: 'exists' });
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
    const answers = (await Promise.all(puts)).map(({ answer }) => answer);
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
    expect(await codeOf(store.swap(key, bytes('x'), null))).toBe('STORE_KEY');
    expect(await codeOf(store.getLatest(key))).toBe('STORE_KEY');
  });
}

function itLists(open: Open, shape: StoreShape): void {
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
    const { version } = await store.putOnce('a', bytes('four'));
    const listed = [];
    for await (const object of store.list('')) listed.push(object);
    expect(listed).toEqual([{ key: 'a', bytes: 4, version }]);
  });

  it(`${shape.hasDirectories ? 'refuses' : 'takes'} an object where a directory is`, async () => {
    const store = await open();
    await store.putOnce('a/b', bytes('x'));
    const answer = shape.hasDirectories ? 'STORE_CONFLICT' : 'resolved';
    expect(await codeOf(store.putOnce('a', bytes('x')))).toBe(answer);
    expect(await codeOf(store.putOnce('a/b/c', bytes('x')))).toBe(answer);
    expect(await store.has('a')).toBe(!shape.hasDirectories);
    expect(await store.has('a/b/c')).toBe(!shape.hasDirectories);
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
      { numRuns: shape.listings },
    );
  });
}

function itHasVersions(open: Open): void {
  it('shows the history of what was put once, and reads it by version', async () => {
    const store = await open();
    const { version } = await store.putOnce('d/a', bytes('four'));
    await store.putOnce('d/b', bytes('x'));
    const versions = [];
    for await (const { at, ...entry } of store.listVersions('d/a')) {
      expect(Number.isInteger(at)).toBe(true);
      versions.push(entry);
    }
    expect(versions).toEqual([{ key: 'd/a', version, bytes: 4, kind: 'object', isLatest: true }]);
    expect(Buffer.from(await store.get('d/a', version)).toString()).toBe('four');
    expect(await codeOf(store.get('d/a', 'no-such-version'))).toBe('STORE_NOT_FOUND');
    expect(await codeOf(store.protectionOf('d/a', 'no-such-version'))).toBe('STORE_NOT_FOUND');
    expect(await codeOf(store.protectionOf('d/c', version))).toBe('STORE_NOT_FOUND');
    expect(version === '').toBe(!store.capabilities.versions);
  });

  it('protects as its capabilities say, and takes the object where it cannot', async () => {
    const store = await open();
    const { retention, hold, lock } = store.capabilities;
    const until = Math.ceil(Date.now() / 1000) * 1000 + 60_000;
    const plain = await store.putOnce('plain', bytes('x'));
    const kept = await store.putOnce('kept', bytes('x'), { retainUntil: until, hold: true });
    expect(await store.protectionOf('plain', plain.version)).toEqual({
      lock: 'none',
      retainUntil: null,
      hold: false,
    });
    expect(await store.protectionOf('kept', kept.version)).toEqual({
      lock,
      retainUntil: retention ? until : null,
      hold,
    });
  });

  it('extends retention and never shortens it', async () => {
    const store = await open();
    const until = Math.ceil(Date.now() / 1000) * 1000 + 60_000;
    const { version } = await store.putOnce('a', bytes('x'), { retainUntil: until });
    if (!store.capabilities.retention) {
      expect(await codeOf(store.extendRetention('a', version, until))).toBe('STORE_UNSUPPORTED');
      return;
    }
    for (const [wanted, then] of [
      [until - 30_000, until],
      [until, until],
      [until + 5000, until + 5000],
    ] as const) {
      await store.extendRetention('a', version, wanted);
      expect((await store.protectionOf('a', version)).retainUntil).toBe(then);
    }
  });

  it('sets a hold and lifts it', async () => {
    const store = await open();
    const { version } = await store.putOnce('a', bytes('x'));
    if (!store.capabilities.hold) {
      expect(await codeOf(store.setHold('a', version, true))).toBe('STORE_UNSUPPORTED');
      return;
    }
    for (const on of [true, true, false, false]) {
      await store.setHold('a', version, on);
      expect((await store.protectionOf('a', version)).hold).toBe(on);
    }
  });
}

function itSwaps(open: Open): void {
  const [one, two, three] = [bytes('one'), bytes('two'), bytes('three')];
  const latest = async (store: Store): Promise<string | null> => {
    const found = await store.getLatest('log/checkpoint');
    return found === null ? null : Buffer.from(found).toString();
  };

  it('swaps what is expected, and nothing else', async () => {
    const store = await open();
    expect(await latest(store)).toBe(null);
    const steps = [
      { name: 'something expected where nothing is', to: two, from: one, after: [false, null] },
      { name: 'nothing expected where nothing is', to: one, from: null, after: [true, 'one'] },
      { name: 'nothing expected where something is', to: two, from: null, after: [false, 'one'] },
      { name: 'something else expected', to: three, from: two, after: [false, 'one'] },
      { name: 'as it is', to: two, from: one, after: [true, 'two'] },
      { name: 'again, as after a lost answer', to: two, from: one, after: [true, 'two'] },
      { name: 'back', to: one, from: two, after: [true, 'one'] },
      { name: 'to nothing', to: new Uint8Array(), from: one, after: [true, ''] },
      { name: 'an empty object is not none', to: one, from: null, after: [false, ''] },
      { name: 'from an empty object', to: one, from: new Uint8Array(), after: [true, 'one'] },
    ];
    for (const { name, to, from, after } of steps) {
      const swapped = await store.swap('log/checkpoint', to, from);
      expect({ name, after: [swapped, await latest(store)] }).toEqual({ name, after });
    }
  });

  it.each([
    { name: 'nothing', from: null },
    { name: 'something', from: one },
  ])('lets exactly one of many that expect $name win', async ({ from }) => {
    const store = await open();
    if (from !== null) await store.swap('log/checkpoint', from, null);
    const swaps = Array.from({ length: 8 }, (_, i) =>
      store.swap('log/checkpoint', bytes(`writer ${i}`), from),
    );
    const answers = await Promise.all(swaps);
    expect(answers.filter((answer) => answer)).toEqual([true]);
    expect(await latest(store)).toBe(`writer ${answers.indexOf(true)}`);
  });
}
