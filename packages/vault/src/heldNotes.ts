/**
 * Owns writing down which objects were frozen: gathered into few `held` records. It refuses to know why they
 * were.
 */
import type { AppendOwn } from './vaultReel.ts';

/** An object of a `held` record. */
export interface HeldObject {
  readonly key: string;
  readonly version: string;
  /** Sessions in it that the hold is not about. */
  readonly sessions: string[];
}

export interface HeldNotesOptions {
  readonly append: AppendOwn;
  /** How long an object may wait for others. */
  readonly windowMs: number;
  /** Runs once after that long; the answer calls it off. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** A record was not stored; it is tried again. */
  readonly failed: (error: Error) => void;
}

/** Below the units that a line of `held` has room for. */
const unitsMax = 200_000;
const objectsMax = 500;

export class HeldNotes {
  readonly #options: HeldNotesOptions;
  readonly #waiting = new Map<string, HeldObject[]>();
  #cancel: (() => void) | null = null;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: HeldNotesOptions) {
    this.#options = options;
  }

  add(hold: string, object: HeldObject): void {
    const waiting = this.#waiting.get(hold) ?? [];
    this.#waiting.set(hold, waiting);
    waiting.push(object);
    this.#flushLater();
  }

  #flushLater(): void {
    const { after, windowMs, failed } = this.#options;
    this.#cancel ??= after(windowMs, () => {
      this.flush().catch((error: Error) => {
        failed(error);
        this.#flushLater();
      });
    });
  }

  get waiting(): number {
    let sum = 0;
    for (const objects of this.#waiting.values()) sum += objects.length;
    return sum;
  }

  /** Resolves when everything added before is stored. Rejects with what `append` rejects; nothing is lost then. */
  flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    const flushed = this.#flushing.then(() => this.#write());
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  async #write(): Promise<void> {
    for (const [hold, objects] of [...this.#waiting]) {
      while (objects.length > 0) {
        const batch = batchOf(objects);
        // Told of what has been done: there is no use in giving up.
        await this.#options.append({ kind: 'held', hold, objects: batch }, Number.POSITIVE_INFINITY);
        objects.splice(0, batch.length);
      }
      if (this.#waiting.get(hold) === objects) this.#waiting.delete(hold);
    }
  }
}

function batchOf(objects: readonly HeldObject[]): HeldObject[] {
  let units = 0;
  const end = objects.slice(0, objectsMax).findIndex((object, index) => {
    units += JSON.stringify(object).length;
    return index > 0 && units > unitsMax;
  });
  return objects.slice(0, end === -1 ? objectsMax : end);
}
