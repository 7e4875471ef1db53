import { newSigner, releaseText } from '@pgtape/evidence';
import { memoryStore } from '@pgtape/store';
import { HoldRefusal, type HoldRequest } from './holdRequest.ts';
import { TestTape, TestVault } from './holds.testing.ts';
import type { HoldView } from './holdView.ts';
import { lockedDisk, lockingStore } from './lockingStore.testing.ts';
import { DAY_MS } from './retention.ts';

const asking = (scope: HoldRequest['scope'], more: object = {}): HoldRequest => ({
  case: 'case 7',
  reason: 'court order',
  scope,
  ...more,
});
const releasing = (hold: HoldView, who = 'anna', at = '1795000000000000000') => ({
  hold: hold.hold,
  reason: 'case closed',
  who,
  at,
});

async function reasonOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    return error instanceof HoldRefusal ? error.reason : String(error);
  }
  return 'done';
}

/** Segments of evidence that are under a hold, by number. */
const heldOf = (tape: TestTape, store: ReturnType<typeof lockingStore>): number[] =>
  store
    .held()
    .filter((key) => key.includes(tape.reel.reel))
    .map((key) => Number(/(\d{8})\.jsonl/.exec(key)?.[1]));

/** Two sessions: anna's in segments 1, 2 and 4, bob's in 1, 3 and 4. */
async function archived(vault: TestVault): Promise<TestTape> {
  const tape = new TestTape();
  await vault.receive(tape.reel.next([tape.opened(1, 'anna'), tape.opened(2, 'bob')]));
  await vault.receive(tape.reel.next([tape.statement(1, 'select 1')]));
  await vault.receive(tape.reel.next([tape.statement(2, 'select secret')]));
  await vault.receive(tape.reel.next([tape.statement(1, 'select 2'), tape.statement(2, 'select 2')]));
  return tape;
}

describe('Holds', () => {
  it('freezes what is there and what comes, says whom else it froze, and lets go in the end', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store });
    const tape = await archived(vault);
    vault.holds.start();
    const placed = await vault.holds.create(asking({ user: 'anna' }), 'olga');
    expect(placed.state).toBe('applying');
    await vault.holds.idle();
    expect(heldOf(tape, store)).toEqual([1, 2, 4]);

    await vault.receive(tape.reel.next([tape.statement(2, 'select 3')]));
    await vault.receive(tape.reel.next([tape.statement(1, 'select 3')]));
    await vault.receive(tape.reel.next([tape.opened(3, 'anna'), tape.opened(4, 'carl')]));
    await vault.holds.idle();
    expect(heldOf(tape, store)).toEqual([1, 2, 4, 6, 7]);
    expect(await vault.holds.views()).toEqual([
      {
        hold: placed.hold,
        case: 'case 7',
        reason: 'court order',
        who: 'olga',
        at: '1795000000000000000',
        scope: { user: 'anna' },
        dual_control: false,
        state: 'active',
        notes: [],
        objects: 5,
        objects_seen: 0,
        release: null,
      },
    ]);

    await vault.holds.release(releasing(placed), null);
    await vault.holds.idle();
    expect(store.held()).toEqual([]);
    const { state, release } = await vault.holds.view(placed.hold);
    expect([state, release]).toEqual([
      'released',
      { reason: 'case closed', who: 'anna', at: '1795000000000000000', second: null },
    ]);
    await vault.receive(tape.reel.next([tape.statement(1, 'select 4')]));
    expect(store.held()).toEqual([]);
  });

  it('records objects and the sessions in them that the hold is not about', async () => {
    const vault = new TestVault({ store: lockingStore() });
    const told: unknown[] = [];
    const append = vault.append.bind(vault);
    vault.append = (entry) => {
      told.push(entry);
      return append(entry);
    };
    const tape = await archived(vault);
    const { hold } = await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    const object = (segment: number, ...sessions: number[]) => ({
      key: tape.key(segment),
      version: '',
      sessions: sessions.map((session) => tape.id(session)),
    });
    expect(told).toEqual([
      { kind: 'hold', hold, case: 'case 7', reason: 'court order', who: 'olga', scope: { user: 'anna' } },
      { kind: 'held', hold, objects: [object(1, 2), object(2), object(4, 2)] },
    ]);
  });

  it('frees an object only when no other hold covers it', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store });
    const tape = await archived(vault);
    const first = await vault.holds.create(asking({ user: 'anna' }), 'olga');
    const second = await vault.holds.create(asking({ sessions: [tape.id(2)] }), 'olga');
    await vault.holds.release(releasing(first), null);
    await vault.holds.idle();
    expect(heldOf(tape, store)).toEqual([1, 3, 4]);
    await vault.holds.release(releasing(second), null);
    await vault.holds.idle();
    expect(store.held()).toEqual([]);
  });

  it('holds the segments that tell of it, for it is forgotten without them', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store, retention: { baseMs: 1000, classes: [] } });
    await archived(vault);
    await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    for (const key of store.held()) expect(store.deleteAt(key, Number.MAX_SAFE_INTEGER)).toBe('refused');
    const again = new TestVault({ store });
    expect((await again.holds.views()).map(({ state, objects }) => [state, objects])).toEqual([
      ['active', 3],
    ]);
  });

  it('outlives retention', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store, retention: { baseMs: DAY_MS, classes: [] } });
    const tape = await archived(vault);
    const hold = await vault.holds.create(asking({ sessions: [tape.id(1)] }), 'olga');
    await vault.holds.idle();
    // Sealed after the clock of this vault: that counts.
    const until = 1_795_000_000_000 + DAY_MS;
    expect([store.deleteAt(tape.key(3), until - 1), store.deleteAt(tape.key(3), until)]).toEqual([
      'refused',
      'deleted',
    ]);
    expect(store.deleteAt(tape.key(2), until)).toBe('refused');
    await vault.holds.release(releasing(hold), null);
    await vault.holds.idle();
    expect(store.deleteAt(tape.key(2), until)).toBe('deleted');
  });

  it('covers earlier segments of a session once a later line fits', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store });
    const tape = await archived(vault);
    await vault.holds.create(asking({ search: 'drop table' }), 'olga');
    await vault.holds.idle();
    expect(heldOf(tape, store)).toEqual([]);
    await vault.receive(tape.reel.next([tape.statement(2, 'DROP TABLE x')]));
    await vault.receive(tape.reel.next([tape.statement(2, 'drop table x')]));
    await vault.holds.idle();
    expect(heldOf(tape, store)).toEqual([1, 3, 4, 5, 6]);
  });

  it.each([
    { name: 'a hold placed while a segment is being stored covers it', release: false },
    { name: 'and one released meanwhile does not', release: true },
  ])('$name', async ({ release }) => {
    const tape = new TestTape();
    let meanwhile: (() => Promise<unknown>) | null = null;
    const store = lockingStore();
    const slow = {
      ...store,
      putOnce: async (key: string, bytes: Uint8Array, options?: object) => {
        const put = await store.putOnce(key, bytes, options);
        const run = key === tape.key(1) ? meanwhile : null;
        meanwhile = null;
        await run?.();
        return put;
      },
    };
    const vault = new TestVault({ store: slow });
    if (release) {
      const hold = await vault.holds.create(asking({ user: 'anna' }), 'olga');
      await vault.holds.idle();
      let released: Promise<unknown> = Promise.resolve();
      // Not awaited: a release waits for what is being stored.
      meanwhile = async () => {
        released = vault.holds.release(releasing(hold), null);
      };
      await vault.receive(tape.reel.next([tape.opened(1, 'anna')]));
      await released;
    } else {
      meanwhile = () => vault.holds.create(asking({ user: 'anna' }), 'olga');
      await vault.receive(tape.reel.next([tape.opened(1, 'anna')]));
    }
    await vault.holds.idle();
    expect(heldOf(tape, store)).toEqual(release ? [] : [1]);
  });

  it('sets a hold again that somebody took away, and says so', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store });
    const tape = await archived(vault);
    await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    store.removeHold(tape.key(2));
    const again = new TestVault({ store });
    again.holds.start();
    await again.holds.idle();
    expect([heldOf(tape, store), again.told]).toEqual([[1, 2, 4], ['removed 1']]);
  });

  it('stores evidence though it may not hold it, says so, and holds it as soon as it may', async () => {
    let mayHold = false;
    const store = lockingStore({
      fault: (operation, _key, isHolding) =>
        !mayHold && (operation === 'setHold' || isHolding) ? 'no_access' : 'none',
    });
    const vault = new TestVault({ store });
    const tape = await archived(vault);
    const { hold } = await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.receive(tape.reel.next([tape.statement(1, 'select 3')]));
    while (!(await vault.holds.view(hold)).notes.includes('hold_failing')) {
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect([store.held(), (await vault.holds.view(hold)).state]).toEqual([[], 'applying']);
    mayHold = true;
    await vault.holds.idle();
    const { state, notes, objects } = await vault.holds.view(hold);
    expect([heldOf(tape, store), state, notes, objects]).toEqual([[1, 2, 4, 5], 'active', [], 4]);
    expect(store.held().filter((key) => !key.includes(tape.reel.reel))).toHaveLength(2);
  });

  it('holds what it cannot read', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store });
    const tape = await archived(vault);
    store.disk.objects.set(tape.key(3), Uint8Array.of(1, 2, 3));
    await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    expect([heldOf(tape, store), vault.told]).toEqual([[1, 2, 3, 4], ['unreadable']]);
  });

  it('is on record where the store holds nothing, and says that nothing enforces it', async () => {
    const vault = new TestVault({ store: memoryStore() });
    await archived(vault);
    const { hold } = await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    const view = await vault.holds.view(hold);
    expect([view.state, view.objects, view.notes]).toEqual(['active', 3, ['hold_not_enforced']]);
    await vault.holds.release(releasing(view), null);
    await vault.holds.idle();
    expect((await vault.holds.view(hold)).state).toBe('released');
  });

  it('covers sessions it does not know after a restart, and knows those that a hold in force made it read', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store });
    const tape = await archived(vault);
    await vault.holds.create(asking({ user: 'nobody' }), 'olga');
    await vault.holds.idle();
    const again = new TestVault({ store });
    await again.receive(tape.reel.next([tape.statement(1, 'select 5')]));
    again.holds.start();
    await again.holds.idle();
    await again.receive(tape.reel.next([tape.statement(1, 'select 6')]));
    await again.holds.idle();
    expect(heldOf(tape, store)).toEqual([5]);
  });
});

describe('the end of Holds', () => {
  it('writes down what was frozen as it came', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store });
    const { hold } = await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    const tape = new TestTape();
    await vault.receive(tape.reel.next([tape.opened(1, 'anna')]));
    await vault.holds.close();
    const again = new TestVault({ store });
    expect((await again.holds.view(hold)).objects).toBe(1);
  });

  it('does not wait for ever for a record that is not stored', async () => {
    const vault = new TestVault({ store: lockingStore() });
    const tape = await archived(vault);
    await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    vault.append = () => new Promise(() => undefined);
    await vault.receive(tape.reel.next([tape.statement(1, 'select 3')]));
    const waits: number[] = [];
    vault.after = (ms, run) => {
      waits.push(ms);
      run();
      return () => undefined;
    };
    await vault.holds.close();
    expect(waits).toEqual([3000]);
  });
});

describe('refusals of Holds', () => {
  it.each([
    { name: 'scope_empty', scope: {} },
    { name: 'scope_time', scope: { since: '2', until: '1' } },
    { name: 'scope_pattern', scope: { search: '/(/' } },
  ])('$name', async ({ name, scope }) => {
    const vault = new TestVault({ store: lockingStore() });
    expect(await reasonOf(vault.holds.create(asking(scope), 'olga'))).toBe(name);
    expect(await vault.holds.views()).toEqual([]);
  });

  it('holds_full, hold_unknown, already_released', async () => {
    const vault = new TestVault({ store: lockingStore(), rules: { holdsMax: 1 } });
    const hold = await vault.holds.create(asking({ user: 'a' }), 'olga');
    expect(await reasonOf(vault.holds.create(asking({ user: 'a' }), 'olga'))).toBe('holds_full');
    expect(await reasonOf(vault.holds.release({ ...releasing(hold), hold: '0' }, null))).toBe('hold_unknown');
    expect(await reasonOf(vault.holds.view('0'))).toBe('hold_unknown');
    await vault.holds.release(releasing(hold), null);
    expect(await reasonOf(vault.holds.release(releasing(hold), null))).toBe('already_released');
  });
});

describe('a second person', () => {
  const bob = newSigner();
  const rules = { dualControl: true, signers: [{ name: 'bob', publicKey: bob.publicKey }] };
  const signed = (request: ReturnType<typeof releasing>, key = bob) => ({
    who: 'bob',
    key: key.publicKey,
    sig: Buffer.from(key.sign(Buffer.from(releaseText(request)))).toString('hex'),
  });

  it('has to sign a release', async () => {
    const store = lockingStore();
    const vault = new TestVault({ store, rules });
    const tape = await archived(vault);
    const hold = await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    const request = releasing(hold);
    const other = newSigner();
    expect([
      await reasonOf(vault.holds.release(request, null)),
      await reasonOf(vault.holds.release(request, signed(request, other))),
      await reasonOf(vault.holds.release(request, signed({ ...request, reason: 'x' }))),
      await reasonOf(vault.holds.release({ ...request, who: 'bob' }, signed({ ...request, who: 'bob' }))),
    ]).toEqual(['second_missing', 'second_key', 'second_signature', 'second_same']);
    expect(heldOf(tape, store)).toEqual([1, 2, 4]);
    await vault.holds.release(request, signed(request));
    await vault.holds.idle();
    expect(store.held()).toEqual([]);
    const again = new TestVault({ store, rules });
    again.holds.start();
    await again.holds.idle();
    const { state, release } = await again.holds.view(hold.hold);
    expect([state, release?.second, again.told]).toEqual(['released', 'bob', []]);
  });

  it('is asked for by a hold placed under that rule, also when the rule is gone', async () => {
    const store = lockingStore();
    const { hold } = await new TestVault({ store, rules }).holds.create(asking({ user: 'anna' }), 'olga');
    const vault = new TestVault({ store, rules: { ...rules, dualControl: false } });
    const view = await vault.holds.view(hold);
    expect(await reasonOf(vault.holds.release(releasing(view), null))).toBe('second_missing');
  });

  it('is missed in a release that somebody wrote into the archive', async () => {
    const disk = lockedDisk();
    const vault = new TestVault({ store: lockingStore({ disk }), rules });
    const tape = await archived(vault);
    const { hold } = await vault.holds.create(asking({ user: 'anna' }), 'olga');
    await vault.holds.idle();
    await vault.append({ kind: 'release', hold, reason: 'r', who: 'mallory', asked: '1' });
    const store = lockingStore({ disk });
    const again = new TestVault({ store, rules });
    again.holds.start();
    await again.holds.idle();
    const { state, notes } = await again.holds.view(hold);
    expect([state, notes, again.told]).toEqual(['active', ['release_refused'], ['release_refused']]);
    expect(heldOf(tape, store)).toEqual([1, 2, 4]);
  });
});
