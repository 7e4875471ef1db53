/** Verdicts over a few reels, with what the vault's reels say of them. Proves nothing that `verify` does not. */
import { type JudgedReel, judgeTogether } from '@pgtape/evidence';
import { type Archive, type ReelKeys, vaultReels } from './archive.ts';
import type { Io } from './io.ts';
import type { Paint } from './paint.ts';
import { readReels } from './reelPool.ts';
import type { ReelReading } from './reelReading.ts';

/**
 * The verdicts of `readings`, which are of `reels`, in their order. The vault's reels are read only where one of them has no end: of others
 * they say nothing that a session's verdict depends on but forgery, which `verify` tells. A grant to one session shows none of them.
 * @throws Stopped, and CommandError with the store's code where an object cannot be read
 */
export async function judgedReels(
  io: Io,
  archive: Archive,
  reels: readonly ReelKeys[],
  readings: readonly ReelReading[],
  paint: Paint,
): Promise<JudgedReel[]> {
  const isEnded = readings.every(({ verdict }) => verdict.ended);
  const others = isEnded ? [] : await vaultReels(archive, reels);
  const all = [...readings, ...(await readReels(io, archive, others, {}, paint))];
  return judgeTogether(all.map(({ verdict }) => verdict)).slice(0, reels.length);
}
