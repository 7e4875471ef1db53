/** Owns how many bytes of objects are on their way to readers at once. It refuses to wait: who finds no room comes again. */

/** What an object counts as until it is read and its size is known: a segment is seldom larger. */
export const UNREAD_BYTES = 256 * 1024;

export interface Share {
  /** The size is known now. */
  is(bytes: number): void;
  /** May be called more than once. */
  end(): void;
}

export class ReadBudget {
  readonly #bytesMax: number;
  readonly #byReader = new Map<string, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Null where there is no room: the whole is for all readers, and none has more than half of it. One object at a time
   * always has room, however large.
   */
  take(reader: string): Share | null {
    const mine = this.#byReader.get(reader) ?? 0;
    const fits =
      this.#bytes + UNREAD_BYTES <= this.#bytesMax && mine + UNREAD_BYTES <= Math.ceil(this.#bytesMax / 2);
    if (!fits && this.#bytes > 0) return null;
    let held = 0;
    let ended = false;
    const hold = (bytes: number): void => {
      if (ended) return;
      const change = bytes - held;
      held = bytes;
      this.#bytes += change;
      const left = (this.#byReader.get(reader) ?? 0) + change;
      if (left > 0) this.#byReader.set(reader, left);
      else this.#byReader.delete(reader);
    };
    hold(UNREAD_BYTES);
    return {
      is: hold,
      end: () => {
        hold(0);
        ended = true;
      },
    };
  }
}
