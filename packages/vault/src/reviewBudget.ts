/**
 * Owns how often the API server is asked about tokens that nobody has vouched for yet: by each address, and by all together. What
 * turns out to be good costs nothing, so that only who makes tokens up is slowed down. It refuses to know what a token is.
 */

import { BoundedMap } from './boundedMap.ts';

/** A bucket: what may come at once, and what comes back each second. */
export interface ReviewRate {
  readonly burst: number;
  readonly perSecond: number;
}

export const reviewRates = {
  peer: { burst: 20, perSecond: 1 },
  /** The API server is everybody's. */
  all: { burst: 200, perSecond: 20 },
} as const satisfies Record<'peer' | 'all', ReviewRate>;

/** What came of asking; `limited`: nobody was asked. */
export type ReviewOutcome = 'good' | 'refused' | 'unreachable' | 'limited';

export interface ReviewBudgetSources {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly counted: (outcome: ReviewOutcome) => void;
  readonly rates?: typeof reviewRates | Readonly<Record<'peer' | 'all', ReviewRate>>;
}

interface Bucket {
  left: number;
  at: number;
}

/** Whose bucket is forgotten has a full one: beyond this the bound for all counts. */
const peersMax = 10_000;

export class ReviewBudget {
  readonly #sources: ReviewBudgetSources;
  readonly #rates: Readonly<Record<'peer' | 'all', ReviewRate>>;
  readonly #all: Bucket;
  /** By address, the one that asked longest ago first. */
  readonly #peers = new BoundedMap<string, Bucket>(peersMax);

  constructor(sources: ReviewBudgetSources) {
    this.#sources = sources;
    this.#rates = sources.rates ?? reviewRates;
    this.#all = { left: this.#rates.all.burst, at: sources.now() };
  }

  /**
   * @param peer address that shows the token; null: it was good before, and asking again is free
   * @returns null where nobody was asked. Rejects as `review`.
   */
  async ask<T>(
    peer: string | null,
    review: () => Promise<T>,
    outcomeOf: (answer: T) => ReviewOutcome,
  ): Promise<T | null> {
    const paid = peer === null ? [] : this.#pay(peer);
    if (paid === null) {
      this.#sources.counted('limited');
      return null;
    }
    let outcome: ReviewOutcome = 'unreachable';
    try {
      const answer = await review();
      outcome = outcomeOf(answer);
      return answer;
    } finally {
      this.#sources.counted(outcome);
      if (outcome === 'good')
        for (const [bucket, { burst }] of paid) bucket.left = Math.min(burst, bucket.left + 1);
    }
  }

  /** null: one of the two is empty, and nothing was taken. */
  #pay(peer: string): readonly (readonly [Bucket, ReviewRate])[] | null {
    const { peer: ofPeer, all } = this.#rates;
    const bucket = this.#peers.get(peer) ?? { left: ofPeer.burst, at: this.#sources.now() };
    this.#peers.set(peer, bucket);
    const both = [[bucket, ofPeer] as const, [this.#all, all] as const];
    for (const [one, rate] of both) this.#refill(one, rate);
    if (both.some(([{ left }]) => left < 1)) return null;
    for (const [one] of both) one.left -= 1;
    return both;
  }

  #refill(bucket: Bucket, { burst, perSecond }: ReviewRate): void {
    const now = this.#sources.now();
    bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
  }
}
