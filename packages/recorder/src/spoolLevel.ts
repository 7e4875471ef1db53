/**
 * Owns when the spool counts as full, why, and when it no longer does: high and low water marks, so that it does not flutter. Pure; reads
 * no disk and no clock.
 */

/** What a full spool does with clients: `failure.onSpoolFull`. */
export type OnFull = 'pause' | 'refuse' | 'pass';

/** The same word in record, metric, status and docs. */
export type FullReason = 'spool_full' | 'journal_full';

export interface SpoolBounds {
  /** Journal and outbox together, bytes. */
  readonly maxBytes: number;
  /** Shares of `maxBytes`. */
  readonly highWater: number;
  readonly lowWater: number;
  /** Journal that is not sealed yet, bytes. */
  readonly journalBytes: number;
}

export interface SpoolReading {
  /** Journal that is not sealed yet. */
  readonly journalBytes: number;
  readonly outboxBytes: number;
  /** The outbox takes no segment: no space, I/O error. */
  readonly isOutboxFailing: boolean;
  /** The journal takes no bytes: no space, I/O error. */
  readonly isJournalFailing: boolean;
  /** Since the evidence worker last sealed anything, while there was something to seal. */
  readonly unsealedMs: number;
}

/** A journal at its bound whose worker seals nothing for so long is full; before that it is only behind. */
export const unsealedMsMax = 2000;

export class SpoolLevel {
  /** null: it is not full. */
  reason: FullReason | null = null;

  /** @returns whether `reason` has changed between null and a word; a word once told stays until all is well */
  read(bounds: SpoolBounds, reading: SpoolReading): boolean {
    const was = this.reason;
    if (was === null) this.reason = fullReason(bounds, reading);
    else if (hasRoom(bounds, reading)) this.reason = null;
    return (was === null) !== (this.reason === null);
  }
}

function fullReason(bounds: SpoolBounds, reading: SpoolReading): FullReason | null {
  const { journalBytes, outboxBytes, isJournalFailing, isOutboxFailing, unsealedMs } = reading;
  if (isJournalFailing) return 'journal_full';
  if (journalBytes + outboxBytes >= bounds.maxBytes * bounds.highWater) return 'spool_full';
  if (journalBytes < bounds.journalBytes || unsealedMs < unsealedMsMax) return null;
  return isOutboxFailing ? 'spool_full' : 'journal_full';
}

function hasRoom(bounds: SpoolBounds, reading: SpoolReading): boolean {
  const { journalBytes, outboxBytes, isJournalFailing } = reading;
  if (isJournalFailing || journalBytes >= bounds.journalBytes / 2) return false;
  return journalBytes + outboxBytes <= bounds.maxBytes * bounds.lowWater;
}
