/**
 * Owns the recorder's health endpoint, and having it: in a pod a port that somebody else holds is no reason not to serve clients, and
 * it is tried again until it is had. It refuses to know what is answered there.
 */
import { type HealthOptions, type HealthServer, healthServer } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';
import type { RecorderLog } from './recorderDeps.ts';

/**
 * Why there is no endpoint: somebody else has its port; this machine does not have its address; or anything else.
 */
export type HealthProblem = 'health_port_taken' | 'health_address_absent' | 'health_port_unusable';

/** What happened to the endpoint since the start. */
export interface HealthFacts {
  /** Of the last time it could not be had; null: it always could. */
  readonly reason: HealthProblem | null;
  readonly failures: Readonly<Partial<Record<HealthProblem, number>>>;
  /** While nobody could ask. */
  readonly absentSeconds: number;
}

export interface HealthPortOptions {
  readonly config: Pick<RecorderConfig, 'health' | 'capture'>;
  readonly log: RecorderLog;
  readonly shown: Pick<HealthOptions, 'ready' | 'metrics' | 'answers'>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const retryMs = { first: 1000, max: 30_000 } as const;

function problemOf({ code }: NodeJS.ErrnoException): HealthProblem {
  if (code === 'EADDRINUSE') return 'health_port_taken';
  return code === 'EADDRNOTAVAIL' ? 'health_address_absent' : 'health_port_unusable';
}

export class HealthPort {
  readonly #options: HealthPortOptions;
  readonly #failures: Partial<Record<HealthProblem, number>> = {};
  #server: HealthServer | null = null;
  #reason: HealthProblem | null = null;
  #absentSinceMs: number | null = null;
  #absentMs = 0;
  #waitMs: number = retryMs.first;
  #dueMs = 0;
  #trying: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: HealthPortOptions) {
    this.#options = options;
  }

  /** null: there is none, or not yet. */
  get place(): { readonly host: string; readonly port: number } | null {
    return this.#server === null ? null : { host: this.#server.host, port: this.#server.port };
  }

  get facts(): HealthFacts {
    const since = this.#absentSinceMs;
    const ms = this.#absentMs + (since === null ? 0 : this.#options.now() - since);
    return { reason: this.#reason, failures: { ...this.#failures }, absentSeconds: ms / 1000 };
  }

  /** @throws ErrnoException outside of a pod */
  async open(): Promise<void> {
    const { config } = this.#options;
    if (config.health === undefined) return;
    try {
      await this.#listen();
    } catch (error) {
      if (config.capture === undefined) throw error;
      this.#failed(error as NodeJS.ErrnoException);
    }
  }

  /** Tries again what could not be had, where it is time. Never rejects. */
  async tick(): Promise<void> {
    if (this.#absentSinceMs === null || this.#isClosed || this.#options.now() < this.#dueMs) return;
    this.#trying ??= this.#listen()
      .catch((error: NodeJS.ErrnoException) => this.#failed(error))
      .finally(() => {
        this.#trying = null;
      });
    await this.#trying;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#trying;
    await this.#server?.close();
  }

  async #listen(): Promise<void> {
    const { config, shown, log, now } = this.#options;
    if (config.health === undefined) return;
    this.#server = await healthServer({
      ...config.health,
      live: () => ({ ok: true, reasons: [] }),
      ...shown,
    });
    if (this.#absentSinceMs === null) return;
    this.#absentMs += now() - this.#absentSinceMs;
    this.#absentSinceMs = null;
    log.info({ event: 'health_present' }, `health is served after ${Math.round(this.#absentMs / 1000)} s`);
  }

  #failed(error: NodeJS.ErrnoException): void {
    const { config, log, now } = this.#options;
    const reason = problemOf(error);
    this.#failures[reason] = (this.#failures[reason] ?? 0) + 1;
    const isNews = this.#absentSinceMs === null || this.#reason !== reason;
    this.#reason = reason;
    this.#absentSinceMs ??= now();
    this.#dueMs = now() + this.#waitMs;
    this.#waitMs = Math.min(this.#waitMs * 2, retryMs.max);
    if (!isNews) return;
    const place = `${config.health?.host}:${config.health?.port}`;
    log.warn(
      { event: 'health_absent', reason },
      `cannot serve health on ${place} (${error.code}); clients are served, and it is tried again`,
    );
  }
}
