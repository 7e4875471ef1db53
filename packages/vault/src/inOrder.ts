/** Owns doing many things a few at once, such as reading objects of a store that answers in tens of milliseconds. */

/** What `work` makes of each item, in the items' order, `atOnce` at a time. Rejects as the items and `work` do. */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  atOnce: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  let some: T[] = [];
  for await (const item of items) {
    some.push(item);
    if (some.length < atOnce) continue;
    yield* await Promise.all(some.map(work));
    some = [];
  }
  yield* await Promise.all(some.map(work));
}
