/**
 * Owns the numbers of a database's recording, put together from what its pods' recorders say. A number that not every pod
 * stands behind is none. Pure.
 */
import type { SeenBypass } from '@pgtape/evidence';
import { z } from 'zod';
import { type ObservedPod, statusOf } from './observedPod.ts';

/** What status said before, as far as it is needed to see what is new. */
export interface RecordingBefore {
  /** Per pod, by its uid. */
  readonly bypasses: ReadonlyMap<string, number>;
  /** Milliseconds since 1970; null: none was ever seen. */
  readonly lastBypassMs: number | null;
}

/** A pod with more sessions past its recorder than before. */
export interface NewBypasses {
  readonly pod: ObservedPod;
  /** More than before. */
  readonly count: number;
  /** Newest first; shorter ones than a poll are counted and not among them. */
  readonly recent: readonly SeenBypass[];
}

/** `measured`: every pod stands behind the numbers. */
export type CoverageState =
  | 'measured'
  | 'no_pods'
  | 'not_injected'
  | 'unreachable'
  | 'no_credentials'
  | 'failed'
  | 'starting';

export interface Recording {
  readonly state: CoverageState;
  /** Recorded per seen, at most 1; null: unknown, or no session was seen. */
  readonly ratio: number | null;
  readonly sessionsRecorded: number;
  readonly sessionsSeen: number;
  readonly bypasses: number;
  readonly lagSeconds: number;
  readonly lastBypassMs: number | null;
  readonly news: readonly NewBypasses[];
  /** Bypasses per pod, by its uid; of a recorder that is silent, what it said last. */
  readonly counted: ReadonlyMap<string, number>;
}

const StatusBefore = z.looseObject({
  lastBypassTime: z.string().optional(),
  pods: z.array(z.looseObject({ uid: z.string().optional(), bypasses: z.number().optional() })).optional(),
});

/** Of a status as it was written; of anything else, nothing. */
export function recordingBefore(status: unknown): RecordingBefore {
  const { lastBypassTime, pods = [] } = StatusBefore.safeParse(status ?? {}).data ?? {};
  const lastMs = Date.parse(lastBypassTime ?? '');
  return {
    bypasses: new Map(
      pods.flatMap(({ uid, bypasses }): [string, number][] =>
        uid === undefined || bypasses === undefined ? [] : [[uid, bypasses]],
      ),
    ),
    lastBypassMs: Number.isNaN(lastMs) ? null : lastMs,
  };
}

/** @param nowMs wall clock, milliseconds since 1970 */
export function recordingFold(
  pods: readonly ObservedPod[],
  before: RecordingBefore,
  nowMs: number,
): Recording {
  const state = stateOf(pods);
  const said = pods.flatMap((pod) => statusOf(pod) ?? []);
  const sum = (of: (one: (typeof said)[number]) => number): number =>
    bounded(said.reduce((total, one) => total + of(one), 0));
  const [recorded, seen, bypasses] = [
    sum(({ coverage }) => coverage.recorded),
    sum(({ coverage }) => coverage.seen),
    sum(({ coverage }) => coverage.bypasses),
  ];
  const news = pods.flatMap((pod) => newBypasses(pod, before));
  return {
    state,
    ratio: state === 'measured' ? ratioOf(recorded, seen, bypasses) : null,
    sessionsRecorded: sum(({ sessions }) => sessions.recorded),
    sessionsSeen: seen,
    bypasses,
    lagSeconds: bounded(Math.floor(said.reduce((most, { vault }) => Math.max(most, vault.lagSeconds), 0))),
    lastBypassMs: news.length > 0 ? nowMs : before.lastBypassMs,
    news,
    counted: new Map(
      pods.flatMap((pod): [string, number][] => {
        const count = statusOf(pod)?.coverage.bypasses ?? before.bypasses.get(pod.uid);
        return count === undefined ? [] : [[pod.uid, count]];
      }),
    ),
  };
}

/** A recorder may say any number: with a larger one the API server refuses the whole status. */
function bounded(number: number): number {
  return Math.min(number, Number.MAX_SAFE_INTEGER);
}

/** The least well known pod decides. */
function stateOf(pods: readonly ObservedPod[]): CoverageState {
  if (pods.length === 0) return 'no_pods';
  if (pods.some(({ injected }) => !injected)) return 'not_injected';
  const states = pods.map((pod) => statusOf(pod)?.coverage.state ?? 'unreachable');
  const worstFirst = ['no_credentials', 'failed', 'unreachable', 'starting'] as const;
  return worstFirst.find((one) => states.includes(one)) ?? 'measured';
}

function ratioOf(recorded: number, seen: number, bypasses: number): number | null {
  // A poll may tell of a bypass before the server's own count has grown.
  const all = Math.max(seen, recorded + bypasses);
  return all === 0 ? null : recorded / all;
}

function newBypasses(pod: ObservedPod, { bypasses }: RecordingBefore): NewBypasses[] {
  const { coverage } = statusOf(pod) ?? {};
  if (coverage === undefined) return [];
  const known = bypasses.get(pod.uid) ?? 0;
  // A recorder that started anew counts from nothing.
  const count = coverage.bypasses < known ? coverage.bypasses : coverage.bypasses - known;
  return count > 0 ? [{ pod, count, recent: coverage.recent }] : [];
}

/** `99.8%`: rounded down, so that only what is whole is `100%`; `NoSessions`: measured, and there was none yet to be covered. */
export function coverageText({ state, ratio }: Pick<Recording, 'state' | 'ratio'>): string {
  if (ratio === null) return state === 'measured' ? 'NoSessions' : 'Unknown';
  return ratio === 1 ? '100%' : `${(Math.floor(ratio * 1000) / 10).toFixed(1)}%`;
}
