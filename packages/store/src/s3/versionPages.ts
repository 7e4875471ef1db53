/**
 * Owns turning pages of a versions' listing into histories: per key, oldest first. Pure; it refuses to fetch.
 *
 * The server lists keys in byte order and per key newest first, but in two lists, objects and delete markers,
 * whose common order only their times tell, and those are cut to seconds on some servers. The order among
 * objects is the server's own, so which of them is the first never depends on a time.
 */
import type { StoredVersion } from '../store.ts';

/** One entry as listed, the key without the store's prefix. */
export type ListedVersion = StoredVersion;

/** A page's entries of both kinds, each list in the server's order. */
export interface VersionPage {
  readonly objects: readonly ListedVersion[];
  readonly markers: readonly ListedVersion[];
}

/** Everything of one key, oldest first. */
export interface KeyHistory {
  readonly key: string;
  readonly versions: readonly StoredVersion[];
}

/** Histories of the pages, complete ones only: a key's entries may go on over pages. */
export async function* histories(pages: AsyncIterable<VersionPage>): AsyncGenerator<KeyHistory> {
  let open: Entries | null = null;
  for await (const { objects, markers } of pages) {
    for (const part of byKey(objects, markers)) {
      if (open !== null && open.key !== part.key) yield closed(open);
      if (open === null || open.key !== part.key) open = part;
      else {
        open.objects.push(...part.objects);
        open.markers.push(...part.markers);
      }
    }
  }
  if (open !== null) yield closed(open);
}

interface Entries {
  readonly key: string;
  readonly objects: ListedVersion[];
  readonly markers: ListedVersion[];
}

/** A page's entries by key, in byte order. */
function byKey(objects: readonly ListedVersion[], markers: readonly ListedVersion[]): Entries[] {
  const found = new Map<string, Entries>();
  const of = (key: string): Entries => {
    const known = found.get(key) ?? { key, objects: [], markers: [] };
    found.set(key, known);
    return known;
  };
  for (const entry of objects) of(entry.key).objects.push(entry);
  for (const entry of markers) of(entry.key).markers.push(entry);
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function closed(open: Entries): KeyHistory {
  const newestFirst: StoredVersion[] = [];
  const [objects, markers] = [[...open.objects], [...open.markers]];
  for (;;) {
    const [object, marker] = [objects[0], markers[0]];
    if (object === undefined && marker === undefined) break;
    const next = isNewer(marker, object) ? markers.shift() : objects.shift();
    if (next !== undefined) newestFirst.push(next);
  }
  return { key: open.key, versions: newestFirst.reverse() };
}

/** Whether the marker stands before the object, newest first; at the same second the latest decides, else the marker. */
function isNewer(marker: ListedVersion | undefined, object: ListedVersion | undefined): boolean {
  if (marker === undefined || object === undefined) return object === undefined;
  if (marker.isLatest || object.isLatest) return marker.isLatest;
  return marker.at >= object.at;
}

/** The object: the oldest version that is one. Null: only delete markers are left. */
export function firstOf(history: KeyHistory): StoredVersion | null {
  return history.versions.find(({ kind }) => kind === 'object') ?? null;
}
