/**
 * Owns one call on the server's side: an HTTP/2 stream in, a message to the handler, its reply or a status
 * out. Holds no more memory than the rules say. Knows neither listeners nor what messages mean.
 */
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { acceptEncoding, encodingOf, MessageGatherer, messagePrefix } from './grpcMessage.ts';
import { encodeDetails, encodeMessage, GrpcError, grpcCode, parseTimeout } from './grpcStatus.ts';
import type { Turnstile } from './turnstile.ts';

export interface GrpcCall {
  /** `address:port` of the client. */
  readonly peer: string;
  /** Request headers, pseudo headers left out; repeated ones joined by `, `. */
  readonly metadata: Readonly<Record<string, string>>;
  /** When its headers had come, by `GrpcServerOptions.nowMs`. */
  readonly arrivedMs: number;
  /** Of the connection, as last measured, milliseconds; null: not measured yet. */
  readonly roundTripMs: number | null;
  /** Name in the client's certificate: its CN, else its first alternative name; null: it showed none. */
  readonly certificate: string | null;
}

/** What is known of a call before its message. */
export type CallOrigin = Omit<GrpcCall, 'metadata'>;

/**
 * Takes the decompressed message, which stays valid; a thrown GrpcError becomes the call's status, others
 * INTERNAL.
 */
export type GrpcHandler = (message: Uint8Array, call: GrpcCall) => Promise<Uint8Array>;

/** What all calls of a server share. */
export interface CallRules {
  readonly handlers: ReadonlyMap<string, GrpcHandler>;
  readonly messageBytesMax: number;
  /** Time a call may take until its message has arrived. */
  readonly receiveMs: number;
  /** Lets only some calls hold a decompressed message at a time. */
  readonly turnstile: Turnstile;
  /** Bytes of messages arriving, over all calls. */
  readonly held: { bytes: number; readonly bytesMax: number };
}

const retrySoonMs = 1000;
/** How long a refused client may go on sending; it is read and dropped. */
const lingerMs = 250;
const contentType = 'application/grpc';

function metadataOf(headers: IncomingHttpHeaders): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    metadata[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return metadata;
}

/** Serves one stream to its end; never rejects. */
export async function serveCall(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  origin: CallOrigin,
  rules: CallRules,
): Promise<void> {
  stream.on('error', () => {});
  if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith(contentType)) {
    finish(stream, { ':status': headers[':method'] === 'POST' ? 415 : 405 });
    return;
  }
  try {
    sendReply(stream, await answer(stream, headers, origin, rules));
  } catch (error) {
    sendStatus(
      stream,
      error instanceof GrpcError ? error : new GrpcError(grpcCode.internal, 'handler failed'),
    );
  }
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  origin: CallOrigin,
  rules: CallRules,
): Promise<Uint8Array> {
  const handler = rules.handlers.get(headers[':path'] ?? '');
  if (handler === undefined) throw new GrpcError(grpcCode.unimplemented, 'unknown method');
  const encoding = encodingOf(headers['grpc-encoding'] as string | undefined);
  if (encoding === null) throw new GrpcError(grpcCode.unimplemented, 'unknown grpc-encoding');
  const asked = headers['grpc-timeout'] as string | undefined;
  const timeoutMs = asked === undefined ? null : parseTimeout(asked);
  if (asked !== undefined && timeoutMs === null) throw new GrpcError(grpcCode.internal, 'bad grpc-timeout');
  const gatherer = new MessageGatherer(rules.messageBytesMax);
  const call = async (): Promise<Uint8Array> => {
    try {
      await within(rules.receiveMs, receive(stream, gatherer, rules));
      return await rules.turnstile.pass(async () => {
        if (stream.destroyed) throw new GrpcError(grpcCode.cancelled, 'client left');
        const message = await gatherer.end(encoding);
        if (message === null) throw new GrpcError(grpcCode.unimplemented, 'no message in a unary call');
        return await handler(message, { ...origin, metadata: metadataOf(headers) });
      });
    } finally {
      rules.held.bytes -= gatherer.received;
      gatherer.clear();
    }
  };
  return await within(timeoutMs, call());
}

/** Rejects with DEADLINE_EXCEEDED when `work` takes longer; the work itself is not stopped. */
async function within<T>(milliseconds: number | null, work: Promise<T>): Promise<T> {
  if (milliseconds === null) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new GrpcError(grpcCode.deadlineExceeded, 'deadline exceeded'));
  const timer = setTimeout(late, Math.min(milliseconds, 2 ** 31 - 1));
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the whole message has arrived. */
function receive(stream: ServerHttp2Stream, gatherer: MessageGatherer, rules: CallRules): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { held } = rules;
  let refused = false;
  stream.on('data', (chunk: Buffer) => {
    if (refused) return;
    const before = gatherer.received;
    try {
      gatherer.push(chunk);
      held.bytes += gatherer.received - before;
      if (held.bytes > held.bytesMax) {
        throw new GrpcError(grpcCode.unavailable, 'too much is arriving at once', retrySoonMs);
      }
    } catch (error) {
      refused = true;
      reject(error);
    }
  });
  stream.on('end', resolve);
  stream.on('close', () => reject(new GrpcError(grpcCode.cancelled, 'client left')));
  return promise;
}

function sendReply(stream: ServerHttp2Stream, reply: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(
    { ':status': 200, 'content-type': contentType, 'grpc-accept-encoding': acceptEncoding },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.write(messagePrefix(false, reply.length));
  stream.end(reply);
}

/** A reply of headers alone ("Trailers-Only"). */
export function sendStatus(stream: ServerHttp2Stream, error: GrpcError): void {
  finish(stream, {
    ':status': 200,
    'content-type': contentType,
    'grpc-accept-encoding': acceptEncoding,
    'grpc-status': String(error.code),
    'grpc-message': encodeMessage(error.message),
    ...(error.retryDelayMs === undefined
      ? {}
      : { 'grpc-status-details-bin': encodeDetails(error.code, error.message, error.retryDelayMs) }),
  });
}

/** Answers at once; what the client still sends is cut off without an error (RFC 9113, 8.1). */
function finish(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(headers, { endStream: true });
  if (stream.readableEnded) return;
  stream.resume();
  // A reset at once would overtake the headers in nghttp2's queue.
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs);
  stream.on('close', () => clearTimeout(timer));
}
