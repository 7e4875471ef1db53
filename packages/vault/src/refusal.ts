/**
 * Owns why a request is not acknowledged, and what the sender is to do about it; it refuses to know of
 * sockets.
 */
import type { SegmentReason } from '@pgtape/evidence';
import type { TokenReason } from './tokenClaims.ts';

/** gRPC status codes the vault answers with (grpc/doc/statuscodes.md). */
export const grpcStatus = {
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unavailable: 14,
} as const;
export type GrpcStatus = (typeof grpcStatus)[keyof typeof grpcStatus];

/**
 * The word in answer, metric and log. Of a segment that is not sound, `checkSegment`'s own reason. Further:
 * - `malformed`: the request is not OTLP, or mixes evidence with other spans;
 * - `out_of_order`: an earlier segment of the reel is missing; the answer names the number expected;
 * - `forged`: sound by itself, but contradicts what is archived; it was quarantined;
 * - `quarantine_full`: as `forged`, but `limits.quarantineBytesMax` leaves no room to keep it;
 * - `not_enrolled`: nobody vouches for the reel, or another than did at its beginning;
 * - the reasons of a token (tokenClaims.ts): a pod's token does not vouch for the reel, or cannot be judged now;
 * - `vault_reel`: the vault's own reel cannot be written, so it cannot be said who began this one;
 * - `archive_damaged`: what is archived of this reel cannot be read, so nothing can be checked against it;
 * - `store`: the archive's store failed;
 * - `log_fenced`: another vault publishes the log, or the log is not this vault's any more;
 * - `log_journal`: the log's journal was not written, so the segment has no place in the log;
 * - `log_behind`: more leaves wait to be published than the vault keeps;
 * - `log_damaged`: the log cannot be read back;
 * - `overloaded`: more requests in flight than `limits.inflightBytesMax`;
 * - `lock_lost`: another vault took the archive over;
 * - `closing`: the vault stops.
 */
export type RefusalReason =
  | SegmentReason
  | 'malformed'
  | 'out_of_order'
  | 'forged'
  | 'quarantine_full'
  | 'not_enrolled'
  | TokenReason
  | 'vault_reel'
  | 'archive_damaged'
  | 'store'
  | 'log_fenced'
  | 'log_journal'
  | 'log_behind'
  | 'log_damaged'
  | 'overloaded'
  | 'lock_lost'
  | 'closing';

export interface Refusal {
  readonly kind: 'refused';
  readonly status: GrpcStatus;
  readonly reason: RefusalReason;
  /** For people; never text of a record. */
  readonly detail: string;
  /** When to come again; absent where coming again cannot help. */
  readonly retryDelayMs?: number;
}

/** The segment can never be accepted as it is. */
export function unsound(reason: RefusalReason, detail: string): Refusal {
  return { kind: 'refused', status: grpcStatus.invalidArgument, reason, detail };
}

/** The segment does not fit what is archived. */
export function misfit(reason: 'out_of_order' | 'forged', detail: string): Refusal {
  return { kind: 'refused', status: grpcStatus.failedPrecondition, reason, detail };
}

/** Someone must give the sender the right secret, certificate or token. */
export function notEnrolled(detail: string, reason: RefusalReason = 'not_enrolled'): Refusal {
  return { kind: 'refused', status: grpcStatus.permissionDenied, reason, detail };
}

/** The segment does not fit what is archived, and someone must make room in the quarantine to keep it. */
export function full(detail: string): Refusal {
  return { kind: 'refused', status: grpcStatus.resourceExhausted, reason: 'quarantine_full', detail };
}

/** The vault cannot say now: nothing is acknowledged, the sender keeps the segment and comes again. */
export function later(reason: RefusalReason, detail: string, retryDelayMs: number): Refusal {
  return { kind: 'refused', status: grpcStatus.unavailable, reason, detail, retryDelayMs };
}
