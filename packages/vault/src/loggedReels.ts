/**
 * Owns what of each reel is in the log: whether its start is, and up to which segment. It refuses to know where
 * the log lies.
 */
import type { Leaf } from '@pgtape/evidence';
import { compactReel } from './compactReel.ts';

interface LoggedReel {
  started: boolean;
  /** Highest segment; 0 when none is. */
  segment: number;
  /** Of that segment's leaf. */
  index: number;
}

/** About 100 bytes of memory for each reel ever logged. */
export class LoggedReels {
  readonly #reels = new Map<string, LoggedReel>();

  note(leaf: Leaf, index: number): void {
    const key = compactReel(leaf.reel);
    const known = this.#reels.get(key);
    const reel = known ?? { started: false, segment: 0, index: 0 };
    if (known === undefined) this.#reels.set(key, reel);
    if (leaf.kind === 'reel_start') {
      reel.started = true;
    } else if (leaf.segment > reel.segment) {
      reel.segment = leaf.segment;
      reel.index = index;
    }
  }

  has(leaf: Pick<Leaf, 'kind' | 'reel'> & { readonly segment?: number }): boolean {
    const reel = this.#reels.get(compactReel(leaf.reel));
    if (reel === undefined) return false;
    return leaf.kind === 'reel_start' ? reel.started : (leaf.segment ?? 0) <= reel.segment;
  }

  /** Where the leaf is; null where that is not remembered. */
  indexOf(leaf: Leaf): number | null {
    const reel = this.#reels.get(compactReel(leaf.reel));
    return leaf.kind === 'segment' && reel?.segment === leaf.segment ? reel.index : null;
  }
}
