import { type DraftRecord, encodeText, segmentKey } from '@pgtape/evidence';
import { memoryStore, type Store } from '@pgtape/store';
import { type HoldIndexData, type HoldIndexFile, holdIndexText, parseHoldIndex } from './holdIndex.ts';
import { ownId, segmentOf, TestTape, TestVault } from './holds.testing.ts';
import { readOwnBook } from './ownBook.ts';
import { TestReel } from './segments.testing.ts';

const data: HoldIndexData = { v: 1, archive: 'a', read: { 'x/y': 3 }, books: ['k'] };

describe('the index of the book of holds', () => {
  const text = holdIndexText(data);

  it('is read as it was written', () => {
    expect(parseHoldIndex(text, 'a')).toEqual(data);
  });

  it('counts for its archive only', () => {
    expect(parseHoldIndex(text, 'b')).toBeNull();
  });

  it('is nothing where a byte of it is another', () => {
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`;
      expect(parseHoldIndex(changed, 'a')).toBeNull();
      expect(parseHoldIndex(text.slice(0, at), 'a')).toBeNull();
    }
    expect(parseHoldIndex(null, 'a')).toBeNull();
  });
});

/** An index in memory, and how many objects were read since. */
function counted(store: Store): {
  store: Store;
  index: HoldIndexFile;
  reads: () => number;
  text: () => string | null;
} {
  let reads = 0;
  let text: string | null = null;
  return {
    store: {
      ...store,
      get: (key, version) => {
        reads += 1;
        return store.get(key, version);
      },
    },
    index: {
      read: async () => text,
      write: async (written) => {
        text = written;
      },
    },
    reads: () => {
      const before = reads;
      reads = 0;
      return before;
    },
    text: () => text,
  };
}

const access = (what: string) => {
  const fields = { who: 'rita', method: 'token', action: 'search', what, why: '', grant: 'g' } as const;
  return { kind: 'access', ...fields } as const;
};
const request = { case: 'c', reason: 'r', scope: { user: 'anna' } };

describe('readOwnBook', () => {
  it('reads what keeps the book, and what is new; all of it where there is no index', async () => {
    const at = counted(memoryStore());
    const vault = new TestVault({ store: at.store });
    const tape = new TestTape();
    await vault.receive(tape.reel.next([tape.opened(1, 'anna')]));
    for (let i = 0; i < 20; i += 1) await vault.append(access(`${i}`));
    const { hold } = await vault.holds.create(request, 'olga');
    await vault.holds.idle();
    for (let i = 0; i < 20; i += 1) await vault.append(access(`${i}`));
    at.reads();

    const start = async (): Promise<[number, number | undefined]> => {
      const again = new TestVault({ store: at.store, index: at.index });
      const views = await again.holds.views();
      return [at.reads(), views.find((view) => view.hold === hold)?.objects];
    };
    expect(await start()).toEqual([42, 1]);
    // `hold` and `held`.
    expect(await start()).toEqual([2, 1]);
    await vault.append(access('new'));
    expect(await start()).toEqual([3, 1]);
    expect(await start()).toEqual([2, 1]);
    await vault.holds.release({ hold, reason: 'over', who: 'olga', at: '1' }, null);
    await vault.holds.idle();
    at.reads();
    // `release` and `freed`, too.
    expect(await start()).toEqual([4, 1]);
    expect(await start()).toEqual([4, 1]);
  });

  it('looks at what it could not read each time', async () => {
    const objects = new Map<string, Uint8Array>();
    const at = counted(memoryStore(undefined, objects));
    const vault = new TestVault({ store: at.store });
    await vault.append(access('x'));
    await vault.append(access('y'));
    const [broken = ''] = [...objects.keys()];
    const whole = objects.get(broken)!;
    objects.set(broken, Uint8Array.of(1));
    const told: string[] = [];
    const read = async (): Promise<number> => {
      at.reads();
      await readOwnBook(
        { ...at, ownIds: [ownId], archive: 'test', unreadable: (key) => told.push(key) },
        () => undefined,
      );
      return at.reads();
    };
    expect([await read(), await read(), told]).toEqual([2, 1, [broken, broken]]);
    objects.set(broken, whole);
    expect([await read(), await read()]).toEqual([1, 0]);
  });

  it('reads reels of former names too, in the order of time', async () => {
    const store = memoryStore();
    const [former, now] = ['ffffffffffffffff', '0000000000000000'];
    const put = async (recorder: string, reel: string, fields: object): Promise<void> => {
      const draft = { at: '1', mono: '1', hold: 'h', reason: 'r', who: 'w', ...fields } as DraftRecord;
      const { segment, text } = segmentOf(new TestReel(recorder, reel).next([draft]));
      await store.putOnce(segmentKey(recorder, reel, segment.seal.segment), encodeText(text));
    };
    await put(now, 'b'.repeat(32), { kind: 'release', asked: '1' });
    await put(former, 'a'.repeat(32), { kind: 'hold', case: 'c', scope: {} });
    await put('1111111111111111', 'c'.repeat(32), { kind: 'release', asked: '1' });
    const kinds: string[] = [];
    await readOwnBook(
      {
        store,
        ownIds: [now, former],
        archive: 'a',
        index: counted(store).index,
        unreadable: () => undefined,
      },
      ({ kind, reel }) => kinds.push(`${kind} ${reel[0]}`),
    );
    expect(kinds).toEqual(['hold a', 'release b']);
  });

  it('does without an index that fails', async () => {
    const store = memoryStore();
    const { hold } = await new TestVault({ store }).holds.create(request, 'olga');
    const failing = (): Promise<never> => Promise.reject(new Error('EACCES'));
    const again = new TestVault({ store, index: { read: failing, write: failing } });
    expect((await again.holds.view(hold)).case).toBe('c');
  });
});
