/**
 * Owns the words in which a store says what went wrong and who must act; it refuses to retry or to hide
 * anything.
 */

/**
 * - `STORE_KEY`: the caller passed a key that no store accepts; a defect of the program.
 * - `STORE_NOT_FOUND`: no object under that key.
 * - `STORE_CONFLICT`: a directory, link or device stands where an object or a directory must be; someone
 *   wrote into the archive.
 * - `STORE_FULL`: no space, inodes or quota left.
 * - `STORE_READ_ONLY`: the file system is mounted read-only, possibly by the kernel after an error.
 * - `STORE_ACCESS`: the process's user may not do this here.
 * - `STORE_NO_LINKS`: the file system has no hard links, so objects cannot be created exclusively and whole.
 * - `STORE_OPEN_FILES`: the process or the machine is out of file descriptors.
 * - `STORE_ADDRESS`: the text that names the store is not one, or the file it names cannot be read.
 * - `STORE_BUCKET`: there is no such bucket there.
 * - `STORE_CREDENTIALS`: the store does not know who asks, or there is nothing to show it.
 * - `STORE_UNREACHABLE`: no answer from the store's server: network, name, time-out, certificate.
 * - `STORE_UNAVAILABLE`: its server answered that it cannot now: throttling, overload, a defect of its own.
 * - `STORE_LOCKED`: retention or a hold refuses it.
 * - `STORE_DAMAGED`: the bytes are not those of the checksum that the store keeps with them.
 * - `STORE_UNSUPPORTED`: the store cannot do this; its `capabilities` say so.
 * - `STORE_IO`: anything else the operating system or the store's server said.
 */
export type StoreErrorCode =
  | 'STORE_KEY'
  | 'STORE_NOT_FOUND'
  | 'STORE_CONFLICT'
  | 'STORE_FULL'
  | 'STORE_READ_ONLY'
  | 'STORE_ACCESS'
  | 'STORE_NO_LINKS'
  | 'STORE_OPEN_FILES'
  | 'STORE_ADDRESS'
  | 'STORE_BUCKET'
  | 'STORE_CREDENTIALS'
  | 'STORE_UNREACHABLE'
  | 'STORE_UNAVAILABLE'
  | 'STORE_LOCKED'
  | 'STORE_DAMAGED'
  | 'STORE_UNSUPPORTED'
  | 'STORE_IO';

const advice: Readonly<Record<StoreErrorCode, string>> = {
  STORE_KEY: 'this is a defect of pgtape, please report it',
  STORE_NOT_FOUND: 'check the key and the archive',
  STORE_CONFLICT: 'whoever administers the archive must find out what put it there',
  STORE_FULL: "free space on the archive's volume or enlarge it, or its quota",
  STORE_READ_ONLY: "mount the archive's volume writable, and look into the kernel's log for why it is not",
  STORE_ACCESS:
    "give the process's user access to the archive directory, or its role the rights of deploy/iam",
  STORE_NO_LINKS: 'put the archive on a file system with hard links (ext4, xfs, btrfs, zfs, nfs)',
  STORE_OPEN_FILES: 'raise the limit of open files (ulimit -n, LimitNOFILE)',
  STORE_ADDRESS: 'name a directory, or s3://bucket/prefix?endpoint=...&region=...&pathStyle=1&caFile=...',
  STORE_BUCKET:
    "check the bucket's name, its region and the endpoint; whoever administers the store makes buckets",
  STORE_CREDENTIALS: "check the credentials (environment, profile or role) and this machine's clock",
  STORE_UNREACHABLE: "check the endpoint, the network and, for https, the certificate's authority (caFile)",
  STORE_UNAVAILABLE: 'the same call may be made again; if it stays, whoever runs the store must look',
  STORE_LOCKED: 'nobody must act: the store did what its lock is for',
  STORE_DAMAGED: 'whoever administers the store must find out what changed it',
  STORE_UNSUPPORTED: 'keep the archive in a store that can: S3 with Object Lock',
  STORE_IO: "check the archive's volume and the kernel's log, or the log of the store's server",
};

const codes: Readonly<Record<string, StoreErrorCode>> = {
  ENOENT: 'STORE_NOT_FOUND',
  ENOTDIR: 'STORE_CONFLICT',
  EISDIR: 'STORE_CONFLICT',
  ELOOP: 'STORE_CONFLICT',
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EFBIG: 'STORE_FULL',
  EROFS: 'STORE_READ_ONLY',
  EACCES: 'STORE_ACCESS',
  EPERM: 'STORE_ACCESS',
  EMFILE: 'STORE_OPEN_FILES',
  ENFILE: 'STORE_OPEN_FILES',
};

/** Without hard links the kernel answers one of these to link(2); EMLINK and EXDEV mean the same here. */
const linkCodes = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK']);

/**
 * What every store throws. `message` ends with who must do what; `errno` is the system's own word, where
 * there was one.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly errno: string | undefined;
  constructor(code: StoreErrorCode, message: string, options: { errno?: string; cause?: unknown } = {}) {
    super(
      `${message}${options.errno === undefined ? '' : ` (${options.errno})`}: ${advice[code]}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.errno = options.errno;
  }
}

/** The system's error name of a failed call, '' when it has none. */
export function errnoOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** Turns what a system call threw into a StoreError; `call` and `path` go into the message. */
export function systemError(call: string, path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const errno = errnoOf(error);
  const code = call === 'link' && linkCodes.has(errno) ? 'STORE_NO_LINKS' : (codes[errno] ?? 'STORE_IO');
  return new StoreError(code, `${call} ${path} failed`, { ...(errno === '' ? {} : { errno }), cause: error });
}
