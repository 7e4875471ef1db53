/**
 * Owns what contradicts the archive: kept where no reader of reels sees it, up to a bound, because anyone who
 * reaches the vault can send it. It refuses to judge.
 */
import { encodeText, type SegmentSuccess } from '@pgtape/evidence';
import type { Store } from '@pgtape/store';
import { Serial } from './serial.ts';

export interface Kept {
  readonly key: string;
  /** False: the quarantine is full and it was not kept. */
  readonly kept: boolean;
}

const prefix = 'quarantine/';

export class Quarantine {
  readonly #store: Store;
  readonly #bytesMax: number;
  readonly #serial = new Serial();
  /** Bytes of all objects in quarantine; null when they are to be counted. */
  #bytes: number | null = null;

  /** `bytesMax`: of the objects as stored. */
  constructor(store: Store, bytesMax: number) {
    this.#store = store;
    this.#bytesMax = bytesMax;
  }

  /** Durable when it resolves with `kept`; the same segment is kept once. Rejects with StoreError. */
  keep({ header, seal, sealDigest }: SegmentSuccess, text: Uint8Array): Promise<Kept> {
    const number = String(seal.segment).padStart(8, '0');
    const key = `${prefix}${header.reel}/${number}-${sealDigest.slice(0, 16)}.jsonl.zst`;
    // One at a time, or many that come at once would each find room.
    return this.#serial.run(prefix, () => this.#keep(key, text));
  }

  /** Reels of which something is kept. Rejects with StoreError. */
  async reels(): Promise<ReadonlySet<string>> {
    const reels = new Set<string>();
    for await (const { key } of this.#store.list(prefix))
      reels.add(key.slice(prefix.length).split('/')[0] ?? '');
    return reels;
  }

  async #keep(key: string, text: Uint8Array): Promise<Kept> {
    this.#bytes ??= await this.#counted();
    const object = encodeText(text);
    const isThere = await this.#store.has(key);
    if (!isThere && this.#bytes + object.length > this.#bytesMax) return { key, kept: false };
    const before = this.#bytes;
    // Should the put fail, what it left is counted anew.
    this.#bytes = null;
    await this.#store.putOnce(key, object);
    this.#bytes = before + (isThere ? 0 : object.length);
    return { key, kept: true };
  }

  async #counted(): Promise<number> {
    let sum = 0;
    for await (const { bytes } of this.#store.list(prefix)) sum += bytes;
    return sum;
  }
}
