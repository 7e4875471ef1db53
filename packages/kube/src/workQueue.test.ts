import fc from 'fast-check';
import { VirtualTime } from './scriptedApi.testing.ts';
import { WorkQueue } from './workQueue.ts';

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe('WorkQueue', () => {
  it('works a key once however often it is added before, and once more when it is added meanwhile', async () => {
    const time = new VirtualTime(() => 0.5);
    const gate = deferred();
    const worked: string[] = [];
    const queue = new WorkQueue({
      workers: 1,
      pacing: time,
      work: async (key) => {
        worked.push(key);
        if (worked.length === 1) await gate.promise;
        return undefined;
      },
    });
    for (const key of ['a', 'b', 'a', 'b', 'a']) queue.add(key);
    await time.pass(1);
    expect({ worked: [...worked], depth: queue.depth }).toEqual({ worked: ['a'], depth: 2 });
    gate.resolve();
    await time.pass(1);
    await queue.stop();
    expect(worked).toEqual(['a', 'b', 'a']);
  });

  it('tries a failed key again after growing waits, and forgets the failures when it succeeds', async () => {
    const time = new VirtualTime(() => 0.999);
    const failures: [number, number][] = [];
    const at: number[] = [];
    const queue = new WorkQueue({
      workers: 2,
      pacing: time,
      backoff: { firstMs: 100, maxMs: 300 },
      failed: (_, __, count, waitMs) => failures.push([count, waitMs]),
      work: async () => {
        at.push(time.now());
        if (at.length <= 4 || at.length === 6) throw new Error('no');
        return undefined;
      },
    });
    queue.add('k');
    await time.pass(10_000);
    queue.add('k');
    await time.pass(10_000);
    await queue.stop();
    expect(failures).toEqual([
      [1, 100],
      [2, 200],
      [3, 300],
      [4, 300],
      [1, 100],
    ]);
    expect(at).toEqual([0, 100, 300, 600, 900, 10_000, 10_100]);
  });

  it('does a key again after the time its work asked for, earlier when it is added', async () => {
    const time = new VirtualTime(() => 0);
    const at: number[] = [];
    const queue = new WorkQueue({
      workers: 1,
      pacing: time,
      work: async () => {
        at.push(time.now());
        return at.length < 4 ? { againAfterMs: 1000 } : undefined;
      },
    });
    queue.add('k');
    await time.pass(1500);
    queue.add('k');
    await time.pass(5000);
    await queue.stop();
    expect({ at, delayed: queue.delayed }).toEqual({ at: [0, 1000, 1500, 2500], delayed: 0 });
  });

  it('ends what runs and takes nothing more when it stops', async () => {
    const time = new VirtualTime(() => 0);
    const seen: string[] = [];
    const queue = new WorkQueue({
      workers: 1,
      pacing: time,
      work: (key, signal) =>
        new Promise((_, reject) => {
          seen.push(key);
          signal.addEventListener('abort', () => reject(new Error('aborted')));
        }),
      failed: () => seen.push('failed'),
    });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await queue.stop();
    queue.add('d');
    queue.addAfter('e', 0);
    await time.pass(100);
    expect(seen).toEqual(['a']);
  });

  it('never works a key twice at once and ends with the latest of every key worked', async () => {
    const keys = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.record({ key: keys, ms: fc.integer({ min: 0, max: 50 }), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, workers) => {
          const time = new VirtualTime(() => 0.5);
          const wanted = new Map<string, number>();
          const done = new Map<string, number>();
          const running = new Set<string>();
          let most = 0;
          let failing = 0;
          const queue = new WorkQueue({
            workers,
            pacing: time,
            backoff: { firstMs: 10, maxMs: 100 },
            work: async (key, signal) => {
              if (running.has(key)) throw new Error('twice at once');
              running.add(key);
              most = Math.max(most, running.size);
              const version = wanted.get(key) as number;
              await time.sleep(20, signal);
              running.delete(key);
              if (failing > 0) {
                failing -= 1;
                throw new Error('no');
              }
              done.set(key, version);
              return undefined;
            },
          });
          for (const [at, { key, ms, fails }] of steps.entries()) {
            wanted.set(key, at);
            if (fails) failing += 1;
            queue.add(key);
            await time.pass(ms);
          }
          await time.pass(20_000);
          await queue.stop();
          expect(done).toEqual(wanted);
          expect(most).toBeLessThanOrEqual(workers);
        },
      ),
      { numRuns: 40 },
    );
  });
});
