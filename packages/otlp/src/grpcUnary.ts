/**
 * Owns one call on the client's side: an HTTP/2 stream and everything that can come back on it, told as one
 * status. Knows no connection's life.
 */
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { encodingOf, MessageGatherer } from './grpcMessage.ts';
import { codeOfHttp, decodeMessage, GrpcError, grpcCode, retryDelayOf } from './grpcStatus.ts';

export interface UnaryReply {
  /** gRPC status; 0 is success. */
  readonly code: number;
  readonly message: string;
  /** Empty unless `code` is 0. */
  readonly reply: Uint8Array;
  /** The server's RetryInfo. */
  readonly retryDelayMs?: number;
}

/** Node's timers fire at once beyond it. */
const timerMsMax = 2 ** 31 - 1;
const empty = new Uint8Array(0);

export function failure(code: number, message: string): UnaryReply {
  return { code, message, reply: empty };
}

/** Status of a stream that was reset, by its HTTP/2 error code (PROTOCOL-HTTP2.md, "Errors"). */
function codeOfReset(reset: number): number {
  switch (reset) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return grpcCode.unavailable;
    case constants.NGHTTP2_CANCEL:
      return grpcCode.cancelled;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return grpcCode.resourceExhausted;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return grpcCode.permissionDenied;
    default:
      return grpcCode.internal;
  }
}

/** What was seen of a reply until its stream closed. */
interface Seen {
  headers: IncomingHttpHeaders;
  trailers: IncomingHttpHeaders;
  error: Error | null;
  refused: GrpcError | null;
  late: boolean;
  /** The connection went, not only the stream. */
  lost: boolean;
}

/** Waits for the stream's end, at most `timeoutMs`; never rejects. */
export function awaitReply(
  stream: ClientHttp2Stream,
  replyBytesMax: number,
  timeoutMs: number,
): Promise<UnaryReply> {
  const { promise, resolve } = Promise.withResolvers<UnaryReply>();
  const gatherer = new MessageGatherer(replyBytesMax);
  const seen: Seen = { headers: {}, trailers: {}, error: null, refused: null, late: false, lost: false };
  const { session } = stream;
  const timer = setTimeout(
    () => {
      seen.late = true;
      stream.close(constants.NGHTTP2_CANCEL);
      stream.destroy();
    },
    Math.min(timeoutMs, timerMsMax),
  );
  stream.on('response', (headers) => {
    seen.headers = headers;
  });
  stream.on('trailers', (trailers) => {
    seen.trailers = trailers;
  });
  stream.on('data', (chunk: Buffer) => {
    if (seen.refused !== null) return;
    try {
      gatherer.push(chunk);
    } catch (error) {
      seen.refused = error as GrpcError;
      stream.close(constants.NGHTTP2_CANCEL);
    }
  });
  stream.on('error', (error) => {
    seen.error = error;
  });
  stream.on('close', () => {
    clearTimeout(timer);
    seen.lost = session === undefined || session.destroyed;
    const settle = replyOf(seen, stream.rstCode, gatherer).catch((error) =>
      failure(error instanceof GrpcError ? error.code : grpcCode.internal, String(error.message)),
    );
    void settle.then(resolve);
  });
  return promise;
}

async function replyOf(
  seen: Seen,
  reset: number | undefined,
  gatherer: MessageGatherer,
): Promise<UnaryReply> {
  const { headers, trailers, error, refused } = seen;
  if (seen.late) return failure(grpcCode.deadlineExceeded, 'no answer in time');
  if (refused !== null) return failure(refused.code, refused.message);
  const status = trailers['grpc-status'] ?? headers['grpc-status'];
  if (status !== undefined) return await statusReply(headers, trailers, String(status), gatherer);
  const http = headers[':status'];
  if (http !== undefined && Number(http) !== 200)
    return failure(codeOfHttp(Number(http)), `HTTP status ${http}`);
  if (seen.lost || (error !== null && !isReset(error))) {
    return failure(grpcCode.unavailable, error === null ? 'connection lost' : reasonOf(error));
  }
  if (error !== null || (reset !== undefined && reset !== constants.NGHTTP2_NO_ERROR)) {
    return failure(codeOfReset(reset ?? 0), `stream reset with HTTP/2 code ${reset}`);
  }
  return failure(grpcCode.unknown, 'answer without grpc-status');
}

async function statusReply(
  headers: IncomingHttpHeaders,
  trailers: IncomingHttpHeaders,
  status: string,
  gatherer: MessageGatherer,
): Promise<UnaryReply> {
  const code = /^\d{1,2}$/.test(status) ? Number(status) : grpcCode.unknown;
  const source = trailers['grpc-status'] === undefined ? headers : trailers;
  const message = decodeMessage(String(source['grpc-message'] ?? ''));
  if (code !== grpcCode.ok) {
    const details = source['grpc-status-details-bin'];
    const retryDelayMs = details === undefined ? undefined : retryDelayOf(String(details));
    return retryDelayMs === undefined ? failure(code, message) : { ...failure(code, message), retryDelayMs };
  }
  const encoding = encodingOf(headers['grpc-encoding'] as string | undefined);
  if (encoding === null) return failure(grpcCode.internal, 'answer in an unknown grpc-encoding');
  const reply = await gatherer.end(encoding);
  return reply === null
    ? failure(grpcCode.internal, 'success without a message')
    : { code, message: '', reply };
}

/** The peer reset this stream; other errors are the connection's. */
function isReset(error: Error): boolean {
  return (error as { code?: unknown }).code === 'ERR_HTTP2_STREAM_ERROR';
}

/** The error's text; where it only says that the connection ended, also why. */
function reasonOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error || (typeof cause === 'object' && cause !== null && 'message' in cause)
    ? String(cause.message)
    : error.message;
}
