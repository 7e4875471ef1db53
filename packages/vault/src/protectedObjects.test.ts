import type { DraftRecord } from '@pgtape/evidence';
import { TestTape, TestVault } from './holds.testing.ts';
import { lockedDisk, lockingStore } from './lockingStore.testing.ts';
import { DAY_MS, type RetentionRules } from './retention.ts';

/** Seals of test segments say this time. */
const sealedMs = 1_795_000_000_000;
const rules: RetentionRules = {
  baseMs: 10 * DAY_MS,
  classes: [
    { name: 'long', user: 'anna', ms: 100 * DAY_MS },
    { name: 'short', user: 'etl', ms: DAY_MS },
  ],
};

describe('ProtectedObjects', () => {
  it.each([
    { name: 'the base', user: 'bob', days: 10 },
    { name: 'longer', user: 'anna', days: 100 },
    { name: 'shorter', user: 'etl', days: 1 },
  ])('stores under the retention of its sessions: $name', async ({ user, days }) => {
    const store = lockingStore();
    const vault = new TestVault({ store, retention: rules });
    const tape = new TestTape();
    const until = sealedMs + days * DAY_MS;
    expect(await vault.receive(tape.reel.next([tape.opened(1, user)]))).toEqual({
      answer: 'stored',
      version: '',
      retainUntil: until,
    });
    expect(await store.protectionOf(tape.key(1), '')).toEqual({
      lock: 'strict',
      retainUntil: until,
      hold: false,
    });
  });

  it('keeps a session by its class in later segments too, and by the longest when it is forgotten', async () => {
    const vault = new TestVault({ store: lockingStore(), retention: rules, sessionsMax: 1 });
    const tape = new TestTape();
    const days = async (drafts: DraftRecord[]) => {
      const put = await vault.receive(tape.reel.next(drafts));
      return ((put.retainUntil ?? 0) - sealedMs) / DAY_MS;
    };
    expect([
      await days([tape.opened(1, 'etl')]),
      await days([tape.statement(1, 'select 1')]),
      await days([tape.opened(2, 'bob')]),
      await days([tape.statement(1, 'select 1')]),
    ]).toEqual([1, 1, 10, 100]);
  });

  const segment = () => {
    const tape = new TestTape();
    return { tape, sent: tape.reel.next([tape.opened(1, 'bob')]) };
  };
  it.each([
    { name: 'sent again: as it was', before: rules, laterMs: 5 * DAY_MS, days: 10 },
    { name: 'stored without: extended', before: null, laterMs: 5 * DAY_MS, days: 15 },
    {
      name: 'a longer rule since: extended',
      before: { ...rules, baseMs: DAY_MS },
      laterMs: 5 * DAY_MS,
      days: 15,
    },
    {
      name: 'a shorter rule since: as it was',
      before: { ...rules, baseMs: 50 * DAY_MS },
      laterMs: 0,
      days: 50,
    },
  ])('of an object that is there, $name', async ({ before, laterMs, days }) => {
    const disk = lockedDisk();
    const { tape, sent } = segment();
    await new TestVault({ store: lockingStore({ disk }), retention: before }).receive(sent);
    const store = lockingStore({ disk });
    const vault = new TestVault({ store, retention: rules });
    vault.nowMs += laterMs;
    const put = await vault.receive(sent);
    const until = sealedMs + days * DAY_MS;
    expect([put.answer, put.retainUntil, (await store.protectionOf(tape.key(1), '')).retainUntil]).toEqual([
      'exists',
      until,
      until,
    ]);
  });

  it('is told nothing of retention by a store that keeps none', async () => {
    const store = { ...lockingStore(), capabilities: { ...lockingStore().capabilities, retention: false } };
    const put = await new TestVault({ store, retention: rules }).receive(segment().sent);
    expect(put.retainUntil).toBeNull();
  });

  it('rejects with what the store says, and a release does not wait for it for ever', async () => {
    let failing = false;
    const store = lockingStore({
      fault: (operation) => (failing && operation === 'putOnce' ? 'failed' : 'none'),
    });
    const vault = new TestVault({ store });
    const { hold } = await vault.holds.create({ case: 'c', reason: 'r', scope: { user: 'bob' } }, 'olga');
    failing = true;
    await expect(vault.receive(segment().sent)).rejects.toThrow('dead');
    failing = false;
    const view = await vault.holds.release({ hold, reason: 'r', who: 'olga', at: '1' }, null);
    expect(view.release?.who).toBe('olga');
  });
});
