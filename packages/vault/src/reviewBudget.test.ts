/** How often the API server is asked about tokens that nobody knows, whoever makes them up and however fast. */
import { ReviewBudget, type ReviewOutcome } from './reviewBudget.ts';

type Answer = 'good' | 'refused' | 'unreachable' | 'throws';

function made(more: object = {}) {
  const at = { now: 1000 };
  const counts: Record<ReviewOutcome, number> = { good: 0, refused: 0, unreachable: 0, limited: 0 };
  const budget = new ReviewBudget({
    now: () => at.now,
    counted: (outcome) => {
      counts[outcome] += 1;
    },
    ...more,
  });
  const ask = async (peer: string | null, answer: Answer): Promise<Answer | null> =>
    await budget.ask(
      peer,
      async () => {
        if (answer === 'throws') throw new Error('away');
        return answer;
      },
      (found) => found as ReviewOutcome,
    );
  /** How many of `count` were asked. */
  const burst = async (peer: string | null, answer: Answer, count: number): Promise<number> => {
    let asked = 0;
    for (let each = 0; each < count; each += 1)
      asked += (await ask(peer, answer).catch(() => 'thrown')) === null ? 0 : 1;
    return asked;
  };
  return { at, counts, ask, burst };
}

describe('ReviewBudget', () => {
  it.each<{ answer: Answer; asked: number }>([
    { answer: 'good', asked: 500 },
    { answer: 'refused', asked: 20 },
    { answer: 'unreachable', asked: 20 },
    { answer: 'throws', asked: 20 },
  ])('of 500 at once from one address that are $answer, $asked are asked', async ({ answer, asked }) => {
    const { burst, counts } = made();
    expect(await burst('10.0.0.1', answer, 500)).toBe(asked);
    const outcome = answer === 'throws' ? 'unreachable' : answer;
    expect(counts).toEqual({
      good: 0,
      refused: 0,
      unreachable: 0,
      ...{ [outcome]: asked },
      limited: 500 - asked,
    });
  });

  it.each([
    { ms: 999, asked: 0 },
    { ms: 1000, asked: 1 },
    { ms: 5500, asked: 5 },
    { ms: 3_600_000, asked: 20 },
    // A clock that goes back gives nothing.
    { ms: -1000, asked: 0 },
  ])('after $ms ms more that address may ask $asked times', async ({ ms, asked }) => {
    const { at, burst } = made();
    await burst('10.0.0.1', 'refused', 100);
    at.now += ms;
    expect(await burst('10.0.0.1', 'refused', 100)).toBe(asked);
  });

  it('one address that makes tokens up takes nothing from another, and many take no more than the bound for all', async () => {
    const { burst } = made();
    await burst('10.0.0.1', 'refused', 1000);
    expect(await burst('10.0.0.2', 'good', 1000)).toBe(1000);
    let asked = 20;
    for (let host = 3; host < 253; host += 1) asked += await burst(`10.0.0.${host}`, 'refused', 100);
    expect(asked).toBe(200);
  });

  it('what is asked at once is bounded, too, whether it turns out good or not', async () => {
    const { burst, at } = made({
      rates: { peer: { burst: 2, perSecond: 1 }, all: { burst: 3, perSecond: 1 } },
    });
    const waiting = new ReviewBudget({
      now: () => at.now,
      counted: () => undefined,
      rates: { peer: { burst: 2, perSecond: 1 }, all: { burst: 3, perSecond: 1 } },
    });
    const { promise, resolve } = Promise.withResolvers<string>();
    const asked = ['a', 'a', 'a', 'b', 'b', 'c'].map((peer) =>
      waiting.ask(
        peer,
        () => promise,
        () => 'good',
      ),
    );
    resolve('it');
    expect(await Promise.all(asked)).toEqual(['it', 'it', null, 'it', null, null]);
    expect(await burst('a', 'good', 10)).toBe(10);
  });

  it('who was good before is asked about again whoever else makes tokens up', async () => {
    const { burst, counts } = made();
    for (let host = 0; host < 250; host += 1) await burst(`10.0.0.${host}`, 'refused', 10);
    expect(await burst(null, 'refused', 300)).toBe(300);
    expect(counts.refused).toBe(500);
  });

  it('forgets addresses beyond ten thousand, and gives them no more than the bound for all', async () => {
    const { burst } = made();
    let asked = 0;
    for (let peer = 0; peer < 10_100; peer += 1) asked += await burst(`peer ${peer}`, 'refused', 1);
    expect([asked, await burst('peer 0', 'refused', 30)]).toEqual([200, 0]);
  });
});
