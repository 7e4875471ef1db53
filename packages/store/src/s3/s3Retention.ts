/** Owns how retention is said to an S3 server. */
import type { ObjectLockMode } from '@aws-sdk/client-s3';
import type { Lock } from '../store.ts';

export const modes: Readonly<Record<Exclude<Lock, 'none'>, ObjectLockMode>> = {
  strict: 'COMPLIANCE',
  bypassable: 'GOVERNANCE',
};

/** What a server says of a version's retention. */
export function lockOf(mode: ObjectLockMode | undefined, until: number | null): Lock {
  if (until === null) return 'none';
  return mode === 'COMPLIANCE' ? 'strict' : 'bypassable';
}

/** Servers keep whole seconds and cut what is behind them: a retention must not become shorter by it. */
export function wholeSeconds(until: number): Date {
  return new Date(Math.ceil(until / 1000) * 1000);
}
