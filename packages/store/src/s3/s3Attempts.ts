/** Owns how a bucket is asked to give up what it locks. Only a probe asks, and only for objects of its own. */
import {
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import type { LockAttempts } from '../lockAttempts.ts';
import { bucketProtection } from './s3Bucket.ts';
import { request } from './s3Client.ts';
import { type Place, versionName } from './s3Listing.ts';
import { modes, wholeSeconds } from './s3Retention.ts';

export function s3Attempts(place: Place): LockAttempts {
  const { client, bucket } = place;
  const target = (key: string, version: string) => ({
    Bucket: bucket,
    Key: `${place.prefix}${key}`,
    ...(version === '' ? {} : { VersionId: version }),
  });
  const bypassing = (bypass: boolean) => (bypass ? { BypassGovernanceRetention: true } : {});
  return {
    async deleteVersion(key, version, bypass) {
      const command = new DeleteObjectCommand({ ...target(key, version), ...bypassing(bypass) });
      await request(`delete of ${key}`, () => client.send(command));
    },
    async setRetention(key, version, { lock, until, bypass }) {
      const command = new PutObjectRetentionCommand({
        ...target(key, version),
        Retention: { Mode: modes[lock], RetainUntilDate: wholeSeconds(until) },
        ...bypassing(bypass),
      });
      await request(`retention of ${key}`, () => client.send(command));
    },
    async overwrite(key, bytes) {
      const command = new PutObjectCommand({ ...target(key, ''), Body: bytes, ChecksumAlgorithm: 'SHA256' });
      return versionName((await request(`put of ${key}`, () => client.send(command))).VersionId);
    },
    async keepsVersions() {
      const { versioning } = await bucketProtection(place);
      return versioning === 'unknown' ? null : versioning === 'on';
    },
    async setVersions(on) {
      const VersioningConfiguration = { Status: on ? ('Enabled' as const) : ('Suspended' as const) };
      const command = new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration });
      await request(`versioning of bucket ${bucket}`, () => client.send(command));
    },
  };
}
