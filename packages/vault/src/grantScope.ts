/** Owns what a grant covers: which objects of an archive belong to a reading. Pure. */
import { parseSegmentKey } from '@pgtape/evidence';
import { z } from 'zod';
import type { Permission } from './httpConfig.ts';

export const actions = ['sessions', 'search', 'play', 'tail', 'export', 'verify'] as const;
export type Action = (typeof actions)[number];

const sessionId = /^[0-9a-f]{16}-[1-9]\d{0,14}$/;

/** Body of `POST /v1/grants`. */
export const GrantRequest = z.strictObject({
  action: z.enum(actions),
  /** What is looked for, in the reader's words: a query, a session. Goes into the record behind the scope. */
  what: z.string().max(1000).default(''),
  why: z.string().max(1000).default(''),
  /** Narrows the grant to this session's reel; `play` needs it. */
  session: z.string().regex(sessionId).optional(),
  /** Narrows the grant to reels whose id begins so. */
  reel: z
    .string()
    .regex(/^[0-9a-f]{1,32}$/)
    .optional(),
});
export type GrantRequest = z.infer<typeof GrantRequest>;

/** `reel`: the beginning of the ids of the reels covered; '' covers all. */
export interface GrantScope {
  readonly session: string | null;
  readonly reel: string;
  /** Whether what stands beside the reels is covered, too: the quarantine. */
  readonly whole: boolean;
}

export function permissionFor(action: Action): Permission {
  return action === 'export' ? 'export' : 'read';
}

/** Null where the request contradicts itself, asks to play everything, or to watch one reel (a tail knows sessions only). */
export function scopeOf({ action, session, reel }: GrantRequest): GrantScope | null {
  if (session === undefined) {
    if (action === 'play' || (action === 'tail' && reel !== undefined)) return null;
    return { session: null, reel: reel ?? '', whole: action === 'verify' };
  }
  if (reel !== undefined) return null;
  return { session, reel: session.slice(0, 16), whole: false };
}

/** What the record says: first what the vault holds the reader to, then what he says himself. */
export function whatOf(scope: GrantScope, said: string): string {
  const held =
    scope.session !== null ? `session ${scope.session}` : scope.reel === '' ? 'all' : `reel ${scope.reel}`;
  return said === '' ? held : `${held}: ${said}`;
}

/** The log beside the reels holds commitments and no text or name: whoever may read anything may read it. */
const LOG = 'log/';
const QUARANTINE = 'quarantine/';

/** Whether an object may be given under the scope. */
export function covers(scope: GrantScope, key: string): boolean {
  if (key.startsWith(LOG)) return true;
  if (key.startsWith(QUARANTINE)) return scope.whole && key.startsWith(`${QUARANTINE}${scope.reel}`);
  const name = parseSegmentKey(key);
  // A key under reel/ that no segment has is a finding of whoever checks the whole archive.
  return name === null ? scope.reel === '' && key.startsWith('reel/') : name.reel.startsWith(scope.reel);
}
