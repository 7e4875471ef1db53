/**
 * Owns the order in which a lock is tried, on objects that the probe puts itself; it refuses to touch any other.
 * What it put and could not delete again runs out by itself.
 */
import { isSame } from './bytes.ts';
import type { LockAttempts } from './lockAttempts.ts';
import { type Attempt, outcomeOf, type ProbeReport, type ProbeResult, type ProbeTest } from './lockProbe.ts';
import type { Lock, Store } from './store.ts';
import { StoreError } from './storeError.ts';

export interface ProbeSources {
  readonly store: Store;
  readonly attempts: LockAttempts;
  /** ms since 1970; as good as the store's clock within seconds. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Opaque, of [0-9a-f]: in the keys of this run. */
  readonly run: string;
  /** What is being tried now. */
  readonly tell?: (step: ProbeTest | 'waiting' | 'cleaning', leftMs?: number) => void;
}

const content = Uint8Array.from(Buffer.from('pgtape lock probe\n'));
const other = Uint8Array.from(Buffer.from('pgtape lock probe, overwritten\n'));

/** A server's clock, and its whole seconds, may be this far behind ours. */
const CLOCK_MS = 2000;

/**
 * What the vault tries at its start: an object under retention until `retainMs` from now, read back, deleted and
 * shortened. Rejects with StoreError where not even the object can be put.
 */
export async function probeAtStart(sources: ProbeSources, retainMs: number): Promise<ProbeReport> {
  const probe = new Probe(sources);
  const object = await probe.put('kept', retainMs);
  const results = [object.dropped, await probe.delete(object, false), await probe.shorten(object)];
  return { lock: object.lock, results };
}

/**
 * Everything, with credentials that may do everything, in a bucket that may be broken. `retainMs`: how long what it
 * puts is kept; it waits for that. Deletes what it put as far as it can.
 */
export async function probeFully(sources: ProbeSources, retainMs: number): Promise<ProbeReport> {
  const probe = new Probe(sources);
  // One object each: what one attempt breaks must not look like the next one's work.
  const first = await probe.put('delete', retainMs);
  const held = await probe.putHeld(retainMs);
  const results = [
    first.dropped,
    await probe.delete(first, false),
    await probe.delete(await probe.put('bypass', retainMs), true),
    await probe.shorten(await probe.put('shorten', retainMs)),
    await probe.changeMode(await probe.put('mode', retainMs)),
    await probe.overwrite(await probe.put('overwrite', retainMs)),
    await probe.suspend(),
    await probe.deleteHeld(held),
  ];
  await probe.clean();
  return { lock: first.lock, results };
}

interface Put {
  readonly key: string;
  readonly version: string;
  readonly lock: Lock;
  readonly until: number;
  readonly dropped: ProbeResult;
}

class Probe {
  readonly #sources: ProbeSources;
  readonly #left: { readonly key: string; readonly version: string }[] = [];
  #lastUntil = 0;

  constructor(sources: ProbeSources) {
    this.#sources = sources;
  }

  async put(name: string, retainMs: number, hold = false): Promise<Put> {
    const { store, run, now } = this.#sources;
    this.#tell('drop_retention');
    const key = `probe/${run}-${name}`;
    const until = Math.ceil((now() + retainMs) / 1000) * 1000;
    const { version } = await store.putOnce(key, content, { retainUntil: until, hold });
    this.#left.push({ key, version });
    this.#lastUntil = Math.max(this.#lastUntil, until);
    const { lock, retainUntil } = await store.protectionOf(key, version);
    const isKept = retainUntil !== null && retainUntil >= until;
    const detail = isKept
      ? `kept until ${new Date(retainUntil).toISOString()}`
      : `asked for ${new Date(until).toISOString()}, has ${retainUntil === null ? 'none' : new Date(retainUntil).toISOString()}`;
    const dropped: ProbeResult = {
      test: 'drop_retention',
      outcome: isKept ? 'refused_by_lock' : 'allowed',
      detail,
    };
    return { key, version, lock: isKept ? lock : 'none', until, dropped };
  }

  /** Null: the store has no holds. */
  async putHeld(retainMs: number): Promise<Put | null> {
    const { store } = this.#sources;
    return store.capabilities.hold ? await this.put('held', retainMs, true) : null;
  }

  async delete({ key, version }: Put, bypass: boolean): Promise<ProbeResult> {
    const { attempts } = this.#sources;
    const test = bypass ? 'bypass' : 'delete';
    this.#tell(test);
    const error = await errorOf(attempts.deleteVersion(key, version, bypass));
    const isPermitted = error === undefined ? null : await this.#mayDelete(bypass);
    return outcomeOf(test, { error, isBroken: await this.#isGone(key, version), isPermitted });
  }

  async shorten(object: Put): Promise<ProbeResult> {
    const { now } = this.#sources;
    this.#tell('shorten');
    const until = Math.ceil(now() / 1000) * 1000 + CLOCK_MS;
    if (until >= object.until) {
      return { test: 'shorten', outcome: 'unknown', detail: 'the retention is too short to be shortened' };
    }
    return outcomeOf(
      'shorten',
      await this.#weaken(object, { lock: this.#kindOf(object), until, bypass: false }),
    );
  }

  async changeMode(object: Put): Promise<ProbeResult> {
    this.#tell('change_mode');
    const lock = this.#kindOf(object) === 'strict' ? 'bypassable' : 'strict';
    if (lock === 'strict') {
      return { test: 'change_mode', outcome: 'unknown', detail: 'there is no weaker kind of retention' };
    }
    return outcomeOf('change_mode', await this.#weaken(object, { lock, until: object.until, bypass: true }));
  }

  async overwrite({ key, version }: Put): Promise<ProbeResult> {
    const { attempts } = this.#sources;
    this.#tell('overwrite');
    let error: unknown;
    try {
      this.#left.push({ key, version: await attempts.overwrite(key, other) });
    } catch (thrown) {
      error = thrown;
    }
    const isBroken = await this.#isGone(key, version);
    // Who may not write at all was refused by that; who wrote made a newer version, which is what a lock gives.
    const result = outcomeOf('overwrite', { error, isBroken, isPermitted: false });
    const isNewer = error === undefined && isBroken === false;
    return isNewer ? { ...result, detail: 'a newer version; the first is unchanged' } : result;
  }

  async suspend(): Promise<ProbeResult> {
    const { attempts } = this.#sources;
    this.#tell('suspend_versions');
    const before = await attempts.keepsVersions().catch(() => null);
    const error = await errorOf(attempts.setVersions(false));
    const after = await attempts.keepsVersions().catch(() => null);
    if (error === undefined && before === true) await attempts.setVersions(true).catch(() => undefined);
    return outcomeOf('suspend_versions', {
      error,
      isBroken: after === null ? null : !after,
      isPermitted: false,
    });
  }

  async deleteHeld(held: Put | null): Promise<ProbeResult> {
    const test = 'hold_after_expiry';
    if (held === null) return { test, outcome: 'allowed', detail: 'the store has no holds' };
    const { attempts, store } = this.#sources;
    await this.#waitUntil(this.#lastUntil + CLOCK_MS);
    this.#tell(test);
    const error = await errorOf(attempts.deleteVersion(held.key, held.version, false));
    const isBroken = await this.#isGone(held.key, held.version);
    await store.setHold(held.key, held.version, false).catch(() => undefined);
    // Its own control: without the hold the same must be permitted.
    const lifted =
      isBroken === false ? await errorOf(attempts.deleteVersion(held.key, held.version, false)) : undefined;
    return outcomeOf(test, { error, isBroken, isPermitted: lifted === undefined });
  }

  /** Deletes what has run out. What refuses stays, and runs out. */
  async clean(): Promise<void> {
    await this.#waitUntil(this.#lastUntil + CLOCK_MS);
    this.#tell('cleaning');
    for (const { key, version } of this.#left) {
      await errorOf(this.#sources.attempts.deleteVersion(key, version, false));
    }
  }

  #kindOf({ lock }: Put): Exclude<Lock, 'none'> {
    return lock === 'none' ? 'strict' : lock;
  }

  /** Tries a weaker retention, and as a control one that only extends. */
  async #weaken(
    object: Put,
    weaker: { readonly lock: Exclude<Lock, 'none'>; readonly until: number; readonly bypass: boolean },
  ): Promise<Attempt> {
    const { attempts, store } = this.#sources;
    const { key, version, lock } = object;
    const before = await store.protectionOf(key, version).catch(() => null);
    const error = await errorOf(attempts.setRetention(key, version, weaker));
    const after = await store.protectionOf(key, version).catch(() => null);
    const isBroken =
      before === null || after === null
        ? null
        : (after.retainUntil ?? 0) < (before.retainUntil ?? 0) ||
          after.lock !== before.lock ||
          lock === 'none';
    if (error === undefined) return { error, isBroken, isPermitted: null };
    const until = (before?.retainUntil ?? object.until) + 1000;
    const extended = await errorOf(
      attempts.setRetention(key, version, { lock: this.#kindOf(object), until, bypass: false }),
    );
    if (extended === undefined) this.#lastUntil = Math.max(this.#lastUntil, until);
    return { error, isBroken, isPermitted: extended === undefined };
  }

  /** Whether these credentials may delete a version that nothing protects. Null: no such object can be made. */
  async #mayDelete(bypass: boolean): Promise<boolean | null> {
    const { store, attempts, run } = this.#sources;
    const key = `probe/${run}-${bypass ? 'free-bypass' : 'free'}`;
    try {
      const { version } = await store.putOnce(key, content);
      const { retainUntil, hold } = await store.protectionOf(key, version);
      const error = await errorOf(attempts.deleteVersion(key, version, bypass));
      if (error === undefined) return true;
      this.#left.push({ key, version });
      // A bucket's default retention protects it too: then a refusal tells nothing.
      return retainUntil === null && !hold ? false : null;
    } catch {
      return null;
    }
  }

  async #isGone(key: string, version: string): Promise<boolean | null> {
    try {
      return !isSame(await this.#sources.store.get(key, version), content);
    } catch (error) {
      return error instanceof StoreError && error.code === 'STORE_NOT_FOUND' ? true : null;
    }
  }

  async #waitUntil(moment: number): Promise<void> {
    const { now, sleep } = this.#sources;
    for (let left = moment - now(); left > 0; left = moment - now()) {
      this.#sources.tell?.('waiting', left);
      await sleep(Math.min(left, 1000));
    }
  }

  #tell(step: ProbeTest | 'cleaning'): void {
    this.#sources.tell?.(step);
  }
}

async function errorOf(run: Promise<unknown>): Promise<unknown> {
  try {
    await run;
    return undefined;
  } catch (error) {
    return error;
  }
}
