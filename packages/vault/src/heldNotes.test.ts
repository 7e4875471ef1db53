import { HeldNotes } from './heldNotes.ts';
import type { VaultEntry } from './vaultReel.ts';

const object = (key: string, sessions: string[] = []) => ({ key, version: '', sessions });

/** Timers that a test lets fire, and what was appended. */
function bench(answer: () => Promise<unknown> = () => Promise.resolve()) {
  const timers: (() => void)[] = [];
  const appended: VaultEntry[] = [];
  const failures: string[] = [];
  const notes = new HeldNotes({
    append: async (entry) => {
      await answer();
      appended.push(entry);
    },
    windowMs: 5,
    after: (_ms, run) => {
      timers.push(run);
      return () => void timers.splice(timers.indexOf(run), 1);
    },
    failed: (error) => failures.push(error.message),
  });
  const fire = async (): Promise<void> => {
    for (const run of timers.splice(0)) run();
    for (let i = 0; i < 5; i += 1) await new Promise((resolve) => void setImmediate(resolve));
  };
  const sizes = () => appended.map((entry) => (entry.kind === 'held' ? entry.objects.length : -1));
  return { notes, appended, failures, timers, fire, sizes };
}

describe('HeldNotes', () => {
  it('gathers objects by hold, and writes them once', async () => {
    const { notes, appended, fire, timers } = bench();
    notes.add('a', object('1', ['s']));
    notes.add('b', object('1'));
    notes.add('a', object('2'));
    expect([appended, timers.length, notes.waiting]).toEqual([[], 1, 3]);
    await fire();
    expect(appended).toEqual([
      { kind: 'held', hold: 'a', objects: [object('1', ['s']), object('2')] },
      { kind: 'held', hold: 'b', objects: [object('1')] },
    ]);
    await notes.flush();
    expect([appended.length, notes.waiting]).toEqual([2, 0]);
  });

  it('writes no line longer than a line may be', async () => {
    const { notes, sizes } = bench();
    for (let i = 0; i < 1200; i += 1) notes.add('a', object(`${i}`));
    const many = Array.from({ length: 1000 }, (_, i) => `0123456789abcdef-${i}`);
    for (let i = 0; i < 12; i += 1) notes.add('b', object('x', many));
    await notes.flush();
    expect(sizes()).toEqual([500, 500, 200, 8, 4]);
  });

  it('tries again what was not stored, and loses nothing that came meanwhile', async () => {
    let fails = 2;
    const { notes, failures, fire, sizes } = bench(() => {
      fails -= 1;
      return fails >= 0 ? Promise.reject(new Error('full')) : Promise.resolve();
    });
    notes.add('a', object('1'));
    await fire();
    notes.add('a', object('2'));
    await fire();
    expect([sizes(), failures]).toEqual([[], ['full', 'full']]);
    await fire();
    expect([sizes(), notes.waiting]).toEqual([[2], 0]);
  });

  it('tells who flushes that it was not stored', async () => {
    const { notes } = bench(() => Promise.reject(new Error('closed')));
    notes.add('a', object('1'));
    await expect(notes.flush()).rejects.toThrow('closed');
    expect(notes.waiting).toBe(1);
  });
});
