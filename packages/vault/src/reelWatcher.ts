/**
 * Owns the watch over reels at work: what comes is shown to it, once a second it looks at the clock, and what
 * it finds becomes alerts and records. It refuses to decide what is amiss.
 */
import type { SegmentSuccess } from '@pgtape/evidence';
import { type GrpcCall, sentAtMetadata } from '@pgtape/otlp';
import type { Alerts } from './alerts.ts';
import { ClockSkew, type SkewState } from './clockSkew.ts';
import {
  type KnownBefore,
  ReelWatch,
  type WatchChange,
  type WatchedReel,
  type WatchedState,
} from './reelWatch.ts';
import type { GonePod } from './tokenJudge.ts';
import type { VaultEntry } from './vaultReel.ts';

/** What of a call the watch looks at. */
export type WatchedCall = Pick<GrpcCall, 'metadata' | 'arrivedMs' | 'roundTripMs'>;

export interface ReelWatcherSources {
  readonly alerts: Alerts;
  readonly tell: (entry: VaultEntry) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Called every so often; the answer ends it. */
  readonly every: (ms: number, run: () => void) => () => void;
}

export interface ReelStatus extends WatchedReel {
  /** null: not known yet. */
  readonly skew: SkewState | null;
}

const tickMs = 1000;
/** A refusal for want of enrolment stands this long after the last. */
const refusalMs = 3_600_000;

export class ReelWatcher {
  readonly #sources: ReelWatcherSources;
  readonly #watch = new ReelWatch();
  /** By reel, for as long as it is watched. */
  readonly #skews = new Map<string, ClockSkew>();
  #refusedMs: number | null = null;
  #stop: (() => void) | null = null;

  constructor(sources: ReelWatcherSources) {
    this.#sources = sources;
  }

  start(): void {
    this.#stop ??= this.#sources.every(tickMs, () => this.#tick());
  }

  close(): void {
    this.#stop?.();
    this.#stop = null;
  }

  /** A segment is stored, or was already. */
  arrived(segment: SegmentSuccess, call: WatchedCall): void {
    const { reel } = segment.header;
    this.#apply(this.#watch.arrived(segment, this.#sources.now()));
    if (this.#watch.has(reel)) this.#clock(segment.header, call);
    else this.#drop(reel);
  }

  ahead(header: SegmentSuccess['header'], expected: number): void {
    this.#apply(this.#watch.ahead(header, expected, this.#sources.now()));
  }

  /** A reel was refused because nobody vouches for it. */
  refused(): void {
    this.#refusedMs = this.#sources.now();
  }

  restored(segment: SegmentSuccess, known: KnownBefore): void {
    this.#watch.restored(segment, known, this.#sources.now());
  }

  /** As `ReelWatch.orphaned`. What verification reads of it is written down, whether or not people were told before. */
  orphaned(reel: string, pod: Required<GonePod>, isOld: boolean): void {
    const name = `${pod.namespace}/${pod.name}`;
    const found = this.#watch.orphaned(reel, name, isOld);
    if (found === null) return;
    const { recorder, segment, seal, changes } = found;
    this.#sources.tell({
      kind: 'orphaned',
      of_reel: reel,
      of_recorder: recorder,
      reason: 'pod_gone',
      pod: name,
      pod_uid: pod.uid,
      segment,
      seal,
    });
    this.#apply(changes);
  }

  isWatched(reel: string): boolean {
    return this.#watch.has(reel);
  }

  list(): ReelStatus[] {
    return this.#watch.list().map((reel) => ({ ...reel, skew: this.#skews.get(reel.reel)?.state ?? null }));
  }

  count(state: WatchedState): number {
    return this.#watch.count(state);
  }

  /** The largest there is, ms; 0: none is known. */
  largestSkewMs(): number {
    let largest = 0;
    for (const { state } of this.#skews.values()) largest = Math.max(largest, Math.abs(state?.skewMs ?? 0));
    return largest;
  }

  #tick(): void {
    const now = this.#sources.now();
    this.#apply(this.#watch.tick(now));
    for (const reel of this.#skews.keys()) if (!this.#watch.has(reel)) this.#drop(reel);
    if (this.#refusedMs === null || now - this.#refusedMs < refusalMs) return;
    this.#refusedMs = null;
    this.#sources.alerts.clear('not_enrolled');
  }

  #clock({ reel, recorder }: SegmentSuccess['header'], call: WatchedCall): void {
    const { alerts, tell, now } = this.#sources;
    const sent = call.metadata[sentAtMetadata];
    if (sent === undefined || !/^\d{1,20}$/.test(sent) || call.roundTripMs === null) return;
    const skew = this.#skews.get(reel) ?? new ClockSkew();
    this.#skews.set(reel, skew);
    const { arrivedMs, roundTripMs } = call;
    const { state, record, alert } = skew.add({ sentMs: Number(sent) / 1e6, arrivedMs, roundTripMs }, now());
    if (record) {
      const { skewMs: skew_ms, boundMs: bound_ms } = state;
      tell({ kind: 'skew', of_reel: reel, of_recorder: recorder, skew_ms, bound_ms });
    }
    const detail = `the recorder's clock is ${Math.abs(state.skewMs)} ms ${state.skewMs < 0 ? 'behind' : 'ahead'}`;
    if (alert === 'raise') alerts.raise('clock_skew', detail, reel);
    if (alert === 'clear') alerts.clear('clock_skew', reel);
  }

  #drop(reel: string): void {
    this.#skews.delete(reel);
    this.#sources.alerts.clear('clock_skew', reel);
  }

  #apply(changes: readonly WatchChange[]): void {
    const { alerts } = this.#sources;
    for (const { kind, reason, reel, detail } of changes) {
      if (kind === 'raise') alerts.raise(reason, detail, reel);
      else alerts.clear(reason, reel, detail);
    }
  }
}
