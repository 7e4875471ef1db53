/** Why the recorder could not start; the message says who has to act, and how. */
export type RecorderErrorCode =
  | 'LISTEN'
  | 'SPOOL_LOCKED'
  | 'SPOOL_UNUSABLE'
  | 'JOURNAL_NOT_IN_MEMORY'
  | 'JOURNAL_UNUSABLE'
  | 'WORKER';

export class RecorderError extends Error {
  override readonly name = 'RecorderError';
  readonly code: RecorderErrorCode;

  constructor(code: RecorderErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
