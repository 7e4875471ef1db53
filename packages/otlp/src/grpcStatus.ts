/**
 * Owns gRPC's status: codes, message escaping, timeouts, and google.rpc.Status with RetryInfo in its binary
 * trailer (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Knows no socket.
 */
import { ProtoReader, wireType } from './protoReader.ts';
import { ProtoWriter } from './protoWriter.ts';

export const exportTracePath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
/** Metadata: the sender's wall clock when the request left it, ns since 1970. */
export const sentAtMetadata = 'pgtape-sent-at';

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/**
 * Codes a client may come again with (opentelemetry.io/docs/specs/otlp/#failures). For RESOURCE_EXHAUSTED the
 * specification wants RetryInfo too; whether to heed that is the sender's choice.
 */
export const retryableCodes: ReadonlySet<number> = new Set([
  grpcCode.cancelled,
  grpcCode.deadlineExceeded,
  grpcCode.resourceExhausted,
  grpcCode.aborted,
  grpcCode.outOfRange,
  grpcCode.unavailable,
  grpcCode.dataLoss,
]);

/**
 * A handler's refusal, sent as the call's status. `retryDelayMs` tells the client to try the same again after
 * it.
 */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: number;
  readonly retryDelayMs: number | undefined;

  constructor(code: number, message: string, retryDelayMs?: number) {
    super(message);
    this.code = code;
    this.retryDelayMs = retryDelayMs;
  }
}

const messageLengthMax = 1024;

/** Percent-encodes all but printable ASCII, and `%`, of a status message cut to fit a header. */
export function encodeMessage(message: string): string {
  let out = '';
  for (const byte of Buffer.from(message.slice(0, messageLengthMax), 'utf8')) {
    out +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/**
 * Reverses `encodeMessage`; a `%` that begins no escape stands for itself, as the protocol asks of readers.
 */
export function decodeMessage(text: string): string {
  if (!text.includes('%')) return text;
  const out = Buffer.alloc(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const digits = text.slice(i + 1, i + 3);
    if (text[i] === '%' && /^[0-9A-Fa-f]{2}$/.test(digits)) {
      out[length++] = Number.parseInt(digits, 16);
      i += 2;
    } else {
      out[length++] = text.charCodeAt(i);
    }
  }
  return out.toString('utf8', 0, length);
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout` in milliseconds; null when it has no legal form (at most 8 digits and a unit). */
export function parseTimeout(text: string): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return null;
  return Number(match[1]) * (unitMs[match[2] as string] as number);
}

export function formatTimeout(milliseconds: number): string {
  const whole = Math.max(1, Math.ceil(milliseconds));
  return whole <= 99_999_999 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`;
}

const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo';
const detailsLengthMax = 8192;
const retryDelayMsMax = 24 * 3_600_000;

/**
 * `grpc-status-details-bin`: base64 of google.rpc.Status{code=1, message=2, details=3 Any{type_url=1,
 * value=2}} with one RetryInfo{retry_delay=1 Duration{seconds=1, nanos=2}}.
 */
export function encodeDetails(code: number, message: string, retryDelayMs: number): string {
  const text = message.slice(0, messageLengthMax);
  const out = new ProtoWriter(text.length * 3 + 256);
  out.byte(0x08);
  out.varint(code);
  out.string(0x12, text, messageLengthMax * 3);
  const any = out.open(0x1a);
  out.string(0x0a, retryInfoType, 255);
  const retryInfo = out.open(0x12);
  const delay = out.open(0x0a);
  out.byte(0x08);
  out.varint(Math.floor(retryDelayMs / 1000));
  out.byte(0x10);
  out.varint(Math.round((retryDelayMs % 1000) * 1e6));
  out.close(delay);
  out.close(retryInfo);
  out.close(any);
  return out.copy().toString('base64').replace(/=+$/, '');
}

/**
 * RetryInfo's delay in milliseconds (at most a day) out of `grpc-status-details-bin`; undefined when it has
 * none.
 */
export function retryDelayOf(details: string): number | undefined {
  if (details.length > detailsLengthMax) return undefined;
  const bytes = Buffer.from(details, 'base64');
  const status = new ProtoReader(bytes);
  while (status.next()) {
    if (!status.is(3)) continue;
    const delay = retryInfoOf(bytes, status.from, status.to);
    if (delay !== undefined) return delay;
  }
  return undefined;
}

function retryInfoOf(bytes: Buffer, from: number, to: number): number | undefined {
  const any = new ProtoReader(bytes, from, to);
  let type = '';
  let value = new ProtoReader(bytes, 0, 0);
  while (any.next()) {
    if (any.is(1)) type = bytes.toString('utf8', any.from, any.to);
    else if (any.is(2)) value = new ProtoReader(bytes, any.from, any.to);
  }
  if (any.failed || type !== retryInfoType) return undefined;
  let delay = 0;
  while (value.next()) {
    if (!value.is(1)) continue;
    const duration = new ProtoReader(bytes, value.from, value.to);
    while (duration.next()) {
      if (duration.type !== wireType.varint) continue;
      if (duration.field === 1) delay += duration.value * 1000;
      else if (duration.field === 2) delay += duration.value / 1e6;
    }
    if (duration.failed) return undefined;
  }
  return value.failed ? undefined : Math.min(delay, retryDelayMsMax);
}

/** Status of a reply that is not gRPC's (doc/http-grpc-status-mapping.md). */
export function codeOfHttp(status: number): number {
  switch (status) {
    case 400:
      return grpcCode.internal;
    case 401:
      return grpcCode.unauthenticated;
    case 403:
      return grpcCode.permissionDenied;
    case 404:
      return grpcCode.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcCode.unavailable;
    default:
      return grpcCode.unknown;
  }
}
