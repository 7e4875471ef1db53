/**
 * Owns bringing the outbox to the vault: oldest segment of each reel first, one at a time, again and again until acknowledged. Holds one
 * segment in memory. An acknowledgement is a whole success and nothing less. Knows no journal.
 */
import {
  exportTracePath,
  type GrpcClient,
  grpcCode,
  readExportReply,
  retryableCodes,
  sentAtMetadata,
  type UnaryReply,
} from '@pgtape/otlp';
import type { SegmentMetadata } from './enrolment.ts';
import type { Outbox } from './outbox.ts';

export interface SenderOptions {
  readonly outbox: Outbox;
  readonly client: Pick<GrpcClient, 'unary'>;
  readonly timeoutMs: () => number;
  /** What goes with a segment; what it throws is why the segment cannot be sent now. */
  readonly metadata: SegmentMetadata;
  /** Wall clock, microseconds since 1970: the vault compares it with its own. */
  readonly wallUs: () => number;
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How a reel that is not getting through stands. */
interface Retry {
  attempts: number;
  /** Not before this time. */
  dueMs: number;
  /** The vault refused, and trying again soon would not help. */
  isBlocked: boolean;
  error: string;
}

const firstRetryMs = 250;
const retryMsMax = 15_000;
/** A refusal may be cured at the vault (a wrong token, a wrong port): it is tried again, but seldom. */
const blockedRetryMs = 60_000;

export class Sender {
  acked = 0;
  errors = 0;
  readonly #options: SenderOptions;
  readonly #retries = new Map<string, Retry>();
  #last = '';
  #isStopped = false;
  #running: Promise<void> | null = null;
  #wake: (() => void) | null = null;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** What the last failure of a reel not yet through was; empty when all is well. */
  get lastError(): string {
    let text = '';
    for (const { error } of this.#retries.values()) text = error;
    return text;
  }

  /** Reels whose oldest segment the vault refused. */
  get blocked(): string[] {
    return [...this.#retries].filter(([, retry]) => retry.isBlocked).map(([reel]) => reel);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** There is a new segment. */
  wake(): void {
    this.#wake?.();
  }

  /** The vault is another one: what the one before refused, or did not take, need not wait. */
  tryNow(): void {
    for (const retry of this.#retries.values()) {
      retry.dueMs = 0;
      retry.isBlocked = false;
    }
    this.wake();
  }

  /** Sends what can be sent within `graceMs`, then stops; what is left stays in the outbox. */
  async drain(graceMs: number): Promise<void> {
    const { outbox, nowMs } = this.#options;
    const deadline = nowMs() + graceMs;
    for (const retry of this.#retries.values()) retry.dueMs = 0;
    this.wake();
    while (nowMs() < deadline && outbox.reels().some((reel) => this.#retries.get(reel)?.isBlocked !== true)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#isStopped = true;
    this.wake();
    await within(this.#running, Math.max(0, deadline - nowMs()));
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const reel = this.#pick();
      if (reel === null) await this.#sleep();
      else await this.#send(reel);
    }
  }

  /** The next reel after the last one that may send now. */
  #pick(): string | null {
    const now = this.#options.nowMs();
    const due = this.#options.outbox.reels().filter((reel) => (this.#retries.get(reel)?.dueMs ?? 0) <= now);
    const after = due.filter((reel) => reel > this.#last).sort();
    const reel = after[0] ?? due.sort()[0] ?? null;
    if (reel !== null) this.#last = reel;
    return reel;
  }

  async #sleep(): Promise<void> {
    const { outbox, nowMs } = this.#options;
    const due = outbox.reels().map((reel) => this.#retries.get(reel)?.dueMs ?? 0);
    const waitMs = due.length === 0 ? retryMsMax : Math.max(1, Math.min(...due) - nowMs());
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  async #send(reel: string): Promise<void> {
    const { outbox, client, timeoutMs } = this.#options;
    const segment = outbox.next(reel);
    let bytes: Buffer | null;
    try {
      bytes = outbox.read(reel, segment);
    } catch (error) {
      this.#failed(reel, `segment ${segment}: ${(error as Error).message}`, true);
      return;
    }
    if (bytes === null) {
      this.errors += 1;
      outbox.vanished(reel, segment);
      return;
    }
    let metadata: Readonly<Record<string, string>>;
    try {
      metadata = this.#options.metadata(segment, bytes);
    } catch (error) {
      this.#failed(reel, `segment ${segment} of ${reel}: ${(error as Error).message}`, false);
      return;
    }
    const reply = await client.unary(exportTracePath, bytes, {
      encoding: 'zstd',
      precompressed: true,
      timeoutMs: timeoutMs(),
      metadata,
      metadataAtSend: () => ({ [sentAtMetadata]: `${Math.round(this.#options.wallUs())}000` }),
    });
    if (reply.code === grpcCode.ok) this.#answered(reel, segment, reply);
    else {
      const text = `segment ${segment} of ${reel}: ${codeName(reply.code)}: ${reply.message}`;
      this.#failed(reel, text, !retryableCodes.has(reply.code), reply.retryDelayMs);
    }
  }

  #answered(reel: string, segment: number, reply: UnaryReply): void {
    const { rejectedSpans, message } = readExportReply(reply.reply);
    if (rejectedSpans > 0) {
      const text = `segment ${segment} of ${reel}: the vault rejected ${rejectedSpans} spans: ${message}`;
      this.#failed(reel, text, true);
      return;
    }
    this.acked += 1;
    this.#retries.delete(reel);
    // The vault is there again: nobody else need wait out an unavailability.
    for (const retry of this.#retries.values()) if (!retry.isBlocked) retry.dueMs = 0;
    try {
      this.#options.outbox.acknowledged(reel, segment);
    } catch {
      // The file stays and is sent once more after a restart, which the vault acknowledges again.
      this.errors += 1;
    }
  }

  #failed(reel: string, error: string, isBlocked: boolean, retryDelayMs?: number): void {
    const { nowMs, random } = this.#options;
    this.errors += 1;
    const attempts = (this.#retries.get(reel)?.attempts ?? 0) + 1;
    const ceiling = Math.min(retryMsMax, firstRetryMs * 2 ** Math.min(attempts - 1, 16));
    const backoff = isBlocked ? blockedRetryMs : ceiling * (0.5 + random() / 2);
    const dueMs = nowMs() + Math.max(backoff, retryDelayMs ?? 0);
    this.#retries.delete(reel);
    this.#retries.set(reel, { attempts, dueMs, isBlocked, error });
  }
}

/** Waits for `promise`, at most so long. */
export async function within(promise: Promise<unknown> | null, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

const codeNames = Object.entries(grpcCode);

function codeName(code: number): string {
  return codeNames.find(([, known]) => known === code)?.[0] ?? `code ${code}`;
}
