/** Owns joining the vault's own reel to the archive, the log and the clocks. It starts nothing. */
import { hash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lock } from '@pgtape/evidence';
import { bootId, type SystemClock } from '@pgtape/process';
import type { Archive } from './archive.ts';
import { lastReelOf, nextReelId, vaultIdOf } from './ownReels.ts';
import { OwnSealer, type OwnSegment } from './ownSealer.ts';
import type { Sequence } from './segmentLog.ts';
import { type BegunReel, VaultReel, type VaultReelLimits, vaultReelLimits } from './vaultReel.ts';

export interface OwnReelOptions {
  readonly name: string;
  readonly version: string;
  readonly store: 'file' | 's3';
  readonly lock: Lock;
  /** Origin of the log. */
  readonly log: string;
  /** The whole configuration; only its hash is written. */
  readonly config: object;
  readonly archive: Archive;
  readonly sequence: Sequence;
  readonly clock: SystemClock;
  readonly holdsLock: () => boolean;
  readonly failed: (error: Error) => void;
  readonly stored: (segment: OwnSegment) => void;
  readonly limits?: VaultReelLimits;
}

/** The vault's own reel, not yet begun. */
export function ownReel(options: OwnReelOptions): VaultReel {
  const { archive, sequence, clock, holdsLock, failed, stored } = options;
  const from = clock.monoMs();
  return new VaultReel(
    {
      begin: () => begin(options),
      store: (own) => storeOwn(archive, sequence, own),
      holdsLock,
      wallUs: () => clock.wallUs(),
      monoMs: () => clock.monoMs() - from,
      sleep: (ms) => delay(ms),
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      failed,
      stored,
    },
    options.limits ?? vaultReelLimits,
  );
}

async function begin(options: OwnReelOptions): Promise<BegunReel> {
  const { name, version, store, lock, log, archive, clock } = options;
  const recorder = vaultIdOf(name);
  const config = hash('sha256', JSON.stringify(options.config));
  const { newest, previous } = await lastReelOf(archive, recorder);
  const reel = nextReelId(newest, clock.wallUs() / 1000, randomBytes(10));
  const sealer = new OwnSealer({ reel, recorder, host: hostname(), name, version, boot: bootId(), config });
  return {
    opened: { kind: 'vault_opened', recorder, name, version, store, lock, log, config },
    previous,
    seal: (drafts, at) => sealer.seal(drafts, at),
  };
}

/** A segment that is there already was put by a call whose answer was lost, where it is the same. */
export async function storeOwn(
  archive: Archive,
  sequence: Sequence,
  { segment, text }: OwnSegment,
): Promise<'stored' | 'contradicted'> {
  const { recorder, reel, segment: number } = segment.header;
  const put = await archive.put(segment, text);
  if (put.answer === 'exists') {
    const archived = await archive.sealDigestOf(recorder, reel, number);
    if (archived !== segment.sealDigest) return 'contradicted';
  }
  await sequence(segment, put);
  return 'stored';
}
