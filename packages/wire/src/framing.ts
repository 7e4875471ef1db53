/**
 * Owns the rules of a frame by its header alone: which lengths are legal, and what of a frame enters the
 * reduced stream. Knows nothing of bodies.
 *
 * The reduced stream is the connection's own bytes with the bulk and the secrets left out; it is again a
 * stream of frames.
 */
import { backendTag, frontendTag, type Side } from './tag.ts';

/** Type byte and int32 length. */
export const headerBytes = 5;

/** What of a frame enters the reduced stream. */
export const keeping = {
  /** Header and body; a body over the inspection limit as its prefix. */
  whole: 0,
  /** Nothing: rows and COPY data are counted. */
  counted: 1,
  /** The header with an empty body: passwords, SASL and GSS tokens. */
  none: 2,
  /**
   * The first four body bytes: the authentication code, the backend's pid; salts, SASL data and cancel keys
   * are not.
   */
  code: 3,
  /** The first bytes of CopyData in a replication connection; the rest is counted. */
  head: 4,
} as const;

/** Body bytes that `keeping.code` leaves. */
export const codeBytes = 4;

/** Body bytes that `keeping.head` leaves: type, two WAL positions and the clock of XLogData. */
export const headBytes = 25;

/** Largest value of an int32 length. */
const lengthMaxAny = 0x7fffffff;
/** `PQ_LARGE_MESSAGE_LIMIT` (MaxAllocSize - 1) of `src/include/libpq/libpq.h`; the length includes itself. */
const lengthMaxLarge = 0x3ffffffe;
/** `PQ_SMALL_MESSAGE_LIMIT` of the same file. */
const lengthMaxSmall = 10_000;
/** `PG_MAX_AUTH_TOKEN_LENGTH` of `src/include/libpq/auth.h`. */
const lengthMaxAuthentication = 65_535;

const small = ['Close', 'Describe', 'Execute', 'Flush', 'Sync', 'Terminate', 'CopyDone', 'CopyFail'] as const;
const large = ['Query', 'FunctionCall', 'Bind', 'Parse', 'CopyData'] as const;

function frontendLengths(): Int32Array {
  const lengths = new Int32Array(256).fill(lengthMaxAny);
  for (const name of small) lengths[frontendTag[name]] = lengthMaxSmall;
  for (const name of large) lengths[frontendTag[name]] = lengthMaxLarge;
  lengths[frontendTag.Authentication] = lengthMaxAuthentication;
  return lengths;
}

function keepingOf(rules: Readonly<Record<number, number>>): Uint8Array {
  const table = new Uint8Array(256);
  for (const [tag, rule] of Object.entries(rules)) table[Number(tag)] = rule;
  return table;
}

const frontendLengthMax = frontendLengths();
const backendLengthMax = new Int32Array(256).fill(lengthMaxAny);

const frontendKeeping = keepingOf({
  [frontendTag.CopyData]: keeping.counted,
  [frontendTag.Authentication]: keeping.none,
});
const backendKeeping = keepingOf({
  [backendTag.DataRow]: keeping.counted,
  [backendTag.CopyData]: keeping.counted,
  [backendTag.Authentication]: keeping.code,
  [backendTag.BackendKeyData]: keeping.code,
});

/**
 * Largest legal length field by type byte. The server closes the connection on a longer message
 * (`SocketBackend` in `src/backend/tcop/postgres.c`); a type it does not know has no limit of its own here,
 * because the server answers it before it reads a length. Of a server any length is legal: libpq's own
 * limits differ from type to type.
 */
export function lengthMaxByTag(side: Side): Int32Array {
  return side === 'frontend' ? frontendLengthMax : backendLengthMax;
}

/**
 * `keeping` by type byte.
 * @param replication the connection is a walsender's: its CopyData begins with WAL positions
 */
export function keepingByTag(side: Side, replication = false): Uint8Array {
  const table = side === 'frontend' ? frontendKeeping : backendKeeping;
  if (!replication) return table;
  const own = table.slice();
  own[backendTag.CopyData] = keeping.head;
  return own;
}

/** Refuses an inspection limit that could not hold what `keeping.code` keeps. */
export function checkInspectBytesMax(inspectBytesMax: number): void {
  if (!Number.isInteger(inspectBytesMax) || inspectBytesMax < codeBytes || inspectBytesMax > lengthMaxLarge) {
    throw new RangeError(
      `inspectBytesMax must be a whole number of bytes from ${codeBytes}: ${inspectBytesMax}`,
    );
  }
}
