/**
 * A hop in front of an API server that ends TLS with the server's own certificate and hands requests on: so that it can
 * drop connections, keep them open and say nothing, or answer in the server's place.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ControlPlane } from './controlPlane.ts';

export interface FaultyHop {
  readonly url: URL;
  /** Requests handed on and answered so far. */
  readonly requests: number;
  /** Cuts every connection, as a load balancer that restarts. */
  drop(): void;
  /** From now on nothing reaches anyone on connections that are open; new ones work. A half-open connection. */
  freeze(): void;
  /** The next `count` requests are answered with this status. */
  answerNext(count: number, status: number, retryAfterSeconds?: number): void;
  stop(): Promise<void>;
}

/** `port`: 0 takes a free one. */
export async function startFaultyHop(plane: ControlPlane, port = 0): Promise<FaultyHop> {
  const { ca } = plane;
  const sockets = new Set<Socket>();
  const frozen = new WeakSet<Socket>();
  let pending: { count: number; status: number; retryAfter: string | undefined } | null = null;
  let requests = 0;
  const credentials = await plane.admin.credentials(false);

  const instead = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (pending === null || pending.count === 0) return false;
    pending.count -= 1;
    request.resume();
    const headers = pending.retryAfter === undefined ? {} : { 'retry-after': pending.retryAfter };
    response.writeHead(pending.status, { 'content-type': 'application/json', ...headers });
    response.end(
      JSON.stringify({ kind: 'Status', status: 'Failure', code: pending.status, message: 'by the hop' }),
    );
    return true;
  };

  const hop = createServer({ cert: plane.serving.cert, key: plane.serving.key }, (request, response) => {
    requests += 1;
    if (instead(request, response)) return;
    const { authorization } = request.headers;
    const onward = httpsRequest(
      {
        host: '127.0.0.1',
        port: plane.server.port,
        method: request.method,
        path: request.url,
        headers: request.headers,
        ca,
        // Whoever brings a token is who the token says; the others are who the hop is.
        ...(authorization === undefined ? { cert: credentials.cert, key: credentials.key } : {}),
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on('data', (chunk: Buffer) => {
          if (!frozen.has(request.socket)) response.write(chunk);
        });
        answer.on('end', () => {
          if (!frozen.has(request.socket)) response.end();
        });
      },
    );
    onward.on('error', () => request.socket.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  hop.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((listening) => hop.listen(port, '127.0.0.1', listening));
  return {
    url: new URL(`https://127.0.0.1:${(hop.address() as AddressInfo).port}`),
    get requests() {
      return requests;
    },
    drop() {
      for (const socket of sockets) socket.destroy();
    },
    freeze() {
      for (const socket of sockets) frozen.add(socket);
    },
    answerNext(count, status, retryAfterSeconds) {
      pending = {
        count,
        status,
        retryAfter: retryAfterSeconds === undefined ? undefined : String(retryAfterSeconds),
      };
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => hop.close(closed));
    },
  };
}
