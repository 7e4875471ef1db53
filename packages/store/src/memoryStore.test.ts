import { memoryStore } from './memoryStore.ts';
import { codeOf, itKeepsTheStoreContract } from './storeContract.testing.ts';

describe('memoryStore', () => {
  itKeepsTheStoreContract(() => Promise.resolve(memoryStore()));

  it.each([
    { name: 'failed' as const, persisted: false },
    { name: 'failed_yet_persisted' as const, persisted: true },
  ])('fails on demand: $name', async ({ name, persisted }) => {
    const objects = new Map<string, Uint8Array>();
    const store = memoryStore((operation) => (operation === 'putOnce' ? name : 'none'), objects);
    expect(await codeOf(store.putOnce('a', Uint8Array.of(1)))).toBe('STORE_IO');
    expect(await store.has('a')).toBe(persisted);
    expect(await memoryStore(undefined, objects).has('a')).toBe(persisted);
  });

  it.each([
    { name: 'failed' as const, latest: 1 },
    { name: 'failed_yet_persisted' as const, latest: 2 },
  ])('fails swaps on demand: $name', async ({ name, latest }) => {
    const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)];
    const objects = new Map([['log/checkpoint', one]]);
    const store = memoryStore((operation) => (operation === 'swap' ? name : 'none'), objects);
    expect(await codeOf(store.swap('log/checkpoint', two, one))).toBe('STORE_IO');
    const reopened = memoryStore(undefined, objects);
    expect(await reopened.getLatest('log/checkpoint')).toEqual(Uint8Array.of(latest));
    expect(await reopened.swap('log/checkpoint', two, one)).toBe(true);
  });

  it('fails reads on demand', async () => {
    const store = memoryStore(() => 'failed');
    expect(await codeOf(store.get('a'))).toBe('STORE_IO');
    expect(await codeOf(store.has('a'))).toBe('STORE_IO');
  });
});
