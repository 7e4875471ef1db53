/**
 * Owns the vault's HTTP listener: its TLS, what it refuses before any path, and how refusals are written. What a path
 * does stands in `*Routes.ts`.
 *
 * On loopback it answers only requests that name loopback, so that a web page whose name was rebound to 127.0.0.1
 * reaches nothing.
 */
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as SecureServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { type HttpReason, HttpRefusal } from './httpRefusal.ts';
import type { ServerTls } from './tlsFiles.ts';

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: ServerTls | undefined;
}

export interface HttpEvents {
  readonly refused: (reason: HttpReason, path: string, remote: string) => void;
  /** A defect: it is answered without its words. */
  readonly failed: (error: unknown) => void;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** Other certificates from the next connection on. `isOtherCa`: who was believed by another authority connects anew. */
  secure(tls: ServerTls, isOtherCa: boolean): void;
  close(): Promise<void>;
}

const loopback = /^(127(\.\d{1,3}){3}|::1|localhost)$/i;
const namesLoopback = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)(:\d{1,5})?$/i;

/** A request's body is a grant's words, or a hold's. */
const BODY_BYTES_MAX = 16 * 1024;
/** The longest key there is, every byte of it escaped. */
const PARAMETER_CHARACTERS_MAX = 3 * 1024;
const REQUEST_MS_MAX = 30_000;

export function isLoopback(host: string): boolean {
  return loopback.test(host);
}

/** Rejects with what listen(2) said, or with what the certificate is refused for. */
export async function startHttp(
  options: HttpOptions,
  routes: (app: FastifyInstance) => void,
  events: HttpEvents,
): Promise<HttpServer> {
  const { host, tls } = options;
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    routerOptions: { maxParamLength: PARAMETER_CHARACTERS_MAX },
    serverFactory: (handler) => (tls === undefined ? createHttpServer(handler) : secure(tls, handler)),
  });
  if (isLoopback(host)) {
    app.addHook('onRequest', async (request) => {
      if (!namesLoopback.test(request.headers.host ?? '')) {
        throw new HttpRefusal('not_loopback', 'ask for 127.0.0.1, [::1] or localhost');
      }
    });
  }
  app.setNotFoundHandler(() => {
    throw new HttpRefusal('not_found', 'there is no such path');
  });
  app.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error, events);
    events.refused(refusal.reason, request.routeOptions.url ?? '', request.ip);
    return answerRefusal(refusal, reply);
  });
  routes(app);
  try {
    await app.listen({ host, port: options.port });
  } catch (error) {
    await app.close();
    throw error;
  }
  const bound = app.server.address();
  const { address, port } = typeof bound === 'object' && bound !== null ? bound : { address: host, port: 0 };
  return {
    host: address,
    port,
    secure: (next, isOtherCa) => {
      (app.server as unknown as SecureServer).setSecureContext(contextOf(next));
      if (isOtherCa) app.server.closeAllConnections();
    },
    close: () => app.close(),
  };
}

function contextOf({ cert, key, ca }: ServerTls): SecureContextOptions {
  return ca === undefined ? { cert, key } : { cert, key, ca };
}

/** Who shows no certificate is let in all the same: health asks nobody, and tokens name callers, too. */
function secure(tls: ServerTls, handler: Parameters<typeof createHttpServer>[1]): Server {
  const client = tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: false };
  return createHttpsServer({ ...contextOf(tls), ...client }, handler) as unknown as Server;
}

function refusalOf(error: unknown, events: HttpEvents): HttpRefusal {
  if (error instanceof HttpRefusal) return error;
  const status = (error as { statusCode?: unknown }).statusCode;
  // What fastify itself finds wrong with a request: its body, its length, its type.
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new HttpRefusal('bad_request', error instanceof Error ? error.message : 'malformed request');
  }
  events.failed(error);
  return new HttpRefusal('internal', 'the vault failed; its log says why');
}

function answerRefusal(refusal: HttpRefusal, reply: FastifyReply): FastifyReply {
  const { reason, message, act, status, retryAfterSeconds } = refusal;
  if (retryAfterSeconds !== null) reply.header('retry-after', String(retryAfterSeconds));
  if (reason === 'unauthenticated') reply.header('www-authenticate', 'Bearer');
  return reply.code(status).send({ error: reason, message, act });
}
