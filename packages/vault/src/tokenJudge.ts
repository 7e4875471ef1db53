/**
 * Owns judging tokens once each: what was found is remembered for a minute, and, while the API server cannot be asked, as long as
 * the token lasts. Bounded, and apart for those that were refused: whoever makes tokens up pushes no good one out. The tokens
 * themselves are not kept. It refuses to know how one is judged.
 */
import { hash } from 'node:crypto';
import { BoundedMap } from './boundedMap.ts';
import { type PodIdentity, podText, type TokenVerdict } from './podIdentity.ts';
import type { ReviewBudget, ReviewOutcome } from './reviewBudget.ts';
import { claimsRefused, type PodName, readToken, refusal, type UnverifiedToken } from './tokenClaims.ts';

/** A pod that somebody asks after. */
export interface GonePod extends Omit<PodName, 'uid'> {
  readonly uid?: string;
}

export interface TokenJudgeSources {
  readonly audience: string;
  /** Of a token whose claims are in order. `api_unreachable` where that cannot be known now; never rejects. */
  readonly look: (token: string, unverified: UnverifiedToken) => Promise<TokenVerdict>;
  /** Whether there is no such pod any more, or another of its name where a uid is given; false where that cannot be known. */
  readonly isGone: (pod: GonePod) => Promise<boolean>;
  /** How often it may be asked; null: asking costs nobody else anything. */
  readonly budget: Pick<ReviewBudget, 'ask'> | null;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
}

interface Known {
  readonly verdict: TokenVerdict;
  readonly expiresMs: number;
  /** Until when it is not looked at again. */
  freshMs: number;
}

const FRESH_MS = 60_000;
/** A pod may just have been made, a key just have been published. */
const REFUSED_FRESH_MS = 5000;
const goodMax = 10_000;
const refusedMax = 1000;

export class TokenJudge {
  readonly #sources: TokenJudgeSources;
  /** By the token's SHA-256, the oldest first. */
  readonly #good = new BoundedMap<string, Known>(goodMax);
  readonly #refused = new BoundedMap<string, Known>(refusedMax);
  readonly #running = new Map<string, Promise<TokenVerdict>>();

  constructor(sources: TokenJudgeSources) {
    this.#sources = sources;
  }

  /** Never rejects. @param peer address of who shows it */
  async judge(token: string, peer: string): Promise<TokenVerdict> {
    const key = hash('sha256', token);
    const known = this.#good.get(key) ?? this.#refused.get(key);
    const now = this.#sources.nowMs();
    if (known !== undefined && now < known.freshMs && now < known.expiresMs) return known.verdict;
    const running = this.#running.get(key) ?? this.#judged(token, key, peer);
    this.#running.set(key, running);
    try {
      return await running;
    } finally {
      this.#running.delete(key);
    }
  }

  /** Whether the pod that enrolled a reel, `namespace/name`, left its evidence to `heir`, a pod of the same database. */
  async inherits(heir: PodIdentity, enrolled: string): Promise<boolean> {
    const [namespace = '', name = ''] = enrolled.split('/');
    if (podText(heir.pod) === enrolled) return true;
    return heir.pod.namespace === namespace && (await this.#sources.isGone({ namespace, name }));
  }

  /** As its source says. */
  async isGone(pod: GonePod): Promise<boolean> {
    return await this.#sources.isGone(pod);
  }

  async #judged(token: string, key: string, peer: string): Promise<TokenVerdict> {
    const { audience, nowMs } = this.#sources;
    const read = readToken(token);
    if (read === null) return refusal('token_invalid', 'it is no service-account token');
    const refused = claimsRefused(read.claims, audience, nowMs());
    if (refused !== null) return refused;
    const good = this.#good.get(key);
    const verdict = await this.#looked(token, read, good === undefined ? peer : null);
    const { expiresMs } = read.claims;
    if (outcomeOf(verdict) === 'unreachable') {
      const known = good ?? this.#refused.get(key);
      return known !== undefined && nowMs() < known.expiresMs ? known.verdict : verdict;
    }
    if ('refused' in verdict && verdict.reason === 'reviews_limited') return verdict;
    this.#good.delete(key);
    this.#refused.delete(key);
    const [known, freshMs] =
      'refused' in verdict ? [this.#refused, REFUSED_FRESH_MS] : [this.#good, FRESH_MS];
    known.set(key, { verdict, expiresMs, freshMs: nowMs() + freshMs });
    return verdict;
  }

  async #looked(token: string, read: UnverifiedToken, peer: string | null): Promise<TokenVerdict> {
    const { budget, look } = this.#sources;
    if (budget === null) return await look(token, read);
    const verdict = await budget.ask(peer, () => look(token, read), outcomeOf);
    return verdict ?? refusal('reviews_limited', 'too many tokens that nobody knows: come again');
  }
}

function outcomeOf(verdict: TokenVerdict): ReviewOutcome {
  if (!('refused' in verdict)) return 'good';
  return verdict.reason === 'api_unreachable' ? 'unreachable' : 'refused';
}
