/**
 * Owns a gRPC client over node:http2: one connection to one server, made again when it is gone. Unary calls
 * only; decides no retries. Knows no message's content.
 */
import * as http2 from 'node:http2';
import { acceptEncoding, compress, type Encoding, messagePrefix } from './grpcMessage.ts';
import { formatTimeout, grpcCode } from './grpcStatus.ts';
import { awaitReply, failure, type UnaryReply } from './grpcUnary.ts';
import { pingEvery } from './keepalive.ts';

export type { UnaryReply } from './grpcUnary.ts';

const replyBytesMax = 4 << 20;
const keepaliveMs = 30_000;

export interface GrpcClientOptions {
  /** `http://host:port` (HTTP/2 by prior knowledge) or `https://host:port`. */
  readonly url: string;
  /**
   * PEM. `ca` replaces the system's; `cert` and `key` are the client's own; `servername` is what the server
   * must prove to be.
   */
  readonly tls?: {
    readonly ca?: string | Buffer;
    readonly cert?: string | Buffer;
    readonly key?: string | Buffer;
    readonly servername?: string;
  };
  /** Longest reply, as sent and decompressed. */
  readonly maxReplyBytes?: number;
  /**
   * While calls wait, the connection is pinged at this interval and cut when a ping is not answered before
   * the next.
   */
  readonly keepaliveMs?: number;
}

export interface UnaryOptions {
  readonly encoding: 'identity' | 'gzip' | 'zstd';
  /** Over connecting, sending and waiting. */
  readonly timeoutMs: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Asked when the headers go out at once; not where a connection has to be made first. */
  readonly metadataAtSend?: () => Readonly<Record<string, string>>;
  /** `message` is compressed as `encoding` says. */
  readonly precompressed?: boolean;
}

/** A connection and how many calls wait on it. */
interface Connection {
  readonly session: http2.ClientHttp2Session;
  calls: number;
  keepalive: NodeJS.Timeout | undefined;
  /** It gets no new calls and goes with its last one. */
  left: boolean;
}

export class GrpcClient {
  readonly #options: GrpcClientOptions;
  readonly #calls = new Set<Promise<UnaryReply>>();
  #connection: Connection | null = null;
  #closed = false;

  /** Throws TypeError when `url` is none. Connects with the first call. */
  constructor(options: GrpcClientOptions) {
    const { protocol } = new URL(options.url);
    if (protocol !== 'http:' && protocol !== 'https:') {
      throw new TypeError(`not a URL of http or https: ${options.url}`);
    }
    this.#options = options;
  }

  /**
   * One call; never rejects. No connection, a lost one or a closed client is code 14, no answer in time code
   * 4. `message` must not change until it settles.
   */
  async unary(path: string, message: Uint8Array, options: UnaryOptions): Promise<UnaryReply> {
    if (this.#closed) return failure(grpcCode.unavailable, 'client is closed');
    const call = this.#call(path, message, options);
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Takes no more calls, waits for those running (each ends by its timeout), then leaves. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#calls);
    const session = this.#connection?.session;
    if (session === undefined || session.destroyed) return;
    await new Promise<void>((resolve) => {
      session.once('close', () => resolve());
      session.destroy();
    });
  }

  async #call(path: string, message: Uint8Array, options: UnaryOptions): Promise<UnaryReply> {
    const { encoding, timeoutMs } = options;
    const body = options.precompressed === true ? message : await compress(message, encoding);
    const connection = this.#connect();
    let stream: http2.ClientHttp2Stream;
    try {
      const atSend = connection.session.connecting ? undefined : options.metadataAtSend?.();
      const metadata = { ...options.metadata, ...atSend };
      stream = connection.session.request({ ...metadata, ...headersOf(path, encoding, timeoutMs) });
    } catch (error) {
      return failure(grpcCode.internal, (error as Error).message);
    }
    this.#begin(connection);
    const reply = awaitReply(stream, this.#options.maxReplyBytes ?? replyBytesMax, timeoutMs);
    stream.write(messagePrefix(encoding !== 'identity', body.length));
    stream.end(body);
    const result = await reply;
    // A connection that let a call time out may be dead without knowing: the next call makes a new one.
    if (result.code === grpcCode.deadlineExceeded) this.#leave(connection);
    this.#end(connection);
    return result;
  }

  #connect(): Connection {
    const current = this.#connection;
    if (current !== null && !current.left && !current.session.closed && !current.session.destroyed)
      return current;
    const { url, tls } = this.#options;
    const session = http2.connect(url, { ...tls, settings: { enablePush: false } });
    const connection: Connection = { session, calls: 0, keepalive: undefined, left: false };
    session.on('error', () => {});
    session.on('goaway', () => this.#leave(connection));
    this.#connection = connection;
    return connection;
  }

  #begin(connection: Connection): void {
    connection.calls += 1;
    connection.keepalive ??= pingEvery(connection.session, this.#options.keepaliveMs ?? keepaliveMs);
  }

  #end(connection: Connection): void {
    connection.calls -= 1;
    if (connection.calls > 0) return;
    clearInterval(connection.keepalive);
    connection.keepalive = undefined;
    if (connection.left) connection.session.destroy();
  }

  #leave(connection: Connection): void {
    connection.left = true;
    if (connection.calls === 0) connection.session.destroy();
  }
}

function headersOf(path: string, encoding: Encoding, timeoutMs: number): http2.OutgoingHttpHeaders {
  return {
    ':method': 'POST',
    ':path': path,
    te: 'trailers',
    'content-type': 'application/grpc',
    'grpc-accept-encoding': acceptEncoding,
    'grpc-timeout': formatTimeout(timeoutMs),
    ...(encoding === 'identity' ? {} : { 'grpc-encoding': encoding }),
  };
}
