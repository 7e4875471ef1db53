import { TestTape, TestVault } from './holds.testing.ts';
import { type LockedDisk, type LockingFault, lockedDisk, lockingStore } from './lockingStore.testing.ts';

/** `killed`: the process dies behind that call; the others reject and the process goes on. */
const faults = ['failed', 'failed_yet_persisted', 'killed'] as const;
const never = new Promise<never>(() => undefined);

interface Scene {
  readonly disk: LockedDisk;
  readonly tape: TestTape;
  /** The hold of before, which goes on. */
  readonly other: string;
}

/** Objects 1 to 9: anna's sessions in all but 4 and 8, bob's in 4, 5 and 8; a hold on bob is in force. */
async function scene(): Promise<Scene> {
  const disk = lockedDisk();
  const vault = new TestVault({ store: lockingStore({ disk }) });
  const tape = new TestTape();
  for (let segment = 1; segment <= 9; segment++) {
    const bobs = tape.opened(segment + 100, 'bob');
    const annas = tape.opened(segment, 'anna');
    const drafts = segment === 4 || segment === 8 ? [bobs] : segment === 5 ? [annas, bobs] : [annas];
    await vault.receive(tape.reel.next(drafts));
  }
  const { hold } = await vault.holds.create({ case: 'b', reason: 'b', scope: { user: 'bob' } }, 'olga');
  await vault.holds.idle();
  return { disk, tape, other: hold };
}

const annas = [1, 2, 3, 5, 6, 7, 9];
const bobs = [4, 5, 8];

/** Evidence under a hold, and what the records of a vault that starts now say of each hold. */
async function truth({ disk, tape }: Scene) {
  const store = lockingStore({ disk });
  const vault = new TestVault({ store });
  vault.holds.start();
  await vault.holds.idle();
  const held = store.held().filter((key) => key.includes(tape.reel.reel));
  const views = await vault.holds.views();
  return {
    held: held.map((key) => Number(/(\d{8})\.jsonl/.exec(key)?.[1])),
    holds: views.map(({ case: name, state, objects }) => ({ name, state, objects })),
    told: vault.told,
  };
}

/** Runs `act` in a new process whose `index`th changing call goes wrong. True: there were that many. */
async function faulty(
  disk: LockedDisk,
  index: number,
  kind: LockingFault,
  act: (vault: TestVault) => Promise<unknown>,
): Promise<boolean> {
  let calls = 0;
  let die: (value: 'died') => void = () => undefined;
  const died = new Promise<'died'>((resolve) => {
    die = resolve;
  });
  const store = lockingStore({
    disk,
    fault: () => {
      calls += 1;
      if (calls !== index) return 'none';
      if (kind === 'killed') setImmediate(() => die('died'));
      return kind;
    },
  });
  const vault = new TestVault({ store });
  const done = act(vault).then(
    () => vault.holds.idle(),
    (error: Error) => (kind === 'killed' ? never : Promise.reject(error)),
  );
  const end =
    kind === 'killed' ? Promise.race([done.catch(() => never), died]) : done.catch(() => vault.holds.idle());
  await end;
  vault.abandon();
  return calls >= index;
}

const placed = { name: 'a', state: 'active', objects: annas.length };
const gone = { name: 'a', state: 'released', objects: annas.length };
const goesOn = { name: 'b', state: 'active', objects: bobs.length };
const both = [...new Set([...annas, ...bobs])].sort();

describe.each(faults)('a hold whose %s call', (kind) => {
  it('while it is placed is whole after a restart, or was never placed', async () => {
    const outcomes = new Map<string, number>();
    for (let index = 1; ; index++) {
      const at = await scene();
      const request = { case: 'a', reason: 'a', scope: { user: 'anna' } };
      const isThere = await faulty(at.disk, index, kind, (vault) => vault.holds.create(request, 'olga'));
      const found = await truth(at);
      const isPlaced = found.holds.length === 2;
      outcomes.set(isPlaced ? 'placed' : 'not placed', index);
      expect({ index, ...found }).toEqual({
        index,
        held: isPlaced ? both : bobs,
        holds: isPlaced ? [goesOn, placed] : [goesOn],
        told: [],
      });
      // A second start finds nothing more to do.
      expect({ index, ...(await truth(at)) }).toEqual({ index, ...found });
      if (!isThere) break;
    }
    // 1 record, 7 objects, 1 record.
    expect(outcomes.get('placed')).toBe(10);
    expect(outcomes.get('not placed')).toBe(kind === 'failed' ? 1 : undefined);
  });

  it('while it is released is let go after a restart, or goes on; the other hold stays', async () => {
    const outcomes = new Map<string, number>();
    for (let index = 1; ; index++) {
      const at = await scene();
      const before = new TestVault({ store: lockingStore({ disk: at.disk }) });
      const { hold } = await before.holds.create({ case: 'a', reason: 'a', scope: { user: 'anna' } }, 'olga');
      await before.holds.idle();
      const release = { hold, reason: 'over', who: 'olga', at: '1' };
      const isThere = await faulty(at.disk, index, kind, (vault) => vault.holds.release(release, null));
      const found = await truth(at);
      const isReleased = found.holds[1]?.state === 'released';
      outcomes.set(isReleased ? 'released' : 'goes on', index);
      expect({ index, ...found }).toEqual({
        index,
        held: isReleased ? bobs : both,
        holds: [goesOn, isReleased ? gone : placed],
        told: [],
      });
      expect({ index, ...(await truth(at)) }).toEqual({ index, ...found });
      if (!isThere) break;
    }
    // 1 record, 6 objects and its own 2 segments let go (one stays for the other hold), 1 record.
    expect(outcomes.get('released')).toBe(11);
    expect(outcomes.get('goes on')).toBe(kind === 'failed' ? 1 : undefined);
  });

  it('while segments arrive is whole after a restart', async () => {
    for (let index = 1; ; index++) {
      const at = await scene();
      const isThere = await faulty(at.disk, index, kind, async (vault) => {
        const next = at.tape.reel.next([at.tape.opened(20, 'bob')], { aside: true });
        await vault.receive(next).catch(() => vault.receive(next));
      });
      const store = lockingStore({ disk: at.disk });
      const vault = new TestVault({ store });
      // Its sender, not answered, comes again.
      await vault.receive(at.tape.reel.next([at.tape.opened(20, 'bob')]));
      vault.holds.start();
      await vault.holds.idle();
      expect({ index, ...(await truth(at)) }).toEqual({
        index,
        held: [...bobs, 10],
        holds: [{ ...goesOn, objects: 4 }],
        told: [],
      });
      if (!isThere) break;
    }
  });
});
