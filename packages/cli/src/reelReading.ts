/** Checks one reel and gathers on the way what commands show of it. Runs in whatever thread it is called. */
import {
  checkReel,
  type ObjectFacts,
  objectDigest,
  type ReelVerdict,
  type StoredSegment,
} from '@pgtape/evidence';
import type { ReadStore } from '@pgtape/store';
import { ahead } from './ahead.ts';
import { type ListedObject, objectsAhead, objectsOf, type ReelKeys } from './archive.ts';
import { absorb, judge, type SessionSummary } from './sessionList.ts';

/** Plain data, so that it can be handed to a worker thread. */
export interface ReelTask {
  readonly reel: ReelKeys;
  /** Hold every line against the whole schema. */
  readonly strict: boolean;
  /** Public keys one of which must have begun the reel; empty: any may. */
  readonly trustedKeys: readonly string[];
  /** The session whose segments are wanted; null: none. */
  readonly session: string | null;
  /** Keep what a check of the log wants to know of each object. */
  readonly facts: boolean;
  /** What came of the reel before: taken as it is where every object has the digest it had then. */
  readonly known: ReelReading | null;
}

export interface ReelReading {
  readonly verdict: ReelVerdict;
  readonly sessions: readonly SessionSummary[];
  /** Keys of the sound segments that hold lines of the wanted session, in order. */
  readonly holding: readonly string[];
  /** Empty where it was not asked for. */
  readonly objects: readonly ObjectFacts[];
}

/** Reads and checks the reel's objects one after the other, a few ahead; `onSegment` is called before each check. */
export async function readReel(
  store: ReadStore,
  task: ReelTask,
  onSegment: () => void = () => {},
): Promise<ReelReading> {
  const { reel, session, strict, trustedKeys, facts, known } = task;
  if (known !== null && (await isUnchanged(store, reel, known, onSegment))) return known;
  const objects: ObjectFacts[] = [];
  const sessions = new Map<string, SessionSummary>();
  const holding = new Set<string>();
  async function* segments(): AsyncGenerator<StoredSegment> {
    const read = async ({ key, version }: ListedObject): Promise<StoredSegment> => ({
      key,
      object: await store.get(key, version),
    });
    for await (const segment of ahead(objectsOf(reel), objectsAhead, read)) {
      onSegment();
      yield segment;
    }
  }
  const verdict = await checkReel(segments(), {
    strict,
    ...(trustedKeys.length === 0 ? {} : { trustedKeys: new Set(trustedKeys) }),
    ...(facts && { onObject: (object) => objects.push(object) }),
    onLine(line) {
      absorb(sessions, reel.reel, line);
      if (line.record.session === session) holding.add(line.key);
    },
  });
  judge(sessions, verdict);
  return { verdict, sessions: [...sessions.values()], holding: [...holding], objects };
}

/** Whether the reel has the objects it had, byte for byte: reads them all, and checks none. */
async function isUnchanged(
  store: ReadStore,
  reel: ReelKeys,
  known: ReelReading,
  onSegment: () => void,
): Promise<boolean> {
  if (known.objects.length !== reel.keys.length) return false;
  const digest = async ({ key, version }: ListedObject): Promise<string> =>
    objectDigest(await store.get(key, version));
  let at = 0;
  for await (const sha256 of ahead(objectsOf(reel), objectsAhead, digest)) {
    const before = known.objects[at];
    if (before?.key !== reel.keys[at] || before?.sha256 !== sha256) return false;
    at += 1;
    onSegment();
  }
  return true;
}
