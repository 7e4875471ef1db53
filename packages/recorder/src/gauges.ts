/** Owns the relay's counts since its start. Knows no format they are shown in. */
export class Gauges {
  sessionsTotal = 0;
  bytesFromClients = 0;
  bytesFromServer = 0;
  /** Connections that came and went without a byte: probes of load balancers. */
  silentConnections = 0;
  readonly refused = new Map<string, number>();
  readonly gaps = new Map<string, number>();
  #pausedSince: number | null = null;
  #pausedMs = 0;

  countRefused(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  countGap(reason: string): void {
    this.gaps.set(reason, (this.gaps.get(reason) ?? 0) + 1);
  }

  get isPaused(): boolean {
    return this.#pausedSince !== null;
  }

  pause(nowMs: number): void {
    this.#pausedSince ??= nowMs;
  }

  resume(nowMs: number): void {
    if (this.#pausedSince !== null) this.#pausedMs += nowMs - this.#pausedSince;
    this.#pausedSince = null;
  }

  /** Time clients were not read, because of the backlog or of the journal. */
  pausedSeconds(nowMs: number): number {
    return (this.#pausedMs + (this.#pausedSince === null ? 0 : nowMs - this.#pausedSince)) / 1000;
  }
}
