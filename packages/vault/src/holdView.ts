/** Owns how a hold is shown: JSON for the API and the command line. Pure. */
import type { HoldEntry, HoldScope } from '@pgtape/evidence';
import type { HoldProgress } from './holdJobs.ts';
import type { HoldInForce } from './holdSet.ts';
import { SEARCH_TIMEOUTS_MAX } from './textSearch.ts';

/**
 * `applying`: in force for what arrives, what is there already is being frozen; `active`: everything is
 * frozen; `releasing`: objects are being let go; `released`.
 */
export type HoldState = 'applying' | 'active' | 'releasing' | 'released';

/**
 * - `hold_not_enforced`: the store cannot hold objects: the hold is on record, and nothing stops a deletion;
 * - `matched_full`, `search_too_slow`: it covers more than it names, see docs/formats/hold.md;
 * - `hold_failing`: what is to be frozen or let go is not yet, for the store refuses or fails; the vault's log says why;
 * - `release_refused`: a release on record does not count, for its second signature is missing or wrong.
 */
export type HoldNote =
  | 'hold_not_enforced'
  | 'hold_failing'
  | 'matched_full'
  | 'search_too_slow'
  | 'release_refused';

export interface HoldView {
  readonly hold: string;
  readonly case: string;
  readonly reason: string;
  readonly who: string;
  /** Wall ns. */
  readonly at: string;
  readonly scope: HoldScope;
  readonly dual_control: boolean;
  readonly state: HoldState;
  readonly notes: readonly HoldNote[];
  /** Frozen under it, now or before it was released. */
  readonly objects: number;
  /** Objects looked at by what is going on. */
  readonly objects_seen: number;
  readonly release: {
    readonly reason: string;
    readonly who: string;
    readonly at: string;
    readonly second: string | null;
  } | null;
}

export interface HoldSituation {
  readonly inForce: HoldInForce | undefined;
  readonly progress: HoldProgress | null;
  readonly isEnforced: boolean;
  readonly isFailing: boolean;
  readonly isReleaseRefused: boolean;
}

export function holdView(hold: HoldEntry, situation: HoldSituation): HoldView {
  const { progress } = situation;
  const { id, case: name, reason, who, at, scope, dualControl, release, objects } = hold;
  return {
    hold: id,
    case: name,
    reason,
    who,
    at,
    scope,
    dual_control: dualControl,
    state: stateOf(hold, progress),
    notes: notesOf(hold, situation),
    objects: objects.size,
    objects_seen: progress?.objectsSeen ?? 0,
    release: release && {
      reason: release.reason,
      who: release.who,
      at: release.at,
      second: release.second?.who ?? null,
    },
  };
}

function stateOf({ release, isFreed }: HoldEntry, progress: HoldProgress | null): HoldState {
  if (release !== null) return isFreed ? 'released' : 'releasing';
  return progress === null ? 'active' : 'applying';
}

function notesOf(
  hold: HoldEntry,
  { inForce, isEnforced, isFailing, isReleaseRefused }: HoldSituation,
): HoldNote[] {
  const notes: HoldNote[] = [];
  if (!isEnforced) notes.push('hold_not_enforced');
  if (isFailing && !hold.isFreed) notes.push('hold_failing');
  if (inForce?.matcher.isOverflowing) notes.push('matched_full');
  if ((inForce?.search?.timeouts ?? 0) >= SEARCH_TIMEOUTS_MAX) notes.push('search_too_slow');
  if (isReleaseRefused && hold.release === null) notes.push('release_refused');
  return notes;
}
