/** Owns what a bucket says of itself: versions, lock, default retention. What may not be asked is `unknown`, never `off`. */
import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand } from '@aws-sdk/client-s3';
import { StoreError } from '../storeError.ts';
import { request } from './s3Client.ts';
import { wordOf } from './s3Errors.ts';
import type { Place } from './s3Listing.ts';

type Switch = 'on' | 'off' | 'unknown';

export interface BucketProtection {
  readonly versioning: Switch;
  readonly lock: Switch;
  /** What an object gets that is put without a retention; null: nothing, or unknown. */
  readonly defaultRetention: { readonly lock: 'strict' | 'bypassable'; readonly days: number } | null;
}

const daysOfYear = 365;

export async function bucketProtection(place: Place): Promise<BucketProtection> {
  const [versioning, lock] = await Promise.all([versioningOf(place), lockOf(place)]);
  return { versioning, ...lock };
}

async function versioningOf(place: Place): Promise<Switch> {
  const answer = await orRefused(`versioning of bucket ${place.bucket}`, () =>
    place.client.send(new GetBucketVersioningCommand({ Bucket: place.bucket })),
  );
  if (answer === 'refused') return 'unknown';
  return answer.Status === 'Enabled' ? 'on' : 'off';
}

const unlocked = { lock: 'off', defaultRetention: null } as const;

async function lockOf(place: Place): Promise<Pick<BucketProtection, 'lock' | 'defaultRetention'>> {
  const answer = await orRefused(`lock of bucket ${place.bucket}`, async () => {
    try {
      return await place.client.send(new GetObjectLockConfigurationCommand({ Bucket: place.bucket }));
    } catch (error) {
      if (wordOf(error) === 'ObjectLockConfigurationNotFoundError') return null;
      throw error;
    }
  });
  if (answer === 'refused') return { lock: 'unknown', defaultRetention: null };
  const configuration = answer?.ObjectLockConfiguration;
  if (configuration?.ObjectLockEnabled !== 'Enabled') return unlocked;
  const rule = configuration.Rule?.DefaultRetention;
  if (rule?.Mode === undefined) return { lock: 'on', defaultRetention: null };
  const days = rule.Days ?? (rule.Years ?? 0) * daysOfYear;
  return {
    lock: 'on',
    defaultRetention: { lock: rule.Mode === 'COMPLIANCE' ? 'strict' : 'bypassable', days },
  };
}

/** A caller who may not ask, or a server that cannot tell. */
async function orRefused<T>(what: string, run: () => Promise<T>): Promise<T | 'refused'> {
  try {
    return await request(what, run);
  } catch (error) {
    const refused = ['STORE_ACCESS', 'STORE_UNSUPPORTED'];
    if (error instanceof StoreError && refused.includes(error.code)) return 'refused';
    throw error;
  }
}
