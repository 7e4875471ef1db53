/**
 * Owns who a reader's token belongs to, as the API server says (TokenReview): asked once a minute for each token, and remembered by
 * its hash. It refuses to know what the user may.
 */
import { hash } from 'node:crypto';
import { KubeError, type TokenReview } from '@pgtape/kube';
import { HttpRefusal } from './httpRefusal.ts';
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

export class ReaderTokens {
  readonly #sources: ReaderTokenSources;
  readonly #known = new Map<string, Known>();

  constructor(sources: ReaderTokenSources) {
    this.#sources = sources;
  }

  /** null: nobody's, or for somebody else. @throws HttpRefusal `api_unreachable` */
  async userOf(token: string): Promise<KubernetesUser | null> {
    const { audience, nowMs } = this.#sources;
    const key = hash('sha256', token);
    const known = this.#known.get(key);
    if (known !== undefined && nowMs() < known.untilMs) return known.user;
    // Whoever guesses makes us ask nobody.
    const claims = readToken(token)?.claims;
    if (claims === undefined || !claims.audiences.includes(audience) || nowMs() >= claims.expiresMs)
      return null;
    const user = await this.#reviewed(token);
    const freshMs = user === null ? REFUSED_FRESH_MS : FRESH_MS;
    this.#known.delete(key);
    if (this.#known.size >= knownMax) this.#known.delete(this.#known.keys().next().value ?? '');
    this.#known.set(key, { user, untilMs: Math.min(claims.expiresMs, nowMs() + freshMs) });
    return user;
  }

  async #reviewed(token: string): Promise<KubernetesUser | null> {
    const { audience, review } = this.#sources;
    try {
      const { authenticated, audiences, username, groups } = await review(token, audience);
      return authenticated && audiences.includes(audience) ? { name: username, groups } : null;
    } catch (error) {
      const why = error instanceof KubeError ? error.code : 'internal';
      throw new HttpRefusal('api_unreachable', `the API server cannot say whose the token is (${why})`, 2);
    }
  }
}
