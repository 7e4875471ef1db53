/**
 * Owns one queue per name: what is queued under one name runs one after the other, different names side by
 * side.
 */
export class Serial {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when everything queued before it under `name` has ended, well or badly. */
  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    const ended = mine.catch(() => undefined);
    this.#last.set(name, ended);
    void ended.then(() => {
      if (this.#last.get(name) === ended) this.#last.delete(name);
    });
    return mine;
  }

  /** Resolves when nothing is queued. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
