import { ahead } from './ahead.ts';

/** Work that ends when it is told to. */
function stage() {
  const begun: number[] = [];
  const ends = new Map<number, { resolve: (text: string) => void; reject: (error: Error) => void }>();
  const work = (item: number): Promise<string> => {
    begun.push(item);
    return new Promise((resolve, reject) => ends.set(item, { resolve, reject }));
  };
  return { begun, ends, work };
}

describe('ahead', () => {
  it.each([1, 2, 3, 10])('gives answers in the order of the items, %s at once', async (width) => {
    let under = 0;
    let most = 0;
    const work = async (item: number): Promise<number> => {
      under += 1;
      most = Math.max(most, under);
      // The later ones are the faster ones.
      for (let turns = 10 - item; turns > 0; turns -= 1) await Promise.resolve();
      under -= 1;
      return item * 10;
    };
    const answers: number[] = [];
    for await (const answer of ahead([1, 2, 3, 4, 5], width, work)) answers.push(answer);
    expect([answers, most]).toEqual([[10, 20, 30, 40, 50], Math.min(width, 5)]);
  });

  it('gives nothing of nothing', async () => {
    const answers: number[] = [];
    for await (const answer of ahead([], 2, async (item: number) => item)) answers.push(answer);
    expect(answers).toEqual([]);
  });

  it('begins no more than it may before the reader has taken one', async () => {
    const { begun, ends, work } = stage();
    const answers = ahead([1, 2, 3, 4], 2, work);
    const first = answers.next();
    expect(begun).toEqual([1, 2]);
    ends.get(1)?.resolve('one');
    expect(await first).toEqual({ done: false, value: 'one' });
    expect(begun).toEqual([1, 2]);
    const second = answers.next();
    expect(begun).toEqual([1, 2, 3]);
    ends.get(2)?.resolve('two');
    await second;
    await answers.return(undefined);
    expect(begun).toEqual([1, 2, 3]);
  });

  it('fails where the answer would have come, not before', async () => {
    const { ends, work } = stage();
    const answers = ahead([1, 2, 3], 3, work);
    const first = answers.next();
    ends.get(2)?.reject(new Error('two is lost'));
    ends.get(1)?.resolve('one');
    expect(await first).toEqual({ done: false, value: 'one' });
    await expect(answers.next()).rejects.toThrow('two is lost');
  });
});
