/** A map of bounded size: beyond it the entry that was written longest ago is forgotten. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number;

  /** @param max entries, at least one */
  constructor(max: number) {
    super();
    this.#max = max;
  }

  /** An entry that is written again counts as new. */
  override set(key: K, value: V): this {
    this.delete(key);
    const oldest = this.size < this.#max ? undefined : this.keys().next();
    if (oldest?.done === false) this.delete(oldest.value);
    return super.set(key, value);
  }
}
