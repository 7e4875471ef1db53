/** Holds the legal holds that an archive's own records tell of against its store. Prints nothing. */
import {
  checkHolds,
  checkSegment,
  decodeObject,
  HoldBook,
  type HoldsVerdict,
  isSignedRelease,
  type JudgedReel,
  parseSegmentKey,
} from '@pgtape/evidence';
import { StoreError } from '@pgtape/store';
import { ahead } from './ahead.ts';
import { type Archive, objectsAhead, type ReelKeys, reelsBelow } from './archive.ts';
import { throwIfStopped } from './exitCode.ts';
import { plural } from './format.ts';
import type { Io } from './io.ts';
import { storeFailure } from './storeFailure.ts';

/**
 * null: there never was a hold. Only reels of vaults that are sound are read.
 * @throws CommandError with the store's code; Stopped
 */
export async function verifyHolds(
  io: Io,
  archive: Archive,
  reels: readonly JudgedReel[],
): Promise<HoldsVerdict | null> {
  const sound = reels
    .filter(({ by, verdict }) => by === 'vault' && verdict !== 'forged')
    .map(({ reel }) => reel);
  const own = archive.reels.filter(({ reel }) => sound.includes(reel));
  try {
    const holds = await heldNow(io, archive, own);
    if (holds === null || holds.findings.length === 0) return holds;
    // A hold may have been released since the archive was listed: what is missing is looked at once more.
    return await heldNow(io, archive, await listedAnew(archive, own));
  } catch (error) {
    throw storeFailure(error);
  }
}

async function heldNow(io: Io, archive: Archive, own: readonly ReelKeys[]): Promise<HoldsVerdict | null> {
  const book = new HoldBook(isSignedRelease);
  // Ids of a vault's reels begin with the time they began.
  for (const reel of [...own].sort((a, b) => (a.reel < b.reel ? -1 : 1))) {
    await readInto(io, book, archive, reel);
  }
  if (book.all.length === 0) return null;
  return await checkHolds(book, {
    isEnforced: archive.store.capabilities.hold,
    holdOf: async (key, version) => {
      throwIfStopped(io);
      return await isHeld(archive, key, version);
    },
  });
}

/** The same vaults' reels as they are now. */
async function listedAnew({ store }: Archive, own: readonly ReelKeys[]): Promise<ReelKeys[]> {
  const reels: ReelKeys[] = [];
  for (const recorder of new Set(own.map((reel) => reel.recorder))) {
    reels.push(...(await reelsBelow(store, `reel/${recorder}/`)).reels);
  }
  return reels;
}

/** Every segment again: it was checked, but its records were not kept. */
async function readInto(io: Io, book: HoldBook, { store }: Archive, { keys }: ReelKeys): Promise<void> {
  const inOrder = [...keys].sort((a, b) => numberOf(a) - numberOf(b));
  let at = 0;
  for await (const object of ahead(inOrder, objectsAhead, (key) => store.get(key))) {
    throwIfStopped(io);
    const key = inOrder[at++] as string;
    const segment = checkSegment(decodeObject(object));
    if (!segment.ok) continue;
    for (const record of segment.records) book.apply(record, { key, version: '' });
  }
}

const numberOf = (key: string): number => parseSegmentKey(key)?.segment ?? 0;

async function isHeld({ store }: Archive, key: string, version: string): Promise<boolean | null> {
  try {
    return (await store.protectionOf(key, version)).hold;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_NOT_FOUND') return null;
    throw error;
  }
}

/** What of holds was checked, in words. */
export function holdWords({ holds, checked, isEnforced }: HoldsVerdict): string {
  const active = holds.filter(({ isActive }) => isActive);
  const objects = active.reduce((sum, hold) => sum + hold.objects, 0);
  const parts = [`${active.length} in force over ${plural(objects, 'object')}`];
  if (holds.length > active.length) parts.push(`${holds.length - active.length} released`);
  if (active.length > 0) {
    parts.push(
      isEnforced
        ? `${plural(checked, 'hold')} read back`
        : 'on record only: the store of this archive enforces none',
    );
  }
  return parts.join(', ');
}
