import { memoryStore } from '@pgtape/store';
import { TestTape, TestVault } from './holds.testing.ts';
import { lockingStore } from './lockingStore.testing.ts';
import { DAY_MS } from './retention.ts';
import { extendRetention, RetentionRefusal, RetentionRequest } from './retentionExtension.ts';
import type { VaultEntry } from './vaultReel.ts';

const nowMs = 1_795_000_000_000;
const ns = (ms: number): string => `${ms}000000`;
const inDays = (days: number): string => ns(nowMs + days * DAY_MS);

/** Segments 1 and 3 have lines of session 1, segment 2 only of session 2; all kept for 10 days. */
async function archived() {
  const store = lockingStore();
  const vault = new TestVault({ store, retention: { baseMs: 10 * DAY_MS, classes: [] } });
  const tape = new TestTape();
  await vault.receive(tape.reel.next([tape.opened(1, 'anna'), tape.opened(2, 'bob')]));
  await vault.receive(tape.reel.next([tape.statement(2, 'select 1')]));
  await vault.receive(tape.reel.next([tape.statement(1, 'select 1')]));
  const told: VaultEntry[] = [];
  const sources = {
    store,
    append: async (entry: VaultEntry) => void told.push(entry),
    wallMs: () => nowMs,
  };
  const days = async (): Promise<number[]> => {
    const found = [1, 2, 3].map((segment) => store.protectionOf(tape.key(segment), ''));
    return (await Promise.all(found)).map(({ retainUntil }) => ((retainUntil ?? 0) - nowMs) / DAY_MS);
  };
  return { store, tape, told, sources, days };
}

async function reasonOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    return error instanceof RetentionRefusal ? error.reason : String(error);
  }
  return 'done';
}

describe('extendRetention', () => {
  it.each([
    { name: 'a session', scope: (tape: TestTape) => ({ session: tape.id(1) }), days: [20, 10, 20] },
    { name: 'a reel', scope: (tape: TestTape) => ({ reel: tape.reel.reel }), days: [20, 20, 20] },
    { name: 'what was stored before', scope: () => ({ before: ns(nowMs) }), days: [20, 20, 20] },
  ])('keeps longer: $name', async ({ scope, days: wanted }) => {
    const { tape, told, sources, days } = await archived();
    const request = { reason: 'audit', until: inDays(20), scope: scope(tape) };
    const answer = await extendRetention(sources, request, 'olga');
    const extended = wanted.filter((many) => many === 20).length;
    expect(answer).toEqual({ objects: extended, extended, unchanged: 0, until: inDays(20) });
    expect(await days()).toEqual(wanted);
    expect(told).toEqual([{ kind: 'retention', who: 'olga', ...request }]);
  });

  it('leaves what is kept longer as it is', async () => {
    const { store, tape, sources, days } = await archived();
    await store.extendRetention(tape.key(2), '', nowMs + 30 * DAY_MS);
    const request = { reason: 'audit', until: inDays(20), scope: { reel: tape.reel.reel } };
    expect(await extendRetention(sources, request, 'olga')).toEqual({
      objects: 3,
      extended: 2,
      unchanged: 1,
      until: inDays(20),
    });
    expect(await days()).toEqual([20, 30, 20]);
  });

  it.each([
    { name: 'would_shorten', until: inDays(9), scope: null },
    { name: 'would_shorten', until: inDays(10), scope: null },
    { name: 'until_past', until: ns(nowMs), scope: null },
    { name: 'until_far', until: inDays(36_501), scope: null },
    { name: 'nothing_found', until: inDays(20), scope: { reel: '0'.repeat(32) } },
    { name: 'nothing_found', until: inDays(20), scope: { before: '0' } },
  ])('refuses, records nothing and changes nothing: $name', async ({ name, until, scope }) => {
    const { tape, told, sources, days } = await archived();
    const request = { reason: 'r', until, scope: scope ?? { reel: tape.reel.reel } };
    expect(await reasonOf(extendRetention(sources, request, 'olga'))).toBe(name);
    expect([told, await days()]).toEqual([[], [10, 10, 10]]);
  });

  it('changes nothing where it cannot be written down', async () => {
    const { tape, sources, days } = await archived();
    const append = (): Promise<never> => Promise.reject(new Error('late'));
    const request = { reason: 'r', until: inDays(20), scope: { reel: tape.reel.reel } };
    expect(await reasonOf(extendRetention({ ...sources, append }, request, 'olga'))).toBe('Error: late');
    expect(await days()).toEqual([10, 10, 10]);
  });

  it('refuses where the store keeps nothing', async () => {
    const { sources } = await archived();
    const request = { reason: 'r', until: inDays(20), scope: { before: '1' } };
    expect(await reasonOf(extendRetention({ ...sources, store: memoryStore() }, request, 'olga'))).toBe(
      'retention_unsupported',
    );
  });
});

describe('RetentionRequest', () => {
  it.each([
    { name: 'no scope', scope: {} },
    { name: 'two scopes', scope: { before: '1', reel: '0'.repeat(32) } },
  ])('refuses $name', ({ scope }) => {
    expect(RetentionRequest.safeParse({ reason: 'r', until: '1', scope }).success).toBe(false);
  });
});
