import { AskingLanes } from './askingLanes.ts';

/** A cluster in which looks take as long as given; time passes only while everybody waits. */
class Looks {
  nowMs = 0;
  readonly lastMs = new Map<string, number>();
  readonly #takes: (id: string) => number;
  #waiting: { readonly atMs: number; readonly done: () => void }[] = [];

  constructor(takes: (id: string) => number) {
    this.#takes = takes;
  }

  readonly look = async (id: string): Promise<void> => {
    await new Promise<void>((done) => this.#waiting.push({ atMs: this.nowMs + this.#takes(id), done }));
    this.lastMs.set(id, this.nowMs);
  };

  async until(round: Promise<void>): Promise<void> {
    let isOver = false;
    void round.then(() => {
      isOver = true;
    });
    for (;;) {
      await new Promise(setImmediate);
      if (isOver) return;
      this.#waiting.sort((a, b) => a.atMs - b.atMs);
      const next = this.#waiting.shift();
      if (next === undefined) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.done();
    }
  }
}

const names = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${what}-${n}`);

describe('silent pods of one database leave the others unheard', () => {
  it('asks those that answer every few seconds, however many others are silent', async () => {
    const looks = new Looks((id) => (id.startsWith('silent') ? 2000 : 10));
    const lanes = new AskingLanes(() => looks.nowMs);
    const ids = [...names('silent', 600), ...names('well', 100)];
    await looks.until(lanes.round(ids, looks.look));
    await looks.until(lanes.round(ids, looks.look));
    const gaps: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const before = Math.min(...names('well', 100).map((id) => looks.lastMs.get(id) as number));
      await looks.until(lanes.round(ids, looks.look));
      gaps.push(looks.nowMs - before);
    }
    expect(Math.max(...gaps)).toBeLessThan(20_000);
  });

  it('comes to every silent one, too', async () => {
    const looks = new Looks(() => 2000);
    const lanes = new AskingLanes(() => looks.nowMs);
    const ids = names('silent', 300);
    for (let round = 0; round < 6; round += 1) await looks.until(lanes.round(ids, looks.look));
    expect(looks.lastMs.size).toBe(300);
    const since = looks.nowMs;
    for (let round = 0; round < 6; round += 1) await looks.until(lanes.round(ids, looks.look));
    expect([...looks.lastMs.values()].every((at) => at > since)).toBe(true);
  });

  it('does not take one that is slow every other time for prompt', async () => {
    let turn = 0;
    const looks = new Looks((id) => (id === 'sly' && turn % 2 === 0 ? 1900 : 10));
    const lanes = new AskingLanes(() => looks.nowMs);
    const took: number[] = [];
    // The lane of the slow is waited for: with 33 of them, one waits for another's end.
    const ids = ['sly', 'well'];
    for (turn = 0; turn < 4; turn += 1) {
      const from = looks.nowMs;
      await looks.until(lanes.round(ids, looks.look));
      took.push((looks.lastMs.get('well') as number) - from);
    }
    expect(took).toEqual([10, 10, 10, 10]);
  });

  it('rejects as looking does', async () => {
    const lanes = new AskingLanes(() => 0);
    await expect(lanes.round(['a'], () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  });
});
