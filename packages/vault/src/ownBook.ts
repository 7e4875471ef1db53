/**
 * Owns reading the book of holds out of the vault's own reels, in the order it was written. It refuses to act on
 * it.
 */
import { holdKinds, type ObjectVersion, type ParsedRecord } from '@pgtape/evidence';
import type { Store } from '@pgtape/store';
import { type HoldIndexData, type HoldIndexFile, holdIndexText, parseHoldIndex } from './holdIndex.ts';
import { inOrder } from './inOrder.ts';
import { reelsUnder, type ScannedReel, type SegmentObject, segmentIn } from './reelScan.ts';

export interface OwnBookSources {
  readonly store: Store;
  /** Ids under which the vault has reels of its own. */
  readonly ownIds: readonly string[];
  /** Where the archive lies, as configured. */
  readonly archive: string;
  readonly index: HoldIndexFile;
  readonly unreadable: (key: string) => void;
}

/** Objects read at once. */
const atOnce = 16;

/** Rejects with StoreError. An index that cannot be read or written only costs time. */
export async function readOwnBook(
  { store, ownIds, archive, index, unreadable }: OwnBookSources,
  apply: (record: ParsedRecord, object: ObjectVersion) => void,
): Promise<void> {
  const reels: ScannedReel[] = [];
  for (const id of ownIds) for await (const reel of reelsUnder(store, `reel/${id}/`)) reels.push(reel);
  // Ids of the vault's reels begin with the time they began.
  reels.sort((a, b) => (a.reel < b.reel ? -1 : 1));
  const known = parseHoldIndex(await index.read().catch(() => null), archive);
  const wanted = reels.flatMap((reel) => notKnown(reel, known));
  const books: string[] = [];
  const read = inOrder(wanted, atOnce, async (object) => ({
    object,
    segment: await segmentIn(store, object),
  }));
  for await (const { object, segment } of read) {
    const records = segment?.records;
    if (records === undefined) unreadable(object.key);
    if (records?.some(({ kind }) => holdKinds.has(kind)) ?? true) books.push(object.key);
    for (const record of records ?? []) apply(record, object);
  }
  const upTo = Object.fromEntries(reels.map((reel) => [nameOf(reel), reel.objects.at(-1)?.segment ?? 1]));
  await index.write(holdIndexText({ v: 1, archive, read: upTo, books })).catch(() => undefined);
}

function notKnown(reel: ScannedReel, known: HoldIndexData | null): readonly SegmentObject[] {
  const upTo = known?.read[nameOf(reel)] ?? 0;
  const books = new Set(known?.books);
  return reel.objects.filter(({ key, segment }) => segment > upTo || books.has(key));
}

const nameOf = ({ recorder, reel }: ScannedReel): string => `${recorder}/${reel}`;
