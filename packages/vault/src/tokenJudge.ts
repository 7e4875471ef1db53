/**
 * Owns judging tokens once each: what was found is remembered for a minute, and, while the API server cannot be asked, as long as
 * the token lasts. Bounded; the tokens themselves are not kept. It refuses to know how one is judged.
 */
import { hash } from 'node:crypto';
import { type PodIdentity, podText, type TokenVerdict } from './podIdentity.ts';
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
const knownMax = 10_000;

export class TokenJudge {
  readonly #sources: TokenJudgeSources;
  /** By the token's SHA-256, the oldest first. */
  readonly #known = new Map<string, Known>();
  readonly #running = new Map<string, Promise<TokenVerdict>>();

  constructor(sources: TokenJudgeSources) {
    this.#sources = sources;
  }

  /** Never rejects. */
  async judge(token: string): Promise<TokenVerdict> {
    const key = hash('sha256', token);
    const known = this.#known.get(key);
    const now = this.#sources.nowMs();
    if (known !== undefined && now < known.freshMs && now < known.expiresMs) return known.verdict;
    const running = this.#running.get(key) ?? this.#judged(token, key, known);
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

  async #judged(token: string, key: string, known: Known | undefined): Promise<TokenVerdict> {
    const { audience, look, nowMs } = this.#sources;
    const read = readToken(token);
    if (read === null) return refusal('token_invalid', 'it is no service-account token');
    const refused = claimsRefused(read.claims, audience, nowMs());
    if (refused !== null) return refused;
    const verdict = await look(token, read);
    const isUnknown = 'refused' in verdict && verdict.reason === 'api_unreachable';
    if (isUnknown) return known !== undefined && nowMs() < known.expiresMs ? known.verdict : verdict;
    const freshMs = nowMs() + ('refused' in verdict ? REFUSED_FRESH_MS : FRESH_MS);
    this.#known.delete(key);
    if (this.#known.size >= knownMax) this.#known.delete(this.#known.keys().next().value ?? '');
    this.#known.set(key, { verdict, expiresMs: read.claims.expiresMs, freshMs });
    return verdict;
  }
}
