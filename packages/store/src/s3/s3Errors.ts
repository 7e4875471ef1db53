/** Owns what an S3 server's and the network's words mean for us: which code, and so who must act. */
import { StoreError, type StoreErrorCode } from '../storeError.ts';

const words: Readonly<Record<string, StoreErrorCode>> = {
  NoSuchKey: 'STORE_NOT_FOUND',
  NoSuchVersion: 'STORE_NOT_FOUND',
  NotFound: 'STORE_NOT_FOUND',
  NoSuchBucket: 'STORE_BUCKET',
  PermanentRedirect: 'STORE_BUCKET',
  AuthorizationHeaderMalformed: 'STORE_BUCKET',
  IllegalLocationConstraintException: 'STORE_BUCKET',
  AccessDenied: 'STORE_ACCESS',
  Forbidden: 'STORE_ACCESS',
  AllAccessDisabled: 'STORE_ACCESS',
  ExistingObjectIsDirectory: 'STORE_CONFLICT',
  ObjectParentIsFile: 'STORE_CONFLICT',
  ObjectLocked: 'STORE_LOCKED',
  InvalidBucketState: 'STORE_LOCKED',
  CredentialsProviderError: 'STORE_CREDENTIALS',
  TokenProviderError: 'STORE_CREDENTIALS',
  InvalidAccessKeyId: 'STORE_CREDENTIALS',
  SignatureDoesNotMatch: 'STORE_CREDENTIALS',
  ExpiredToken: 'STORE_CREDENTIALS',
  InvalidToken: 'STORE_CREDENTIALS',
  TokenRefreshRequired: 'STORE_CREDENTIALS',
  RequestTimeTooSkewed: 'STORE_CREDENTIALS',
  RequestExpired: 'STORE_CREDENTIALS',
  NotImplemented: 'STORE_UNSUPPORTED',
  MethodNotAllowed: 'STORE_UNSUPPORTED',
  QuotaExceeded: 'STORE_FULL',
  EntityTooLarge: 'STORE_FULL',
  SlowDown: 'STORE_UNAVAILABLE',
  ServiceUnavailable: 'STORE_UNAVAILABLE',
  InternalError: 'STORE_UNAVAILABLE',
  RequestTimeout: 'STORE_UNAVAILABLE',
  ThrottlingException: 'STORE_UNAVAILABLE',
  ConditionalRequestConflict: 'STORE_UNAVAILABLE',
  OperationAborted: 'STORE_UNAVAILABLE',
  TimeoutError: 'STORE_UNREACHABLE',
  ECONNREFUSED: 'STORE_UNREACHABLE',
  ECONNRESET: 'STORE_UNREACHABLE',
  EPIPE: 'STORE_UNREACHABLE',
  ETIMEDOUT: 'STORE_UNREACHABLE',
  EHOSTUNREACH: 'STORE_UNREACHABLE',
  ENETUNREACH: 'STORE_UNREACHABLE',
  ENOTFOUND: 'STORE_UNREACHABLE',
  EAI_AGAIN: 'STORE_UNREACHABLE',
  ERR_TLS_CERT_ALTNAME_INVALID: 'STORE_UNREACHABLE',
};

/** What OpenSSL and node call a certificate they do not believe. */
const certificate = /CERT|SELF_SIGNED|UNABLE_TO_/;

interface SdkError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly Code?: unknown;
  readonly message?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** The server's, SDK's or system's own word for what went wrong. */
export function wordOf(error: unknown): string {
  const { name, code, Code } = (typeof error === 'object' && error !== null ? error : {}) as SdkError;
  for (const word of [Code, code, name]) {
    if (typeof word === 'string' && word !== '' && word !== 'Error' && word !== 'Unknown') return word;
  }
  if (statusOf(error) !== undefined) return `HTTP ${statusOf(error)}`;
  // Of an error whose class it does not know the SDK keeps the text only.
  if (/socket hang up/.test(messageOf(error))) return 'ECONNRESET';
  return (/\bE[A-Z_]{3,}\b/.exec(messageOf(error)) ?? [''])[0];
}

export function statusOf(error: unknown): number | undefined {
  return (error as SdkError | undefined)?.$metadata?.httpStatusCode;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function byStatus(status: number | undefined): StoreErrorCode {
  if (status === 404) return 'STORE_NOT_FOUND';
  if (status === 403) return 'STORE_ACCESS';
  if (status === 301 || status === 307) return 'STORE_BUCKET';
  if (status === 501 || status === 405) return 'STORE_UNSUPPORTED';
  if (status === 429 || (status !== undefined && status >= 500)) return 'STORE_UNAVAILABLE';
  return 'STORE_IO';
}

function codeOf(error: unknown): StoreErrorCode {
  const word = wordOf(error);
  const message = messageOf(error);
  // AWS says AccessDenied for both; only the sentence tells a lock from a missing right.
  if (words[word] === 'STORE_ACCESS' && /object lock|worm protected/i.test(message)) return 'STORE_LOCKED';
  if (/checksum mismatch/i.test(message)) return 'STORE_DAMAGED';
  if (word === 'InvalidRequest' && /object lock/i.test(message)) return 'STORE_UNSUPPORTED';
  const isCertificate = certificate.test(word) || (word === '' && /certificate/.test(message));
  return words[word] ?? (isCertificate ? 'STORE_UNREACHABLE' : byStatus(statusOf(error)));
}

/** `what` was tried: an operation and the key. The message keeps the server's sentence. */
export function s3Error(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const errno = wordOf(error);
  const detail = messageOf(error);
  const said =
    detail === '' || detail === errno || detail === 'UnknownError' ? '' : `, ${detail.slice(0, 300)}`;
  return new StoreError(codeOf(error), `${what} failed${said}`, {
    ...(errno === '' ? {} : { errno }),
    cause: error,
  });
}
