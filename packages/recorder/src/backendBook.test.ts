import { BackendBook, knownStride } from './backendBook.ts';

describe('BackendBook', () => {
  let nowMs = 1000;
  const at = (ms: number): void => {
    nowMs = ms;
  };
  const rows = (book: BackendBook): number[][] => {
    const { known } = book.look();
    return Array.from({ length: known.length / knownStride }, (_, row) => [
      ...known.subarray(row * knownStride, (row + 1) * knownStride),
    ]);
  };

  it('knows a session while it lasts, and a minute longer', () => {
    const book = new BackendBook(() => nowMs);
    at(1000);
    book.connected(1, { localAddress: '::ffff:127.0.0.2', localPort: 4711 });
    at(1010);
    book.keyed(1, 77, 'shop', false);
    at(2000);
    expect(rows(book)).toEqual([[77, 1000, 1010, 0, 4711]]);
    expect(book.look()).toMatchObject({
      addresses: ['127.0.0.2'],
      loggedIn: { shop: 1 },
      recorded: 1,
      open: 1,
    });
    at(900_000);
    book.closed(1, false);
    at(959_000);
    expect(rows(book)).toHaveLength(1);
    at(961_000);
    expect(rows(book)).toEqual([]);
    expect(book.look()).toMatchObject({ loggedIn: { shop: 1 }, uncertain: 0 });
  });

  it('counts who may have been let in: not those whom the server turned away', () => {
    const book = new BackendBook(() => nowMs);
    for (const session of [1, 2, 3])
      book.connected(session, { localAddress: '127.0.0.1', localPort: session });
    book.unread(3);
    expect(book.look()).toMatchObject({ uncertain: 0, unread: 1 });
    book.closed(1, true);
    book.closed(2, false);
    book.closed(3, true);
    book.closed(4, false);
    expect(book.look()).toMatchObject({ uncertain: 2, unread: 0, recorded: 0 });
  });

  it('a walsender is recorded and not counted; one asked again counts once', () => {
    const book = new BackendBook(() => nowMs);
    book.connected(1);
    book.connected(1);
    book.keyed(1, 5, 'shop', true);
    book.keyed(1, 5, 'shop', true);
    expect(book.look()).toMatchObject({ loggedIn: {}, recorded: 1 });
    expect(book.openPids).toEqual([5]);
  });
});
