/** Owns whether the vault is alive and ready, and the words for why not. */
import type { HealthVerdict } from '@pgtape/process';
import { StoreError } from '@pgtape/store';
import { TlogError } from '@pgtape/tlog';
import { ArchiveDamaged } from './archive.ts';
import { SequencerError } from './sequencer.ts';

/**
 * How long a failure of the store counts. Not until the next success: a vault that is not ready may get no
 * more requests, and would never have one.
 */
const FAILURE_COUNTS_MS = 30_000;

export interface HealthSources {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly holdsLock: () => boolean;
  /** Another vault publishes the log. */
  readonly logFenced: () => boolean;
}

export class Health {
  readonly #sources: HealthSources;
  #failure: { readonly reason: string; readonly at: number } | null = null;
  #closing = false;

  constructor(sources: HealthSources) {
    this.#sources = sources;
  }

  /** One reel's damage is no reason to send other reels away; only the store's own failures count. */
  storeFailed(error: Error): void {
    if (error instanceof ArchiveDamaged) return;
    const coded =
      error instanceof StoreError || error instanceof SequencerError || error instanceof TlogError;
    const reason = coded ? error.code : 'internal';
    this.#failure = { reason, at: this.#sources.now() };
  }

  /** False: another vault took the archive over. */
  get holdsLock(): boolean {
    return this.#sources.holdsLock();
  }

  closing(): void {
    this.#closing = true;
  }

  /** A process that lost its archive, or its log, cannot get it back: it wants to be started anew. */
  live(): HealthVerdict {
    const reasons = [
      ...(this.holdsLock ? [] : ['lock_lost']),
      ...(this.#sources.logFenced() ? ['log_fenced'] : []),
    ];
    return { ok: reasons.length === 0, reasons };
  }

  ready(): HealthVerdict {
    const reasons = [...this.live().reasons];
    if (this.#closing) reasons.push('closing');
    const failure = this.#failure;
    if (failure !== null && this.#sources.now() - failure.at < FAILURE_COUNTS_MS)
      reasons.push(failure.reason);
    return { ok: reasons.length === 0, reasons };
  }
}
