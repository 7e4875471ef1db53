/** Owns the errors of this package that end a call; what parsers refuse and proofs do not prove are values. */

/**
 * - `TILE_DAMAGED`: a tile or bundle is not what its tree needs; who administers the archive must look.
 * - `LOG_FENCED`: another writer published a checkpoint; this one must stop. Only one vault may run on an
 *   archive.
 * - `LOG_DIVERGED`: what the store holds is not a tree this writer can go on with; who administers the archive
 *   must look.
 * - `LOG_KEY`: the published checkpoint is not signed by any key this writer has; who runs the vault must give
 *   it the old key or its verifier key.
 */
export type TlogErrorCode = 'TILE_DAMAGED' | 'LOG_FENCED' | 'LOG_DIVERGED' | 'LOG_KEY';

export class TlogError extends Error {
  override readonly name = 'TlogError';
  readonly code: TlogErrorCode;
  constructor(code: TlogErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
