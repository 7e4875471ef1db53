/**
 * Owns that the vault does not start on an archive whose lock does not hold. What was tried and what came of it is the
 * store's (lockProbe); it refuses to believe a bucket's own configuration.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Lock,
  type OpenedStore,
  type ProbeReport,
  type ProbeResult,
  probeAtStart,
  StoreError,
  weaknessesOf,
} from '@pgtape/store';
import { storeKindOf } from './archivePlace.ts';
import type { VaultConfig } from './config.ts';
import { retentionRules } from './retention.ts';
import { VaultError } from './vaultError.ts';

/** What protects the archive, tried at this start. `lock: 'none'`: it is tamper-evident only. */
export interface ProvenLock {
  readonly lock: Lock;
  readonly results: readonly ProbeResult[];
}

/** A retention must be long enough to be shortened. */
const RETAIN_MS_MIN = 60_000;

const advice =
  'whoever administers the bucket must turn on Object Lock and take these rights away (deploy/iam), ' +
  "or archive.lock: none must be written into the vault's configuration, and the archive is tamper-evident only";

/** What the configuration asks for. */
function wantedLock(config: Pick<VaultConfig, 'archive'>): Lock {
  return config.archive.lock ?? (storeKindOf(config) === 's3' ? 'strict' : 'none');
}

/**
 * @throws VaultError `ARCHIVE_NOT_LOCKED` where something is allowed that the lock should refuse, or nothing locks;
 * `ARCHIVE_UNUSABLE` where it cannot be tried
 */
export async function proveLock(
  config: Pick<VaultConfig, 'archive'>,
  { store, attempts }: OpenedStore,
): Promise<ProvenLock> {
  const wanted = wantedLock(config);
  if (wanted === 'none') return { lock: 'none', results: [] };
  if (attempts === null) throw notLocked(wanted, ['a directory keeps no retention']);
  const retention = retentionRules(config.archive.retention);
  if (retention === null)
    throw notLocked(wanted, ['no archive.retention is configured, so nothing would be kept']);
  const sources = {
    store,
    attempts,
    now: Date.now,
    sleep: (ms: number) => delay(ms),
    run: randomBytes(8).toString('hex'),
  };
  let report: ProbeReport;
  try {
    report = await probeAtStart(sources, Math.max(retention.baseMs, RETAIN_MS_MIN));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new VaultError('ARCHIVE_UNUSABLE', `the archive's lock cannot be tried: ${error.message}`, error);
  }
  const weaknesses = weaknessesOf(report, wanted);
  if (weaknesses.length > 0) throw notLocked(wanted, weaknesses);
  return report;
}

/** What the probe could not find out; nothing to stop for, but to be told. */
export function doubtsOf({ results }: ProvenLock): string[] {
  return results
    .filter(({ outcome }) => outcome === 'unknown')
    .map(({ test, detail }) => `whether ${test} is refused is not known: ${detail}`);
}

function notLocked(wanted: Lock, weaknesses: readonly string[]): VaultError {
  return new VaultError(
    'ARCHIVE_NOT_LOCKED',
    `the archive is not locked (${wanted}): ${weaknesses.join('; ')}: ${advice}`,
  );
}
