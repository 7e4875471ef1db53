/** Equal texts held once: a log of a million statements has a few thousand. */
export class Interned {
  readonly #texts = new Map<string, string>();

  text(value: string): string {
    const held = this.#texts.get(value);
    if (held !== undefined) return held;
    this.#texts.set(value, value);
    return value;
  }

  /** The same object, its own texts replaced by those held. */
  inside<T extends object>(value: T): T {
    for (const [key, field] of Object.entries(value)) {
      if (typeof field === 'string') (value as Record<string, unknown>)[key] = this.text(field);
    }
    return value;
  }
}
