/**
 * Owns replacing the one object that changes, by conditional writes: each swap is a new version, and the latest
 * one that is an object is what is there. A delete marker on top of it is looked through.
 */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { isSame } from '../bytes.ts';
import { StoreError } from '../storeError.ts';
import { request } from './s3Client.ts';
import { historyOf, type Place } from './s3Listing.ts';

interface Latest {
  readonly bytes: Uint8Array;
  readonly etag: string;
  /** A delete marker stands on top of it: for a conditional write nothing is there. */
  readonly isHidden: boolean;
}

/** Null when there is none. */
export async function latestOf(place: Place, key: string): Promise<Latest | null> {
  try {
    return { ...(await read(place, key)), isHidden: false };
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'STORE_NOT_FOUND')) throw error;
  }
  const history = await historyOf(place, key);
  const version = history?.versions.findLast(({ kind }) => kind === 'object')?.version;
  return version === undefined ? null : { ...(await read(place, key, version)), isHidden: true };
}

async function read(place: Place, key: string, version?: string): Promise<Omit<Latest, 'isHidden'>> {
  return await request(`get of ${key}`, async () => {
    const answer = await place.client.send(
      new GetObjectCommand({
        Bucket: place.bucket,
        Key: `${place.prefix}${key}`,
        ...(version === undefined || version === '' ? {} : { VersionId: version }),
        ChecksumMode: 'ENABLED',
      }),
    );
    const bytes = await answer.Body?.transformToByteArray();
    if (bytes === undefined || answer.ETag === undefined)
      throw new StoreError('STORE_IO', `get of ${key} had no body`);
    return { bytes, etag: answer.ETag };
  });
}

/** See Store.swap. */
export async function swap(
  place: Place,
  key: string,
  bytes: Uint8Array,
  expected: Uint8Array | null,
): Promise<boolean> {
  const current = await latestOf(place, key);
  const isHidden = current?.isHidden === true;
  if (current !== null && !isHidden && isSame(current.bytes, bytes)) return true;
  if (!isSame(current?.bytes ?? null, expected) && !(isHidden && isSame(current.bytes, bytes))) return false;
  const condition = current === null || isHidden ? { IfNoneMatch: '*' } : { IfMatch: current.etag };
  try {
    await request(`swap of ${key}`, () =>
      place.client.send(
        new PutObjectCommand({
          Bucket: place.bucket,
          Key: `${place.prefix}${key}`,
          Body: bytes,
          ChecksumAlgorithm: 'SHA256',
          ...condition,
        }),
      ),
    );
    return true;
  } catch (error) {
    if (!(error instanceof StoreError && isRefusedCondition(error))) throw error;
  }
  // Another writer was faster, or an answer of ours was lost and the SDK made the request again.
  return isSame((await latestOf(place, key))?.bytes ?? null, bytes);
}

/** If-Match on a key that someone deleted meanwhile is answered with 404. */
function isRefusedCondition(error: StoreError): boolean {
  return error.errno === 'PreconditionFailed' || error.code === 'STORE_NOT_FOUND';
}
