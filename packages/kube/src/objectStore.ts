/** Owns the objects a reflector knows, and what a list or an event changes in them. Pure but for its own memory. */
import { isNewer, type KubeObject, keyOf } from './kubeObject.ts';

export type Change =
  | { readonly type: 'added'; readonly key: string; readonly object: KubeObject }
  | {
      readonly type: 'changed';
      readonly key: string;
      readonly object: KubeObject;
      readonly before: KubeObject;
    }
  | { readonly type: 'deleted'; readonly key: string; readonly object: KubeObject };

export class ObjectStore {
  readonly #objects = new Map<string, KubeObject>();

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  /** null: that version is known already. */
  put(object: KubeObject): Change | null {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before !== undefined && isSame(before, object)) return null;
    this.#objects.set(key, object);
    if (before === undefined) return { type: 'added', key, object };
    return { type: 'changed', key, object, before };
  }

  /** `object` as it was last; null: it was not known. */
  remove(object: KubeObject): Change | null {
    const key = keyOf(object);
    return this.#objects.delete(key) ? { type: 'deleted', key, object } : null;
  }

  /**
   * Makes the store what a list says, and tells the changes: deletions first, so that one made anew under its name
   * is not taken for a change of the old one.
   */
  replace(items: readonly KubeObject[]): Change[] {
    const listed = new Map(items.map((item) => [keyOf(item), item]));
    const changes: Change[] = [];
    for (const [key, known] of this.#objects) {
      const now = listed.get(key);
      if (now !== undefined && now.metadata.uid === known.metadata.uid) continue;
      this.#objects.delete(key);
      changes.push({ type: 'deleted', key, object: known });
    }
    for (const item of items) {
      const change = this.put(item);
      if (change !== null) changes.push(change);
    }
    return changes;
  }
}

function isSame(a: KubeObject, b: KubeObject): boolean {
  return (
    a.metadata.uid === b.metadata.uid &&
    a.metadata.resourceVersion !== undefined &&
    a.metadata.resourceVersion === b.metadata.resourceVersion
  );
}

/**
 * Of changes that a list showed, those which a watch up to `seen` should have told: a list that finds any means that
 * events were lost on the way.
 */
export function missedBy(changes: readonly Change[], seen: string): number {
  return changes.filter(({ type, object }) => {
    const version = object.metadata.resourceVersion;
    // When a deleted object went cannot be known from a list.
    return type !== 'deleted' && version !== undefined && !isNewer(version, seen);
  }).length;
}
