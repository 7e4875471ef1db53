/**
 * Owns what a vault knows of open reels when it starts: their last segments from the archive, and what an earlier
 * vault said of them. It refuses to judge them.
 */
import type { AlertReason, SegmentSuccess } from '@pgtape/evidence';
import type { Alerts } from './alerts.ts';
import type { ListedSegment } from './archive.ts';
import { inOrder } from './inOrder.ts';
import type { Past } from './ownHistory.ts';
import type { KnownBefore } from './reelWatch.ts';

export interface RestoreSources {
  readonly lastNames: () => Promise<readonly ListedSegment[]>;
  /** null where it cannot be read. */
  readonly segment: (name: ListedSegment) => Promise<SegmentSuccess | null>;
  readonly past: () => Promise<Pick<Past, 'alerts' | 'orphaned'>>;
  readonly alerts: Alerts;
  readonly watcher: {
    restored(segment: SegmentSuccess, known: KnownBefore): void;
    isWatched(reel: string): boolean;
  };
  /** The vault's own reels are nobody's to watch. */
  readonly vaultId: string;
}

/** Others are looked at again at the start, or stand for as long as their cause lies in the archive. */
const resumed: ReadonlySet<AlertReason> = new Set([
  'reel_silent',
  'segment_missing',
  'lines_missing',
  'clock_skew',
  'not_enrolled',
  'policy_not_published',
]);
const readsAtOnce = 8;

/** Rejects as the archive does. What arrives meanwhile is not disturbed. */
export async function restoreReels(sources: RestoreSources): Promise<void> {
  const { alerts, watcher, vaultId } = sources;
  const { alerts: told, orphaned } = await sources.past();
  const past = told.filter(({ reason }) => resumed.has(reason));
  for (const { reason, reel, detail } of past) alerts.resume(reason, detail, reel);
  const names = (await sources.lastNames()).filter(({ recorder }) => recorder !== vaultId);
  const last: SegmentSuccess[] = [];
  for await (const segment of inOrder(names, readsAtOnce, sources.segment)) {
    if (segment !== null) last.push(segment);
  }
  const newest = new Map<string, string>();
  for (const { header, seal } of last) {
    const before = newest.get(header.recorder);
    if (before === undefined || before < padded(seal.at)) newest.set(header.recorder, padded(seal.at));
  }
  for (const segment of last) {
    const { header, seal } = segment;
    const about = past.filter(({ reel }) => reel === header.reel).map(({ reason }) => reason);
    const superseded = newest.get(header.recorder) !== padded(seal.at);
    watcher.restored(segment, {
      superseded,
      standing: new Set(about),
      orphaned: orphaned.get(header.reel) === seal.segment,
    });
  }
  for (const { reason, reel } of past) {
    if (reel !== undefined && !watcher.isWatched(reel)) alerts.clear(reason, reel, 'the reel ended');
  }
}

const padded = (nanoseconds: string): string => nanoseconds.padStart(20, '0');
