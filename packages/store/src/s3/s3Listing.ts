/** Owns listing a bucket's versions below the store's prefix; it refuses to judge what it finds. */
import { ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import type { StoredVersion } from '../store.ts';
import { request } from './s3Client.ts';
import { firstOf, histories, type KeyHistory, type VersionPage } from './versionPages.ts';

/** Where a store lies in a bucket. */
export interface Place {
  readonly client: S3Client;
  readonly bucket: string;
  /** '' or ending with '/'. */
  readonly prefix: string;
}

/** Versions in a bucket that never had them are called `null`; ours are ''. */
export const versionName = (version: string | undefined): string =>
  version === undefined || version === 'null' ? '' : version;

interface Page extends VersionPage {
  readonly nextKey: string | undefined;
  readonly nextVersion: string | undefined;
}

async function page(place: Place, prefix: string, after: Page | null, keysMax: number): Promise<Page> {
  const answer = await request(`listing ${place.prefix}${prefix}*`, () =>
    place.client.send(
      new ListObjectVersionsCommand({
        Bucket: place.bucket,
        Prefix: `${place.prefix}${prefix}`,
        MaxKeys: keysMax,
        KeyMarker: after?.nextKey,
        VersionIdMarker: after?.nextVersion,
      }),
    ),
  );
  const entry =
    (kind: StoredVersion['kind']) =>
    (listed: ListedEntry): StoredVersion => ({
      key: (listed.Key ?? '').slice(place.prefix.length),
      version: versionName(listed.VersionId),
      bytes: listed.Size ?? 0,
      at: listed.LastModified?.getTime() ?? 0,
      kind,
      isLatest: listed.IsLatest ?? false,
    });
  return {
    objects: (answer.Versions ?? []).map(entry('object')),
    markers: (answer.DeleteMarkers ?? []).map(entry('delete_marker')),
    nextKey: answer.IsTruncated ? answer.NextKeyMarker : undefined,
    nextVersion: answer.IsTruncated ? answer.NextVersionIdMarker : undefined,
  };
}

interface ListedEntry {
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly Size?: number | undefined;
  readonly LastModified?: Date | undefined;
  readonly IsLatest?: boolean | undefined;
}

async function* pages(place: Place, prefix: string, keysMax: number): AsyncGenerator<VersionPage> {
  let last: Page | null = null;
  do {
    last = await page(place, prefix, last, keysMax);
    yield last;
  } while (last.nextKey !== undefined);
}

/** Every key below `prefix` with all its versions, in byte order of the keys. */
export function historiesBelow(place: Place, prefix: string): AsyncGenerator<KeyHistory> {
  return histories(pages(place, prefix, 1000));
}

/** Null when nothing was ever there, or nothing is left. */
export async function historyOf(place: Place, key: string): Promise<KeyHistory | null> {
  // The key itself is the first that starts with it; a page of this size has all of a history that nobody tampered with.
  for await (const history of histories(pages(place, key, 20))) return history.key === key ? history : null;
  return null;
}

/** The object under `key`: its first version. Null when there is none. */
export async function firstVersion(place: Place, key: string): Promise<StoredVersion | null> {
  const history = await historyOf(place, key);
  return history === null ? null : firstOf(history);
}
