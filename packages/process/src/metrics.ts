/** Prometheus metrics of one process object; nothing global, so that several may live in one test. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const prefix = 'pgtape_';

export class Metrics {
  readonly #registry = new Registry();

  /** Of the text: the value for a Content-Type header. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Names get `pgtape_` in front unless they have it. Counters end in `_total`, units stand before that. */
  counter<L extends string = string>(name: string, help: string, labels: readonly L[] = []): Counter<L> {
    return new Counter({ name: full(name), help, labelNames: [...labels], registers: [this.#registry] });
  }

  /**
   * A counter with one label, of which every value in `known` has a series from 0 on: Prometheus sees no increase in one that begins
   * with its first count.
   */
  counterBy<L extends string>(
    name: string,
    help: string,
    label: L,
    known: () => Iterable<string>,
  ): Counter<L> {
    return new Counter({
      name: full(name),
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        for (const value of known()) this.inc({ [label]: value } as Record<L, string>, 0);
      },
    });
  }

  /** `collect` is asked whenever the metrics are read; a gauge with labels is set by its owner. */
  gauge<L extends string = string>(
    name: string,
    help: string,
    labels: readonly L[] = [],
    collect?: () => number,
  ): Gauge<L> {
    const options = { name: full(name), help, labelNames: [...labels], registers: [this.#registry] };
    if (collect === undefined) return new Gauge(options);
    return new Gauge({
      ...options,
      collect() {
        this.set(collect());
      },
    });
  }

  /** A gauge with labels of which all values are asked for whenever the metrics are read. */
  gaugeBy<L extends string>(
    name: string,
    help: string,
    label: L,
    collect: () => Iterable<[string, number]>,
  ): void {
    new Gauge({
      name: full(name),
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, count] of collect()) this.set({ [label]: value } as Record<L, string>, count);
      },
    });
  }

  /** `buckets` are upper bounds in the unit the name ends with. */
  histogram<L extends string = string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly L[] = [],
  ): Histogram<L> {
    return new Histogram({
      name: full(name),
      help,
      buckets: [...buckets],
      labelNames: [...labels],
      registers: [this.#registry],
    });
  }

  /** Everything in Prometheus' text format 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

function full(name: string): string {
  return name.startsWith(prefix) ? name : prefix + name;
}
