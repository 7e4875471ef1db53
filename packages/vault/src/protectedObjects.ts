/**
 * Owns storing a segment's object under its retention and its holds, so that it is never there without them.
 * It refuses to know what the segment proves.
 */
import type { SegmentSuccess } from '@pgtape/evidence';
import type { PutAnswer, Store } from '@pgtape/store';
import { type Holds, isNoAccess } from './holds.ts';
import { type RetentionRules, retainUntil } from './retention.ts';
import type { SessionMemory } from './sessionFacts.ts';

export interface ProtectedPut extends PutAnswer {
  /** Until when the object is kept at least, ms since 1970; null: without retention. */
  readonly retainUntil: number | null;
}

export interface ProtectedObjectsOptions {
  readonly store: Store;
  /** null: none is configured. */
  readonly retention: RetentionRules | null;
  readonly holds: Holds;
  readonly memory: SessionMemory;
  /** Stands in the place of a recorder's id in the vault's own reels. */
  readonly vaultId: string;
  /** ms since 1970. */
  readonly wallMs: () => number;
}

export class ProtectedObjects {
  readonly #options: ProtectedObjectsOptions;

  constructor(options: ProtectedObjectsOptions) {
    this.#options = options;
  }

  /** As Store.putOnce; when it resolves, retention and holds stand too. Rejects with StoreError. */
  async put(segment: SegmentSuccess, key: string, bytes: Uint8Array): Promise<ProtectedPut> {
    const { store, holds, wallMs } = this.#options;
    let decision = await holds.decide(segment);
    try {
      const until = this.#until(segment, wallMs());
      const options = until === null ? {} : { retainUntil: until };
      const put = await store
        .putOnce(key, bytes, { ...options, ...(decision.isHeld && { hold: true }) })
        .catch(async (error: unknown) => {
          // A vault that may not hold must not lose evidence over it: stored first, and held as soon as it may.
          if (!decision.isHeld || !isNoAccess(error)) throw error;
          decision = { ...decision, isHeld: false };
          return await store.putOnce(key, bytes, options);
        });
      const kept = put.answer === 'stored' ? until : await this.#extended(segment, key, put.version, until);
      await holds.stored(segment, { key, version: put.version }, put.answer, decision);
      return { ...put, retainUntil: kept };
    } finally {
      decision.settle();
    }
  }

  /** null where nothing is configured or the store keeps nothing. */
  #until(segment: SegmentSuccess, receivedAtMs: number): number | null {
    const { store, retention, memory, vaultId } = this.#options;
    if (retention === null || !store.capabilities.retention) return null;
    return retainUntil(retention, {
      records: segment.records,
      isVaults: segment.header.recorder === vaultId,
      factsOf: (session) => memory.of(session),
      receivedAtMs,
      sealedAt: segment.seal.at,
    });
  }

  /**
   * Of an object that was there: kept as it is where its retention is what it would have been when it was
   * sealed, else extended. Sent again and again, a segment must not be kept longer and longer.
   */
  async #extended(
    segment: SegmentSuccess,
    key: string,
    version: string,
    until: number | null,
  ): Promise<number | null> {
    if (until === null) return null;
    const { store } = this.#options;
    const { retainUntil: now } = await store.protectionOf(key, version);
    const least = this.#until(segment, Number(BigInt(segment.seal.at) / 1_000_000n)) ?? until;
    if (now !== null && now >= Math.min(least, until)) return now;
    await store.extendRetention(key, version, until);
    return until;
  }
}
