/**
 * Owns how far a recorder's wall clock is off the vault's, as far as messages can tell, and when that is worth
 * a record or an alert. Pure; it refuses to read clocks.
 */
export interface SkewSample {
  /** The recorder's wall clock when the message left it, ms since 1970. */
  readonly sentMs: number;
  /** The vault's when it had come. */
  readonly arrivedMs: number;
  /** Of the connection: the message took between nothing and this. */
  readonly roundTripMs: number;
}

export interface SkewState {
  /** Recorder's clock less the vault's, ms. */
  readonly skewMs: number;
  /** It may be off by this, either way. */
  readonly boundMs: number;
}

export interface SkewFindings {
  readonly state: SkewState;
  /** Worth a record. */
  readonly record: boolean;
  readonly alert: 'raise' | 'clear' | null;
}

const samplesKept = 5;
const changeMs = 250;
const everyMs = 3_600_000;
const alertMs = 2000;

export class ClockSkew {
  readonly #samples: SkewSample[] = [];
  #recorded: { readonly skewMs: number; readonly atMs: number } | null = null;
  /** null: nothing was said yet, and a former vault may have raised it. */
  #alerts: boolean | null = null;
  #state: SkewState | null = null;

  /** null: no message has told it yet. */
  get state(): SkewState | null {
    return this.#state;
  }

  /** `nowMs`: monotonic. */
  add(sample: SkewSample, nowMs: number): SkewFindings {
    this.#samples.push(sample);
    if (this.#samples.length > samplesKept) this.#samples.shift();
    const state = estimate(this.#samples);
    this.#state = state;
    const { skewMs, boundMs } = state;
    const last = this.#recorded;
    const record = last === null || Math.abs(skewMs - last.skewMs) > changeMs || nowMs - last.atMs >= everyMs;
    if (record) this.#recorded = { skewMs, atMs: nowMs };
    return { state, record, alert: this.#alert(Math.abs(skewMs), boundMs) };
  }

  /** Raised when it is over two seconds for sure, cleared when it may be less. */
  #alert(skewMs: number, boundMs: number): 'raise' | 'clear' | null {
    const over = this.#alerts === true ? skewMs + boundMs > alertMs : skewMs - boundMs > alertMs;
    if (over === this.#alerts) return null;
    this.#alerts = over;
    return over ? 'raise' : 'clear';
  }
}

/** A message that was held up shows a clock too far behind: the one that was least held up counts. */
function estimate(samples: readonly SkewSample[]): SkewState {
  let best: SkewState = { skewMs: Number.NEGATIVE_INFINITY, boundMs: 0 };
  for (const { sentMs, arrivedMs, roundTripMs } of samples) {
    const skewMs = sentMs - arrivedMs + roundTripMs / 2;
    if (skewMs > best.skewMs) best = { skewMs, boundMs: roundTripMs / 2 };
  }
  return { skewMs: Math.round(best.skewMs), boundMs: Math.ceil(best.boundMs) };
}
