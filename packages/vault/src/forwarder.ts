/**
 * Owns the views on their way to a tracing backend: a bounded queue, and one attempt after the other. It
 * refuses to hold up evidence: what does not fit is dropped and counted, the archive has it.
 */
import { exportTracePath, grpcCode, readExportReply, retryableCodes } from '@pgtape/otlp';
import type { DropReason } from './vaultMetrics.ts';

/** What the forwarder needs of a GrpcClient. */
export interface ForwardClient {
  unary(
    path: string,
    message: Uint8Array,
    options: { encoding: 'gzip'; timeoutMs: number },
  ): Promise<{ code: number; message: string; reply: Uint8Array }>;
  close(): Promise<void>;
}

export interface ForwarderEvents {
  forwarded(bytes: number): void;
  dropped(reason: DropReason, detail: string): void;
  /** An attempt failed and is made again. */
  failed(detail: string): void;
}

export interface ForwarderOptions {
  readonly client: ForwardClient;
  readonly events: ForwarderEvents;
  readonly queueBytesMax: number;
  readonly timeoutMs: number;
  /** First and longest wait between attempts; doubles between. */
  readonly backoffMs: { readonly first: number; readonly max: number };
  /** How long `close` goes on forwarding. */
  readonly graceMs: number;
  /** Resolves after `ms`, earlier when `wake` aborts. */
  readonly sleep: (ms: number, wake: AbortSignal) => Promise<void>;
  /** 0 up to, not including, 1; spreads attempts of several vaults. */
  readonly random: () => number;
}

type Attempt = { readonly kind: 'taken' | 'rejected' | 'again'; readonly detail: string };

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #stop = new AbortController();
  #queue: Uint8Array[] = [];
  #queueBytes = 0;
  #running: Promise<void> | null = null;
  #closing = false;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** Bytes waiting, the one being sent included. */
  get queueBytes(): number {
    return this.#queueBytes;
  }

  /** Takes the bytes over, or drops them; never waits. */
  offer(view: Uint8Array): void {
    const { events, queueBytesMax } = this.#options;
    if (this.#closing) {
      events.dropped('closing', 'the vault stops');
      return;
    }
    if (this.#queueBytes + view.length > queueBytesMax) {
      events.dropped('forward_queue_full', `${this.#queueBytes} bytes are waiting`);
      return;
    }
    this.#queue.push(view);
    this.#queueBytes += view.length;
    this.#running ??= this.#run();
  }

  /**
   * Goes on for at most `graceMs`, drops the rest, closes the client; an endpoint that hangs holds it up for
   * another `graceMs`.
   */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#atMostGrace(this.#running ?? Promise.resolve());
    this.#stop.abort();
    for (const _ of this.#queue) this.#options.events.dropped('closing', 'the vault stops');
    this.#queue = [];
    this.#queueBytes = 0;
    await this.#atMostGrace(this.#options.client.close());
  }

  async #atMostGrace(work: Promise<void>): Promise<void> {
    const done = new AbortController();
    await Promise.race([work, this.#options.sleep(this.#options.graceMs, done.signal)]);
    done.abort();
  }

  async #run(): Promise<void> {
    for (let view = this.#queue[0]; view !== undefined; view = this.#queue[0]) {
      await this.#deliver(view);
      // The queue is emptied by close while an attempt is under way.
      if (this.#queue[0] === view) {
        this.#queue.shift();
        this.#queueBytes -= view.length;
      }
    }
    this.#running = null;
  }

  async #deliver(view: Uint8Array): Promise<void> {
    const { backoffMs, events, random, sleep } = this.#options;
    for (let wait = backoffMs.first; !this.#stop.signal.aborted; wait = Math.min(wait * 2, backoffMs.max)) {
      const attempt = await this.#attempt(view);
      if (attempt.kind === 'taken') return events.forwarded(view.length);
      if (this.#stop.signal.aborted) return;
      if (attempt.kind === 'rejected') return events.dropped('forward_rejected', attempt.detail);
      events.failed(attempt.detail);
      await sleep(wait * (0.5 + random() / 2), this.#stop.signal);
    }
  }

  async #attempt(view: Uint8Array): Promise<Attempt> {
    const { client, timeoutMs } = this.#options;
    try {
      const { code, message, reply } = await client.unary(exportTracePath, view, {
        encoding: 'gzip',
        timeoutMs,
      });
      const detail = `${code} ${message}`;
      if (code !== grpcCode.ok) return { kind: retryableCodes.has(code) ? 'again' : 'rejected', detail };
      const { rejectedSpans, message: partial } = readExportReply(reply);
      // A partial success must not be sent again (OTLP specification, "Partial Success").
      if (rejectedSpans > 0) return { kind: 'rejected', detail: `${rejectedSpans} spans: ${partial}` };
      return { kind: 'taken', detail: '' };
    } catch (error) {
      return { kind: 'again', detail: error instanceof Error ? error.message : String(error) };
    }
  }
}
