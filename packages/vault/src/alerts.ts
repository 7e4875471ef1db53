/**
 * Owns which alerts stand: each is told once when it begins and once when it is over, in the vault's own
 * reel, the log and a metric, whatever finds it. It decides nothing about when.
 */
import type { AlertReason } from '@pgtape/evidence';

export interface StandingAlert {
  readonly reason: AlertReason;
  /** The reel it is about; absent: the vault, its store or the log. */
  readonly reel?: string;
  readonly detail: string;
  /** Wall ms. */
  readonly since: number;
}

export interface AlertEvents {
  raised(alert: StandingAlert): void;
  cleared(alert: StandingAlert): void;
}

/** More are counted under their reason, and not told one by one: who sends makes reels as he likes. */
const alertsMax = 10_000;

export class Alerts {
  readonly #events: AlertEvents;
  readonly #wallMs: () => number;
  readonly #standing = new Map<string, StandingAlert>();

  constructor(wallMs: () => number, events: AlertEvents) {
    this.#wallMs = wallMs;
    this.#events = events;
  }

  /** Does nothing where it stands already. */
  raise(reason: AlertReason, detail: string, reel?: string): void {
    const alert = this.#stand(reason, detail, reel);
    if (alert !== null) this.#events.raised(alert);
  }

  /** As `raise`, of what an earlier vault told already. */
  resume(reason: AlertReason, detail: string, reel?: string): void {
    this.#stand(reason, detail, reel);
  }

  /** Does nothing where it does not stand. `detail`: why it is over; absent, that of its beginning. */
  clear(reason: AlertReason, reel?: string, detail?: string): void {
    const key = keyOf(reason, reel);
    const alert = this.#standing.get(key);
    if (alert === undefined) return;
    this.#standing.delete(key);
    this.#events.cleared({ ...alert, ...(detail !== undefined && { detail }) });
  }

  stands(reason: AlertReason, reel?: string): boolean {
    return this.#standing.has(keyOf(reason, reel));
  }

  /** The oldest first. */
  list(): readonly StandingAlert[] {
    return [...this.#standing.values()];
  }

  /** How many of each reason. */
  counts(): ReadonlyMap<AlertReason, number> {
    const counts = new Map<AlertReason, number>();
    for (const { reason } of this.#standing.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return counts;
  }

  #stand(reason: AlertReason, detail: string, reel: string | undefined): StandingAlert | null {
    const key = keyOf(reason, reel);
    if (this.#standing.has(key) || this.#standing.size >= alertsMax) return null;
    const alert = { reason, ...(reel !== undefined && { reel }), detail, since: this.#wallMs() };
    this.#standing.set(key, alert);
    return alert;
  }
}

const keyOf = (reason: AlertReason, reel: string | undefined): string => `${reason} ${reel ?? ''}`;
