/** The one error class of this package. */

/**
 * `OBJECT_COMPRESSION`, `OBJECT_TOO_LARGE`, `OBJECT_TRAILER`: the stored object is damaged, whoever keeps the
 * archive must act. `KEY_INVALID`, `SEED_INVALID`: the caller passed something that is not a key or a seed.
 */
export type EvidenceErrorCode =
  | 'OBJECT_COMPRESSION'
  | 'OBJECT_TOO_LARGE'
  | 'OBJECT_TRAILER'
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
