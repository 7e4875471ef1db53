/**
 * Owns when something that happens again is a new Event and when it is one more of a series, and when there are too
 * many. Pure but for its own memory, which is bounded.
 */

/** What makes two happenings the same one. */
export interface Happening {
  readonly regardingUid: string;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, stable. */
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

export type SeriesDecision =
  | { readonly decision: 'new' }
  /** The `count`th of the event made as `name`. */
  | { readonly decision: 'again'; readonly name: string; readonly count: number }
  /** Too many about this object; counted, not sent. */
  | { readonly decision: 'dropped' };

export interface SeriesLimits {
  /** A series ends when nothing came for so long. */
  readonly quietMs: number;
  /** Events about one object at once; more come back one by one, each after `refillMs`. */
  readonly burst: number;
  readonly refillMs: number;
  /** A series is told to the server at most this often. */
  readonly updateMs: number;
  /** Series and objects remembered. */
  readonly kept: number;
}

/** client-go's figures, but for the updates, which it sends every half hour. */
const ordinarySeries: SeriesLimits = {
  quietMs: 6 * 60_000,
  burst: 25,
  refillMs: 5 * 60_000,
  updateMs: 10_000,
  kept: 4096,
};

interface Series {
  readonly name: string;
  count: number;
  lastMs: number;
  toldMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export class EventSeries {
  readonly #limits: SeriesLimits;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: SeriesLimits = ordinarySeries) {
    this.#limits = limits;
  }

  decide(happening: Happening, nowMs: number): SeriesDecision {
    const key = keyOf(happening);
    const series = this.#series.get(key);
    if (series !== undefined && nowMs - series.lastMs < this.#limits.quietMs) {
      series.count += 1;
      series.lastMs = nowMs;
      if (nowMs - series.toldMs < this.#limits.updateMs) return { decision: 'dropped' };
      series.toldMs = nowMs;
      return { decision: 'again', name: series.name, count: series.count };
    }
    return this.#takesToken(happening.regardingUid, nowMs) ? { decision: 'new' } : { decision: 'dropped' };
  }

  /** The new event was made under this name. */
  made(happening: Happening, name: string, nowMs: number): void {
    const key = keyOf(happening);
    this.#series.delete(key);
    this.#series.set(key, { name, count: 1, lastMs: nowMs, toldMs: nowMs });
    bound(this.#series, this.#limits.kept);
  }

  /** The event of this series is gone from the server: the next one is new. */
  gone(happening: Happening): void {
    this.#series.delete(keyOf(happening));
  }

  #takesToken(uid: string, nowMs: number): boolean {
    const { burst, refillMs, kept } = this.#limits;
    const before = this.#buckets.get(uid) ?? { tokens: burst, atMs: nowMs };
    const tokens = Math.min(burst, before.tokens + (nowMs - before.atMs) / refillMs);
    this.#buckets.delete(uid);
    this.#buckets.set(uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    bound(this.#buckets, kept);
    return tokens >= 1;
  }
}

function keyOf({ regardingUid, type, reason, action, note }: Happening): string {
  return JSON.stringify([regardingUid, type, reason, action, note]);
}

function bound(map: Map<string, unknown>, kept: number): void {
  for (const key of map.keys()) {
    if (map.size <= kept) return;
    map.delete(key);
  }
}
