/**
 * Owns what may be asked of holds, read once at the edge, and why it is refused. It refuses to know how a
 * request comes.
 */
import { HELD_SESSIONS_MAX, HoldScope, nanoseconds, oneLine, ReleaseSignature } from '@pgtape/evidence';
import { z } from 'zod';
import type { ReleaseProblem } from './releaseControl.ts';
import { textSearch } from './textSearch.ts';

/**
 * Beside those of a release:
 * - `scope_empty`: no condition stands, so it would cover everything there ever will be;
 * - `scope_time`: it ends before it begins;
 * - `scope_pattern`: what is searched for is no regular expression;
 * - `holds_full`: as many holds are in force as `holds.holdsMax` allows;
 * - `hold_unknown`: there is no hold of that id;
 * - `already_released`.
 */
export type HoldReason =
  | ReleaseProblem
  | 'scope_empty'
  | 'scope_time'
  | 'scope_pattern'
  | 'holds_full'
  | 'hold_unknown'
  | 'already_released';

/** The hold or release that was asked for was not done. `message` is for people. */
export class HoldRefusal extends Error {
  override readonly name = 'HoldRefusal';
  readonly reason: HoldReason;
  constructor(reason: HoldReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

const name = z.string().min(1).max(1024);

/** Body of `POST /v1/holds`. */
export const HoldRequest = z.strictObject({
  case: oneLine(200),
  reason: oneLine(1000),
  scope: HoldScope.extend({
    sessions: HoldScope.shape.sessions.unwrap().min(1).max(HELD_SESSIONS_MAX).optional(),
    user: name.optional(),
    database: name.optional(),
    search: z.string().min(1).max(1000).optional(),
  }),
});
export type HoldRequest = z.infer<typeof HoldRequest>;

/** Body of `POST /v1/holds/<id>/release`. With `signed`, reason and time are those that the second person signed. */
export const ReleaseBody = z.strictObject({
  reason: oneLine(1000),
  /** Wall ns. */
  asked: nanoseconds.optional(),
  second: ReleaseSignature.optional(),
});
export type ReleaseBody = z.infer<typeof ReleaseBody>;

/** @throws HoldRefusal `scope_empty`, `scope_time`, `scope_pattern` */
export function scopeOf({ scope }: HoldRequest): HoldScope {
  if (Object.values(scope).every((condition) => condition === undefined)) {
    throw new HoldRefusal('scope_empty', 'name a session, user, database, time or text');
  }
  const { since, until, search } = scope;
  if (since !== undefined && until !== undefined && BigInt(since) > BigInt(until)) {
    throw new HoldRefusal('scope_time', 'it ends before it begins');
  }
  try {
    if (search !== undefined) textSearch(search);
  } catch (error) {
    throw new HoldRefusal('scope_pattern', (error as SyntaxError).message);
  }
  return scope;
}
