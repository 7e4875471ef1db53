/** The one error class of this package. */

/**
 * `OBJECT_COMPRESSION`, `OBJECT_TOO_LARGE`, `OBJECT_TRAILER`: the stored object is damaged, whoever keeps the
 * archive must act. `BUNDLE_TAR`: not a file that an export wrote, or a damaged one; who gave it must act.
 * `BUNDLE_SEGMENT`, `BUNDLE_KEY`: what is to be exported does not pass its own check, or nobody signs what is
 * redacted; who exports must act. `LOG_DAMAGED`: the log's tiles do not prove what is in it; whoever keeps the
 * archive must act. `KEY_INVALID`, `SEED_INVALID`: the caller passed something that is not a key
 * or a seed.
 */
export type EvidenceErrorCode =
  | 'OBJECT_COMPRESSION'
  | 'OBJECT_TOO_LARGE'
  | 'OBJECT_TRAILER'
  | 'BUNDLE_TAR'
  | 'BUNDLE_SEGMENT'
  | 'BUNDLE_KEY'
  | 'LOG_DAMAGED'
  | 'KEY_INVALID'
  | 'SEED_INVALID';

export class EvidenceError extends Error {
  readonly code: EvidenceErrorCode;

  constructor(code: EvidenceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EvidenceError';
    this.code = code;
  }
}
