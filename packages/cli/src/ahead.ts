/** Does work ahead of the reader: a few items at once, the answers in their order. Knows nothing of the work. */

/**
 * `work` of each item, in the items' order, at most `width` under way or waiting to be taken. What fails, fails where its
 * answer would have come; a reader that ends early leaves at most `width` answers unread.
 */
export async function* ahead<T, R>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = [];
  for (const item of items) {
    const answer = work(item);
    // It is looked at later: until then nobody is to call its failure unhandled.
    answer.catch(() => undefined);
    waiting.push(answer);
    if (waiting.length >= width) yield await (waiting.shift() as Promise<R>);
  }
  while (waiting.length > 0) yield await (waiting.shift() as Promise<R>);
}
