/**
 * Owns finding reels whose pod is gone: they have no end, and none is expected. It asks for the pods of reels that have become quiet,
 * and refuses to decide what that means for a reel.
 */
import type { Enrolment } from './enrolments.ts';
import type { WatchedReel } from './reelWatch.ts';
import type { GonePod } from './tokenJudge.ts';

type QuietReel = Pick<
  WatchedReel,
  'reel' | 'isOrphaned' | 'segment' | 'arrivedMs' | 'heartbeatMs' | 'seen' | 'sealedMs'
>;

export interface OrphanedReelsSources {
  readonly reels: () => readonly QuietReel[];
  /** Reads who vouched for reels of earlier vaults. Rejects as the archive does. */
  readonly load: () => Promise<void>;
  readonly enrolmentOf: (reel: string) => Enrolment;
  /** false where that cannot be known. Never rejects. */
  readonly isGone: (pod: GonePod) => Promise<boolean>;
  readonly orphaned: (reel: string, pod: Required<GonePod>, isOld: boolean) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly wallMs: () => number;
}

/** The API server is asked for so many pods a round; the next round goes on. */
const askedMax = 32;
const oldMs = 24 * 3_600_000;

export class OrphanedReels {
  readonly #sources: OrphanedReelsSources;
  /** The reel that was asked for last, in the order of ids. */
  #last = '';
  #isLooking = false;

  constructor(sources: OrphanedReelsSources) {
    this.#sources = sources;
  }

  /** One round; nothing while one is under way. Never rejects. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#sources.load();
      for (const reel of this.#turn()) await this.#ask(reel);
    } catch {
      // The archive says itself that it cannot be read; the next round tries again.
    } finally {
      this.#isLooking = false;
    }
  }

  /** Those that are quiet, whose pod is known; beginning behind the last that was asked for. */
  #turn(): QuietReel[] {
    const { reels, now } = this.#sources;
    const quiet = reels()
      .filter(({ isOrphaned, segment }) => !isOrphaned && segment > 0)
      .filter(({ arrivedMs, heartbeatMs }) => now() - arrivedMs > heartbeatMs)
      .filter(({ reel }) => this.#podOf(reel) !== null)
      .sort((a, b) => (a.reel < b.reel ? -1 : 1));
    const next = quiet.findIndex(({ reel }) => reel > this.#last);
    const turn = next <= 0 ? quiet : [...quiet.slice(next), ...quiet.slice(0, next)];
    return turn.slice(0, askedMax);
  }

  async #ask({ reel, seen, sealedMs, arrivedMs }: QuietReel): Promise<void> {
    const { isGone, orphaned, reels, wallMs } = this.#sources;
    this.#last = reel;
    const pod = this.#podOf(reel);
    if (pod === null || !(await isGone(pod))) return;
    // Something of it may have come meanwhile.
    if (reels().some((now) => now.reel === reel && now.arrivedMs !== arrivedMs)) return;
    orphaned(reel, pod, !seen && wallMs() - sealedMs > oldMs);
  }

  #podOf(reel: string): Required<GonePod> | null {
    const { method, name, podUid } = this.#sources.enrolmentOf(reel);
    const [namespace, pod] = name.split('/');
    if (method !== 'kubernetes' || podUid === undefined || namespace === undefined || pod === undefined)
      return null;
    return { namespace, name: pod, uid: podUid };
  }
}
