/**
 * Owns which recorder each archived reel is of, for the whole archive: a reel has one recorder for ever. It
 * refuses to know what is in the segments.
 */
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

  /** `list`: the reels of the archive; the first of a reel counts. */
  constructor(list: () => AsyncIterable<OwnedReel>) {
    this.#list = list;
  }

  /** Reads the archive once. Rejects as `list` does; then the next call tries again. */
  readonly load = once(() => this.#read());

  /** The reel's recorder; null when the archive has nothing of the reel. Rejects as `load`. */
  async ownerOf(reel: string): Promise<string | null> {
    await this.load();
    return this.#owners.get(keyOf(reel)) ?? null;
  }

  /** To be called before the reel's first segment is stored, after `ownerOf`; an owner stays. */
  claim({ reel, recorder }: OwnedReel): void {
    const key = keyOf(reel);
    if (this.#owners.has(key)) return;
    const known = this.#recorders.get(recorder);
    if (known === undefined) this.#recorders.set(recorder, recorder);
    this.#owners.set(key, known ?? recorder);
  }

  async #read(): Promise<void> {
    let last = '';
    for await (const { reel, recorder } of this.#list()) {
      if (reel !== last) this.claim({ reel, recorder });
      last = reel;
    }
  }
}

/** Half as long, and not a slice that keeps the object's whole key alive. */
function keyOf(reel: string): string {
  return Buffer.from(reel, 'hex').toString('latin1');
}
