/**
 * Owns keeping objects longer than was decided when they were stored: which, until when, and every reason why
 * not. Nothing is ever kept shorter. It refuses to know how a request comes.
 */
import { nanoseconds, type ObjectVersion, oneLine, ReelId, SessionId } from '@pgtape/evidence';
import type { Store } from '@pgtape/store';
import { z } from 'zod';
import { reelsUnder, type ScannedReel, segmentIn } from './reelScan.ts';
import { DAY_MS } from './retention.ts';
import { sessionsOf } from './sessionFacts.ts';
import type { AppendOwn } from './vaultReel.ts';

/** Body of `POST /v1/retention`. */
export const RetentionRequest = z.strictObject({
  reason: oneLine(1000),
  /** Wall ns. */
  until: nanoseconds,
  scope: z
    .strictObject({
      session: SessionId.optional(),
      reel: ReelId.optional(),
      /** Wall ns, by the clock of the store. */
      before: nanoseconds.optional(),
    })
    .refine((scope) => Object.values(scope).filter((part) => part !== undefined).length === 1, {
      message: 'name either a session, a reel or a time',
    }),
});
export type RetentionRequest = z.infer<typeof RetentionRequest>;

/**
 * - `retention_unsupported`: the store keeps nothing;
 * - `until_past`: that time is over;
 * - `until_far`: more than a hundred years, which no store takes;
 * - `nothing_found`: no object is in that scope;
 * - `would_shorten`: everything in that scope is kept that long, or longer: there is no way to keep it shorter.
 */
export type RetentionReason =
  | 'retention_unsupported'
  | 'until_past'
  | 'until_far'
  | 'nothing_found'
  | 'would_shorten';

export class RetentionRefusal extends Error {
  override readonly name = 'RetentionRefusal';
  readonly reason: RetentionReason;
  constructor(reason: RetentionReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface RetentionAnswer {
  /** Objects in the scope. */
  readonly objects: number;
  readonly extended: number;
  /** Kept that long, or longer, before. */
  readonly unchanged: number;
  /** Wall ns. */
  readonly until: string;
}

export interface RetentionSources {
  readonly store: Store;
  readonly append: AppendOwn;
  readonly wallMs: () => number;
}

const YEARS_MS_MAX = 36_500 * DAY_MS;
const atOnce = 8;

/**
 * Extends what is in the scope; the record of it is stored first. Whatever fails in between may be asked for
 * again. Rejects with RetentionRefusal, StoreError, or as `append` does.
 */
export async function extendRetention(
  { store, append, wallMs }: RetentionSources,
  request: RetentionRequest,
  who: string,
): Promise<RetentionAnswer> {
  const until = Number(BigInt(request.until) / 1_000_000n);
  assertTime(until, wallMs(), store);
  const objects = await objectsIn(store, request.scope);
  if (objects.length === 0) throw new RetentionRefusal('nothing_found', 'no object is in that scope');
  const short: ObjectVersion[] = [];
  let latest = 0;
  await each(objects, async (object) => {
    const { retainUntil } = await store.protectionOf(object.key, object.version);
    latest = Math.max(latest, retainUntil ?? 0);
    if (retainUntil === null || retainUntil < until) short.push(object);
  });
  if (short.length === 0) {
    const at = new Date(latest).toISOString();
    const message = `all ${objects.length} objects are kept that long already, at most until ${at}; retention is never shortened`;
    throw new RetentionRefusal('would_shorten', message);
  }
  const { reason, scope } = request;
  await append({ kind: 'retention', who, reason, scope, until: request.until });
  await each(short, ({ key, version }) => store.extendRetention(key, version, until));
  const unchanged = objects.length - short.length;
  return { objects: objects.length, extended: short.length, unchanged, until: request.until };
}

function assertTime(until: number, nowMs: number, store: Store): void {
  if (!store.capabilities.retention) {
    throw new RetentionRefusal('retention_unsupported', 'the store of this archive keeps nothing');
  }
  if (until <= nowMs) throw new RetentionRefusal('until_past', 'that time is over');
  if (until > nowMs + YEARS_MS_MAX)
    throw new RetentionRefusal('until_far', 'at most a hundred years from now');
}

async function objectsIn(store: Store, scope: RetentionRequest['scope']): Promise<ObjectVersion[]> {
  if (scope.before !== undefined) return await storedBefore(store, Number(BigInt(scope.before) / 1_000_000n));
  const start = scope.reel ?? scope.session?.slice(0, 16) ?? '';
  const found: ObjectVersion[] = [];
  for await (const reel of reelsUnder(store)) {
    if (!reel.reel.startsWith(start)) continue;
    found.push(
      ...(scope.session === undefined ? reel.objects : await withLineOf(store, reel, scope.session)),
    );
  }
  return found;
}

async function withLineOf(store: Store, { objects }: ScannedReel, session: string): Promise<ObjectVersion[]> {
  const found: ObjectVersion[] = [];
  await each(objects, async (object) => {
    const segment = await segmentIn(store, object);
    // What cannot be read may be of the session: it is kept, too.
    if (segment === null || sessionsOf(segment.records).includes(session)) found.push(object);
  });
  return found;
}

async function storedBefore(store: Store, beforeMs: number): Promise<ObjectVersion[]> {
  const found = new Map<string, ObjectVersion | null>();
  for await (const { key, version, at } of store.listVersions('reel/')) {
    // The first version of a key is the object; later ones are not ours.
    if (!found.has(key)) found.set(key, at < beforeMs ? { key, version } : null);
  }
  return [...found.values()].filter((object) => object !== null);
}

async function each<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += atOnce) {
    await Promise.all(items.slice(from, from + atOnce).map(run));
  }
}
