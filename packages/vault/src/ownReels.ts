/**
 * Owns the names of the vault's own reels and which of them has no end; pure but for reading the archive
 * through what it is given.
 */
import { hash } from 'node:crypto';
import type { PreviousReel } from '@pgtape/evidence';
import type { OwnedReel } from './reelOwners.ts';
import type { ReelTail } from './reelTail.ts';

const idContext = 'pgtape-vault-v1\n';
const timeDigits = 12;

/**
 * The id that stands in the place of a recorder's in the vault's own reels: the first 8 bytes of
 * SHA-256(`pgtape-vault-v1\n` || name), hex. It follows from the name alone, so that a vault finds its reels
 * in the archive though it lost everything else.
 */
export function vaultIdOf(name: string): string {
  return hash('sha256', idContext + name, 'hex').slice(0, 16);
}

/**
 * Id of the next reel: 12 hex digits of milliseconds since 1970, 20 random ones. Later than `newest` even
 * where the clock went back, so that the last id in byte order is always the last reel.
 */
export function nextReelId(newest: string | null, nowMs: number, random: Uint8Array): string {
  const before = newest === null ? -1 : Number.parseInt(newest.slice(0, timeDigits), 16);
  const time = Math.max(Math.floor(nowMs), before + 1);
  return time.toString(16).padStart(timeDigits, '0') + Buffer.from(random).toString('hex').slice(0, 20);
}

export interface OwnArchive {
  /** In the order of their keys. */
  reelsOf(recorder: string): AsyncIterable<OwnedReel>;
  tailOf(recorder: string, reel: string): Promise<ReelTail>;
}

export interface LastReel {
  /** null: this vault never had one. */
  readonly newest: string | null;
  /** The newest where it has no end; each start names the one before, so that no older one is left over. */
  readonly previous: PreviousReel | null;
}

/** Rejects as the archive does. */
export async function lastReelOf(archive: OwnArchive, recorder: string): Promise<LastReel> {
  let newest: string | null = null;
  for await (const { reel } of archive.reelsOf(recorder)) {
    if (newest === null || reel > newest) newest = reel;
  }
  if (newest === null) return { newest, previous: null };
  const { segment, sealDigest, closed } = await archive.tailOf(recorder, newest);
  return { newest, previous: closed ? null : { reel: newest, segment, seal: sealDigest } };
}
