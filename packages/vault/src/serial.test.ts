import { Serial } from './serial.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Serial', () => {
  it('runs one after the other under a name, side by side under others', async () => {
    const serial = new Serial();
    const seen: string[] = [];
    const work = (name: string, turns: number) => async (): Promise<void> => {
      seen.push(`${name} begins`);
      for (let i = 0; i < turns; i += 1) await turn();
      seen.push(`${name} ends`);
    };
    await Promise.all([
      serial.run('a', work('a1', 3)),
      serial.run('a', work('a2', 1)),
      serial.run('b', work('b1', 1)),
    ]);
    const own = (name: string): string[] => seen.filter((line) => line.startsWith(name));
    expect(own('a')).toEqual(['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends']);
    expect(seen.indexOf('b1 begins')).toBeLessThan(seen.indexOf('a1 ends'));
  });

  it('goes on after a failure, and tells it to its own caller only', async () => {
    const serial = new Serial();
    const failing = serial.run('a', () => Promise.reject(new Error('mine')));
    const after = serial.run('a', () => Promise.resolve('fine'));
    await expect(failing).rejects.toThrow('mine');
    expect(await after).toBe('fine');
  });

  it('is idle when all is done, and keeps nothing', async () => {
    const serial = new Serial();
    let done = false;
    void serial.run('a', async () => {
      await turn();
      done = true;
    });
    await serial.idle();
    expect(done).toBe(true);
  });
});
