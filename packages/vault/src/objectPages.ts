/** Owns listing an archive page by page under a grant. It refuses to know of HTTP. */
import type { ReadStore, StoredObject, StoredVersion } from '@pgtape/store';
import { covers } from './grantScope.ts';
import type { Grant, OpenListing } from './grants.ts';

type Entry = StoredObject | StoredVersion;

export interface Page {
  readonly objects: readonly Entry[];
  /** What to ask after for the next page; null: this was the last. */
  readonly next: string | null;
}

/**
 * What lies under `prefix` and is covered by the grant: keys after `after`, `limit` entries and, of `versions`, all further
 * ones of the last key. The place where a page ends is kept with the grant, so pages that are asked for in order read the
 * archive once. Rejects with StoreError.
 */
export async function pageOf(
  kind: OpenListing['kind'],
  store: ReadStore,
  grant: Grant,
  prefix: string,
  after: string,
  limit: number,
): Promise<Page> {
  const { rest, first } = begun(kind, store, grant, prefix, after);
  const objects: Entry[] = first === null ? [] : [first];
  for (;;) {
    const { done, value } = await rest.next();
    if (done === true) return { objects, next: null };
    if (value.key <= after || !covers(grant.scope, value.key)) continue;
    const last = objects.at(-1)?.key;
    if (objects.length >= limit && last !== undefined && value.key !== last) {
      grant.listing = { kind, prefix, after: last, first: value, rest };
      return { objects, next: last };
    }
    objects.push(value);
  }
}

/** The listing that goes on where the page before ended, else a new one. */
function begun(
  kind: OpenListing['kind'],
  store: ReadStore,
  grant: Grant,
  prefix: string,
  after: string,
): { rest: AsyncIterator<Entry>; first: Entry | null } {
  const kept = grant.listing;
  // Taken while it is read: another page asked for meanwhile begins a listing of its own.
  grant.listing = null;
  if (kept !== null && kept.kind === kind && kept.prefix === prefix && kept.after === after) return kept;
  const listing: AsyncIterable<Entry> = kind === 'objects' ? store.list(prefix) : store.listVersions(prefix);
  return { rest: listing[Symbol.asyncIterator](), first: null };
}
