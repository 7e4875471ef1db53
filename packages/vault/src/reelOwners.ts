/**
 * Owns which recorder each archived reel is of, for the whole archive: a reel has one recorder for ever. It
 * refuses to know what is in the segments.
 */
import { compactReel } from './compactReel.ts';
import { once } from './once.ts';

export interface OwnedReel {
  /** 32 hex digits. */
  readonly reel: string;
  readonly recorder: string;
}

/** About 100 bytes of memory for each reel ever archived. */
export class ReelOwners {
  readonly #list: () => AsyncIterable<OwnedReel>;
  readonly #owners = new Map<string, string>();
  /** One string for all reels of a recorder. */
  readonly #recorders = new Map<string, string>();
  /** A listing was learned to its end. */
  #isWhole = false;

  /** `list`: the reels of the archive; the first of a reel counts. */
  constructor(list: () => AsyncIterable<OwnedReel>) {
    this.#list = list;
  }

  /** Reads the archive once, unless somebody's listing was learned. Rejects as `list` does; then the next call tries again. */
  readonly load = once(async () => {
    const listed = this.learn(this.#list());
    while (!this.#isWhole) await listed.next();
  });

  /** What comes of a listing of the whole archive, learned as it passes. */
  async *learn<T extends OwnedReel>(listed: AsyncIterable<T>): AsyncGenerator<T> {
    let last = '';
    for await (const owned of listed) {
      if (owned.reel !== last) this.claim(owned);
      last = owned.reel;
      yield owned;
    }
    this.#isWhole = true;
  }

  /** The reel's recorder; null when the archive has nothing of the reel. Rejects as `load`. */
  async ownerOf(reel: string): Promise<string | null> {
    await this.load();
    return this.#owners.get(compactReel(reel)) ?? null;
  }

  /** To be called before the reel's first segment is stored, after `ownerOf`; an owner stays. */
  claim({ reel, recorder }: OwnedReel): void {
    const key = compactReel(reel);
    if (this.#owners.has(key)) return;
    const known = this.#recorders.get(recorder);
    if (known === undefined) this.#recorders.set(recorder, recorder);
    this.#owners.set(key, known ?? recorder);
  }
}
