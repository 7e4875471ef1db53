/**
 * Owns a gRPC server over node:http2: listener, connections, shutdown. Plaintext by prior knowledge or TLS.
 * Knows no message's content.
 */
import * as http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type CallOrigin, type CallRules, type GrpcHandler, sendStatus, serveCall } from './grpcCall.ts';
import { GrpcError, grpcCode } from './grpcStatus.ts';
import { pingEvery } from './keepalive.ts';
import { Turnstile } from './turnstile.ts';

export type { GrpcCall, GrpcHandler } from './grpcCall.ts';

export interface GrpcServerOptions {
  /** By path, e.g. `exportTracePath`. */
  readonly handlers: ReadonlyMap<string, GrpcHandler>;
  /** Longest message, as sent and decompressed; longer ones are refused with RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** PEM. With `ca` clients must show a certificate it signed. */
  readonly tls?: {
    readonly cert: string | Buffer;
    readonly key: string | Buffer;
    readonly ca?: string | Buffer;
  };
  /** Calls served at once; further ones are refused with UNAVAILABLE and a retry delay. */
  readonly maxCalls?: number;
  /** Calls that may hold a decompressed message at once; the others wait. */
  readonly maxActiveCalls?: number;
  /** Bytes of messages arriving, over all calls. */
  readonly maxHeldBytes?: number;
  /** Connections at once; further ones are closed. */
  readonly maxConnections?: number;
  /** A message must have arrived after this time. */
  readonly receiveMs?: number;
  /** Connections are pinged at this interval and cut when a ping is not answered before the next. */
  readonly keepaliveMs?: number;
  /** Stamps calls as they arrive; absent, `arrivedMs` is 0. */
  readonly nowMs?: () => number;
}

const streamWindowBytes = 1 << 20;
const connectionWindowBytes = 8 << 20;
const retrySoonMs = 1000;

export class GrpcServer {
  readonly #server: http2.Http2Server | http2.Http2SecureServer;
  readonly #rules: CallRules;
  readonly #callsMax: number;
  readonly #keepaliveMs: number;
  readonly #nowMs: () => number;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  #calls = 0;

  constructor(options: GrpcServerOptions) {
    const { tls, maxMessageBytes } = options;
    this.#callsMax = options.maxCalls ?? 256;
    this.#keepaliveMs = options.keepaliveMs ?? 60_000;
    this.#nowMs = options.nowMs ?? (() => 0);
    this.#rules = {
      handlers: options.handlers,
      messageBytesMax: maxMessageBytes,
      receiveMs: options.receiveMs ?? 60_000,
      turnstile: new Turnstile(options.maxActiveCalls ?? 8),
      held: { bytes: 0, bytesMax: options.maxHeldBytes ?? Math.max(64 << 20, 4 * maxMessageBytes) },
    };
    const settings = { initialWindowSize: streamWindowBytes, maxConcurrentStreams: 100, enablePush: false };
    this.#server =
      tls === undefined
        ? http2.createServer({ settings })
        : http2.createSecureServer({
            settings,
            ...tls,
            requestCert: tls.ca !== undefined,
            rejectUnauthorized: tls.ca !== undefined,
          });
    this.#server.maxConnections = options.maxConnections ?? 4096;
    // Without a listener a failed accept(2) would end the process.
    this.#server.on('error', () => {});
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('session', (session) => this.#onSession(session));
  }

  /**
   * Other certificates from the next connection on; PEM. `isOtherCa`: connections that another authority let in end as
   * soon as their calls have. Only where the server speaks TLS.
   */
  secure(tls: NonNullable<GrpcServerOptions['tls']>, isOtherCa: boolean): void {
    (this.#server as http2.Http2SecureServer).setSecureContext({ ...tls });
    if (isOtherCa) for (const session of this.#sessions) session.close();
  }

  /** Resolves with the bound address; port 0 takes a free one. Rejects when it can't be bound. */
  async listen(host: string, port: number): Promise<{ host: string; port: number }> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(port, host, resolve);
    await promise;
    this.#server.off('error', reject);
    const bound = this.#server.address() as AddressInfo;
    return { host: bound.address, port: bound.port };
  }

  /** Takes no more calls, waits for those running, at most `graceMs`, then cuts what is left. */
  async close(graceMs = 5000): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const ended = Array.from(
      this.#sessions,
      (session) => new Promise<void>((resolve) => session.once('close', () => resolve())),
    );
    for (const session of this.#sessions) session.close();
    const { promise: grace, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([Promise.all(ended), grace]);
    clearTimeout(timer);
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #onSession(session: http2.ServerHttp2Session): void {
    const { remoteAddress = '', remotePort = 0 } = session.socket;
    const peer = `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
    const certificate = certificateName(session.socket);
    let roundTripMs: number | null = null;
    const answered = (ms: number): void => {
      roundTripMs = ms;
    };
    this.#sessions.add(session);
    session.setLocalWindowSize(connectionWindowBytes);
    session.on('error', () => {});
    session.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      this.#onStream(stream, headers, { peer, arrivedMs: this.#nowMs(), roundTripMs, certificate });
    });
    session.ping((error, ms) => {
      if (error === null) answered(ms);
    });
    const keepalive = pingEvery(session, this.#keepaliveMs, answered);
    session.on('close', () => {
      clearInterval(keepalive);
      this.#sessions.delete(session);
    });
  }

  #onStream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, origin: CallOrigin): void {
    if (this.#calls >= this.#callsMax) {
      stream.on('error', () => {});
      sendStatus(stream, new GrpcError(grpcCode.unavailable, 'too many calls at once', retrySoonMs));
      return;
    }
    this.#calls += 1;
    void serveCall(stream, headers, origin, this.#rules).finally(() => {
      this.#calls -= 1;
    });
  }
}

/** CN, else the first alternative name; only of a certificate that the listener's authorities signed. */
function certificateName(socket: Socket | TLSSocket): string | null {
  // The session's socket is a proxy that `in` does not see through.
  const { authorized } = socket as Partial<TLSSocket>;
  if (authorized !== true) return null;
  const { subject, subjectaltname } = (socket as TLSSocket).getPeerCertificate();
  const name = subject?.CN ?? subjectaltname?.split(', ')[0]?.replace(/^[^:]*:/, '');
  return name === undefined || name === '' ? null : String(name);
}
