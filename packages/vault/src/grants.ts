/**
 * Owns who may read what right now: a grant is given only when the record of it is durable, covers what its scope says,
 * serves only the caller it was given to, and ends. It refuses to know of HTTP requests and of objects.
 */
import type { StoredObject, StoredVersion } from '@pgtape/store';
import { assertMay, type Caller } from './callers.ts';
import {
  type Action,
  type GrantRequest,
  type GrantScope,
  permissionFor,
  scopeOf,
  whatOf,
} from './grantScope.ts';
import { HttpRefusal } from './httpRefusal.ts';

/** What is written about a reading. */
export interface AccessRecord {
  readonly who: string;
  readonly method: Caller['method'];
  readonly action: Action;
  readonly what: string;
  readonly why: string;
  readonly grant: string;
}

/** A listing that is read page by page, so that the next page need not begin at the first key again. */
export interface OpenListing {
  readonly kind: 'objects' | 'versions';
  readonly prefix: string;
  /** Where the page before ended. */
  readonly after: string;
  /** What was read beyond that page. */
  readonly first: StoredObject | StoredVersion;
  readonly rest: AsyncIterator<StoredObject | StoredVersion>;
}

export interface Grant {
  /** No secret: it serves only the caller it was given to. */
  readonly id: string;
  readonly who: string;
  readonly action: Action;
  readonly scope: GrantScope;
  /** Monotonic milliseconds. */
  readonly endsAt: number;
  listing: OpenListing | null;
}

export interface GrantBounds {
  readonly grantMs: number;
  /** Grants one caller holds at once. */
  readonly perCallerMax: number;
  readonly perMinute: number;
  readonly whyRequired: boolean;
}

export interface GrantSources {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** An id nobody has had. */
  readonly newId: () => string;
  /** Resolves when the record is durable. */
  readonly record: (access: AccessRecord) => Promise<void>;
}

const MINUTE_MS = 60_000;

/** One caller's grants, the oldest first, and how many more he may have now. */
interface Holder {
  readonly grants: Map<string, Grant>;
  allowance: number;
  countedAt: number;
}

export class Grants {
  readonly #bounds: GrantBounds;
  readonly #sources: GrantSources;
  readonly #holders = new Map<string, Holder>();

  constructor(bounds: GrantBounds, sources: GrantSources) {
    this.#bounds = bounds;
    this.#sources = sources;
  }

  /** Grants that have not ended. */
  get live(): number {
    let count = 0;
    for (const holder of this.#holders.values()) {
      this.#forgetEnded(holder);
      count += holder.grants.size;
    }
    return count;
  }

  /**
   * Records the reading, then grants it.
   * @throws HttpRefusal `not_allowed`, `why_required`, `bad_request`, `too_many_grants`, `access_not_recorded`
   */
  async open(caller: Caller, request: GrantRequest): Promise<Grant> {
    const { action, what, why } = request;
    assertMay(caller, permissionFor(action));
    if (this.#bounds.whyRequired && why.trim() === '') {
      throw new HttpRefusal('why_required', 'this vault asks for a reason: --why TEXT');
    }
    const scope = scopeOf(request);
    if (scope === null) {
      const message = 'play asks for a session; name a session or a reel, not both; a tail takes no reel';
      throw new HttpRefusal('bad_request', message);
    }
    const holder = this.#holder(caller.name);
    this.#count(holder);
    const id = this.#sources.newId();
    const { name: who, method } = caller;
    try {
      await this.#sources.record({ who, method, action, what: whatOf(scope, what), why, grant: id });
    } catch {
      // The cause is the vault's own affair and stands in its log; readers learn that nothing is shown.
      throw new HttpRefusal(
        'access_not_recorded',
        'this reading cannot be recorded now, so it is refused',
        5,
      );
    }
    const endsAt = this.#sources.now() + this.#bounds.grantMs;
    const grant: Grant = { id, who, action, scope, endsAt, listing: null };
    this.#forgetEnded(holder);
    const [oldest] = holder.grants.keys();
    if (holder.grants.size >= this.#bounds.perCallerMax && oldest !== undefined) holder.grants.delete(oldest);
    holder.grants.set(id, grant);
    return grant;
  }

  /** @throws HttpRefusal `grant_unknown`, `grant_expired` */
  find(caller: Caller, id: string | undefined): Grant {
    const grant = id === undefined ? undefined : this.#holders.get(caller.name)?.grants.get(id);
    if (grant === undefined) {
      const message = 'ask for a grant first (POST /v1/grants) and send its id as the header pgtape-grant';
      throw new HttpRefusal('grant_unknown', message);
    }
    if (this.#sources.now() >= grant.endsAt) {
      throw new HttpRefusal('grant_expired', 'the grant has ended; ask for another');
    }
    assertMay(caller, permissionFor(grant.action));
    return grant;
  }

  #holder(who: string): Holder {
    const known = this.#holders.get(who);
    if (known !== undefined) return known;
    const holder = { grants: new Map(), allowance: this.#bounds.perMinute, countedAt: this.#sources.now() };
    this.#holders.set(who, holder);
    return holder;
  }

  /** A bucket that holds a minute's worth and fills evenly. */
  #count(holder: Holder): void {
    const { perMinute } = this.#bounds;
    const now = this.#sources.now();
    const gained = ((now - holder.countedAt) * perMinute) / MINUTE_MS;
    holder.allowance = Math.min(perMinute, holder.allowance + gained);
    holder.countedAt = now;
    if (holder.allowance < 1) {
      const seconds = Math.ceil(((1 - holder.allowance) * 60) / perMinute);
      throw new HttpRefusal('too_many_grants', `more than ${perMinute} grants in a minute`, seconds);
    }
    holder.allowance -= 1;
  }

  #forgetEnded(holder: Holder): void {
    const now = this.#sources.now();
    // One grant more is kept than has ended: its holder is told that it ended, not that it never was.
    const ended = [...holder.grants.values()].filter(({ endsAt }) => now >= endsAt).slice(0, -1);
    for (const { id } of ended) holder.grants.delete(id);
  }
}
