/** Owns the errors that end or prevent a vault; refusals of single segments are `refusal.ts`'s. */

/**
 * - `ARCHIVE_LOCKED`: another vault writes into the archive.
 * - `ARCHIVE_UNUSABLE`: the archive's directory cannot be made, read or written.
 * - `CALLERS`: a file with the hashes of a caller's tokens cannot be read or is no such file.
 * - `ARCHIVE_NOT_LOCKED`: what the archive's lock should refuse is allowed; nothing was received.
 * - `LOG_KEY`: the log's key is missing, or not the one that signed the log.
 * - `LOG_UNUSABLE`: the log was rolled back, forked or damaged; someone must find out by whom.
 * - `LISTEN_FAILED`: an address cannot be listened on.
 * - `ENROLMENT`: a secret of `enrolment.secrets` cannot be used, or nobody could enrol.
 * - `KUBERNETES`: there is no usable configuration of an API server.
 * - `TLS_FILES`: a certificate or key cannot be read.
 */
export type VaultErrorCode =
  | 'ARCHIVE_LOCKED'
  | 'ARCHIVE_NOT_LOCKED'
  | 'ARCHIVE_UNUSABLE'
  | 'CALLERS'
  | 'LOG_KEY'
  | 'LOG_UNUSABLE'
  | 'LISTEN_FAILED'
  | 'KUBERNETES'
  | 'TLS_FILES'
  | 'ENROLMENT';

/** `message` ends with what to do; whoever starts the vault must act. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
  readonly code: VaultErrorCode;
  constructor(code: VaultErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
