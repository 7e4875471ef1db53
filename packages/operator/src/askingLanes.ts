/**
 * Owns in which order recorders are asked, and how many at once: those that took long lately go by a lane of their own, so that
 * pods that are silent, or that dawdle on purpose, hold up nobody else's. It refuses to know what is asked.
 */

interface Lane {
  readonly atOnce: number;
  /** No more are asked in one round after so long. */
  readonly roundMs: number;
}

const lanes = {
  prompt: { atOnce: 16, roundMs: 60_000 },
  // Mostly waiting: they cost sockets.
  slow: { atOnce: 32, roundMs: 5000 },
} as const satisfies Record<string, Lane>;
type LaneName = keyof typeof lanes;

/** A look that took so long was slow: an answer of a healthy recorder takes milliseconds, a probe of it a few more. */
const slowFromMs = 1500;
/** One that was slow stays with the slow for so long, or it would be slow only every other time. */
const slowForMs = 5 * 60_000;

export class AskingLanes {
  readonly #now: () => number;
  /** Until when, by id. */
  readonly #slow = new Map<string, number>();
  /** Of the next round, in the order given. */
  readonly #from: Record<LaneName, number> = { prompt: 0, slow: 0 };

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Looks at each once, as far as time allows: the next round begins with those that this one did not come to. Rejects as `look`. */
  async round(ids: readonly string[], look: (id: string) => Promise<void>): Promise<void> {
    const there = new Set(ids);
    for (const id of this.#slow.keys()) if (!there.has(id)) this.#slow.delete(id);
    const now = this.#now();
    const isSlow = (id: string): boolean => (this.#slow.get(id) ?? Number.NEGATIVE_INFINITY) > now;
    await Promise.all([
      this.#lane(
        'prompt',
        ids.filter((id) => !isSlow(id)),
        look,
      ),
      this.#lane('slow', ids.filter(isSlow), look),
    ]);
  }

  async #lane(name: LaneName, ids: readonly string[], look: (id: string) => Promise<void>): Promise<void> {
    const { atOnce, roundMs } = lanes[name];
    const from = this.#from[name] % Math.max(1, ids.length);
    const waiting = [...ids.slice(from), ...ids.slice(0, from)];
    const endMs = this.#now() + roundMs;
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < waiting.length && this.#now() < endMs) {
        const id = waiting[next] as string;
        next += 1;
        await this.#timed(id, look);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, waiting.length) }, worker));
    this.#from[name] = from + next;
  }

  async #timed(id: string, look: (id: string) => Promise<void>): Promise<void> {
    const from = this.#now();
    await look(id);
    const now = this.#now();
    if (now - from >= slowFromMs) this.#slow.set(id, now + slowForMs);
  }
}
