/** How long to wait before each frame of a tape: its own time, made faster, long pauses cut. Pure. */
export class PlayPace {
  readonly #speed: number;
  readonly #idleMs: number;
  #clockMs: number | null = null;

  /** `speed`: times as fast as it was, Infinity for no pause at all; `idleMs`: longest pause, before it is made faster. */
  constructor(speed: number, idleMs: number) {
    this.#speed = speed;
    this.#idleMs = idleMs;
  }

  /** Milliseconds to wait before showing what happened at `atMs`; times that go back cost nothing. */
  pauseMs(atMs: number): number {
    const gone = Math.max(0, atMs - (this.#clockMs ?? atMs));
    this.#clockMs = Math.max(this.#clockMs ?? atMs, atMs);
    return Math.min(gone, this.#idleMs) / this.#speed;
  }
}
