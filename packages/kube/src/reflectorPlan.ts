/** Owns what a reflector does after each end: list or watch again, and after what wait. Pure. */
import { type BackoffLimits, backoffMs } from './backoff.ts';
import { KubeError } from './kubeError.ts';

/** How a list or a watch ended. */
export type Ended =
  | { readonly of: 'list'; readonly how: 'done' }
  | { readonly of: 'list'; readonly how: 'failed'; readonly error: Error }
  /** `livedMs`: how long the watch stood; `heard`: whether anything came. */
  | { readonly of: 'watch'; readonly how: 'ended'; readonly livedMs: number; readonly heard: boolean }
  | {
      readonly of: 'watch';
      readonly how: 'failed';
      readonly error: Error;
      readonly livedMs: number;
      readonly heard: boolean;
    }
  /** It is time to compare with a whole list. */
  | { readonly of: 'watch'; readonly how: 'due' };

export interface Step {
  readonly next: 'list' | 'watch';
  readonly waitMs: number;
  /** Failures in a row after this. */
  readonly failures: number;
}

/**
 * A watch that stood this long worked; a shorter one counts as a failure, or its end would be a busy loop. Where
 * something was heard before it broke, the wait begins anew: the server is there.
 */
const worthyMs = 5000;
const reflectorBackoff: BackoffLimits = { firstMs: 800, maxMs: 30_000 };

/**
 * A resource version that is too old makes a list of the next step, everything else goes on watching from the last
 * version seen: that is what loses nothing.
 */
export function stepAfter(ended: Ended, failures: number, random: number): Step {
  if (ended.how === 'done') return { next: 'watch', waitMs: 0, failures: 0 };
  if (ended.how === 'due') return { next: 'list', waitMs: 0, failures: 0 };
  if (ended.how === 'ended' && ended.livedMs >= worthyMs) return { next: 'watch', waitMs: 0, failures: 0 };
  const stood = ended.of === 'watch' && (ended.heard || ended.livedMs >= worthyMs);
  const count = stood ? 1 : failures + 1;
  const error = ended.how === 'failed' ? ended.error : null;
  const isGone = error instanceof KubeError && error.code === 'KUBE_GONE';
  const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
  const own = isGone && count === 1 ? 0 : backoffMs(reflectorBackoff, count, random);
  // Everyone was told the same Retry-After: without jitter they all come back at once.
  const waitMs = Math.max(own, asked === 0 ? 0 : Math.round(asked * (1 + random / 4)));
  return { next: ended.of === 'list' || isGone ? 'list' : 'watch', waitMs, failures: count };
}
