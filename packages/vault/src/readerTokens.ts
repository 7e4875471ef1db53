/**
 * Owns who a reader's token belongs to, as the API server says (TokenReview): asked once a minute for each token, and remembered by
 * its hash. It refuses to know what the user may.
 */
import { hash } from 'node:crypto';
import { KubeError, type TokenReview } from '@pgtape/kube';
import { BoundedMap } from './boundedMap.ts';
import { HttpRefusal } from './httpRefusal.ts';
import type { ReviewBudget } from './reviewBudget.ts';
import { readToken } from './tokenClaims.ts';

export interface KubernetesUser {
  /** `system:serviceaccount:NAMESPACE:NAME` of a service account. */
  readonly name: string;
  readonly groups: readonly string[];
}

export interface ReaderTokenSources {
  readonly audience: string;
  /** Rejects with KubeError. */
  readonly review: (token: string, audience: string) => Promise<TokenReview>;
  readonly budget: Pick<ReviewBudget, 'ask'>;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
}

interface Known {
  readonly user: KubernetesUser | null;
  readonly untilMs: number;
}

const FRESH_MS = 60_000;
const REFUSED_FRESH_MS = 5000;
const knownMax = 1000;
const comeAgainSeconds = 2;

export class ReaderTokens {
  readonly #sources: ReaderTokenSources;
  /** By the token's SHA-256, the oldest first. */
  readonly #users = new BoundedMap<string, Known>(knownMax);
  /** Nobody's; apart, so that whoever makes tokens up pushes no good one out. */
  readonly #nobodys = new BoundedMap<string, Known>(knownMax);

  constructor(sources: ReaderTokenSources) {
    this.#sources = sources;
  }

  /**
   * null: nobody's, or for somebody else. @throws HttpRefusal `api_unreachable`, `reviews_limited`
   * @param peer address of who shows it
   */
  async userOf(token: string, peer: string): Promise<KubernetesUser | null> {
    const { audience, budget, nowMs } = this.#sources;
    const key = hash('sha256', token);
    const known = this.#users.get(key) ?? this.#nobodys.get(key);
    if (known !== undefined && nowMs() < known.untilMs) return known.user;
    // Whoever guesses makes us ask nobody.
    const claims = readToken(token)?.claims;
    if (claims === undefined || !claims.audiences.includes(audience) || nowMs() >= claims.expiresMs)
      return null;
    const answer = await budget.ask(
      this.#users.has(key) ? null : peer,
      async () => ({ user: await this.#reviewed(token) }),
      ({ user }) => (user === null ? 'refused' : 'good'),
    );
    if (answer === null)
      throw new HttpRefusal(
        'reviews_limited',
        'too many tokens that nobody knows: come again',
        comeAgainSeconds,
      );
    this.#remember(key, answer.user, claims.expiresMs);
    return answer.user;
  }

  #remember(key: string, user: KubernetesUser | null, expiresMs: number): void {
    const untilMs = Math.min(
      expiresMs,
      this.#sources.nowMs() + (user === null ? REFUSED_FRESH_MS : FRESH_MS),
    );
    for (const known of [this.#users, this.#nobodys]) known.delete(key);
    (user === null ? this.#nobodys : this.#users).set(key, { user, untilMs });
  }

  async #reviewed(token: string): Promise<KubernetesUser | null> {
    const { audience, review } = this.#sources;
    try {
      const { authenticated, audiences, username, groups } = await review(token, audience);
      return authenticated && audiences.includes(audience) ? { name: username, groups } : null;
    } catch (error) {
      const why = error instanceof KubeError ? error.code : 'internal';
      throw new HttpRefusal(
        'api_unreachable',
        `the API server cannot say whose the token is (${why})`,
        comeAgainSeconds,
      );
    }
  }
}
