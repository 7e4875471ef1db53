/**
 * Owns what a recorder's policy is and how it is named: the hash in reel_opened, in `configured` and in each seal. The operator computes
 * the same of what it has published. Pure.
 */
import { createHash } from 'node:crypto';

/** What decides how much of a session is recorded. */
export interface RecordingPolicy {
  readonly sqlBytesMax: number;
  readonly paramBytesMax: number;
  readonly inspectBytesMax: number;
  readonly trustUpstream: boolean;
  readonly rawLanes: readonly string[];
}

/** What holds where a recorder's configuration says nothing. */
export const policyDefaults: RecordingPolicy = {
  sqlBytesMax: 65_536,
  paramBytesMax: 4096,
  inspectBytesMax: 1024 * 1024,
  trustUpstream: false,
  rawLanes: [],
};

/** SHA-256, hex. */
export function policyDigest(policy: RecordingPolicy): string {
  const { sqlBytesMax, paramBytesMax, inspectBytesMax, trustUpstream, rawLanes } = policy;
  const named = {
    ...{ sqlBytesMax, paramBytesMax, inspectBytesMax, trustUpstream },
    ...(rawLanes.length === 0 ? {} : { rawLanes }),
  };
  return createHash('sha256').update(JSON.stringify(named)).digest('hex');
}
