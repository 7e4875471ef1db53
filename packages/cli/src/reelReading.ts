/** Checks one reel and gathers on the way what commands show of it. Runs in whatever thread it is called. */
import { checkReel, type ReelVerdict, type StoredSegment } from '@pgtape/evidence';
import type { ReadStore } from '@pgtape/store';
import { ahead } from './ahead.ts';
import { objectsAhead, type ReelKeys } from './archive.ts';
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
}

export interface ReelReading {
  readonly verdict: ReelVerdict;
  readonly sessions: readonly SessionSummary[];
  /** Keys of the sound segments that hold lines of the wanted session, in order. */
  readonly holding: readonly string[];
}

/** Reads and checks the reel's objects one after the other, a few ahead; `onSegment` is called before each check. */
export async function readReel(
  store: ReadStore,
  task: ReelTask,
  onSegment: () => void = () => {},
): Promise<ReelReading> {
  const { reel, session, strict, trustedKeys } = task;
  const sessions = new Map<string, SessionSummary>();
  const holding = new Set<string>();
  async function* segments(): AsyncGenerator<StoredSegment> {
    const read = async (key: string): Promise<StoredSegment> => ({ key, object: await store.get(key) });
    for await (const segment of ahead(reel.keys, objectsAhead, read)) {
      onSegment();
      yield segment;
    }
  }
  const verdict = await checkReel(segments(), {
    strict,
    ...(trustedKeys.length === 0 ? {} : { trustedKeys: new Set(trustedKeys) }),
    onLine(line) {
      absorb(sessions, reel.reel, line);
      if (line.record.session === session) holding.add(line.key);
    },
  });
  judge(sessions, verdict);
  return { verdict, sessions: [...sessions.values()], holding: [...holding] };
}
