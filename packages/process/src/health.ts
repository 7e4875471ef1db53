/**
 * The health endpoint: GET /livez, /readyz and /metrics over HTTP. Knows no reason of its own and shows no
 * error's text.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthVerdict {
  readonly ok: boolean;
  /** Stable words for why not, the same as in metrics and records. */
  readonly reasons: readonly string[];
}

export interface HealthOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** False: the process cannot recover and should be started anew. */
  readonly live: () => HealthVerdict;
  /** False: no new work should be sent here now. */
  readonly ready: () => HealthVerdict;
  /** Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** Further paths, each with the JSON it answers; null: what was asked is not understood. */
  readonly answers?: Readonly<Record<string, (query: URLSearchParams) => object | null>>;
}

export interface HealthServer {
  readonly host: string;
  readonly port: number;
  /** Ends connections too; resolves when the port is free. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 64;
const REQUEST_MS_MAX = 5_000;
const json = 'application/json; charset=utf-8';
const plain = 'text/plain; version=0.0.4; charset=utf-8';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * Rejects with the listener's error (EADDRINUSE, EACCES ...). A check that throws answers 503 `check_failed`.
 */
export async function healthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer({
    requestTimeout: REQUEST_MS_MAX,
    headersTimeout: REQUEST_MS_MAX,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 8_192,
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.on('request', (request, response) => {
    void respond(options, request, response);
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await listening(server, options);
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port, close: () => closing(server) };
}

function listening(server: Server, { host, port }: HealthOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}

function closing(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function respond(
  options: HealthOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, type, body } = await answerTo(options, request);
  request.resume();
  const allow = status === 405 ? { allow: 'GET, HEAD' } : {};
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...allow,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerTo(options: HealthOptions, request: IncomingMessage): Promise<Answer> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const answer = Object.hasOwn(options.answers ?? {}, path) ? options.answers?.[path] : undefined;
  const isKnown = path === '/livez' || path === '/readyz' || path === '/metrics' || answer !== undefined;
  if (!isKnown) return verdict(404, 'not_found');
  if (request.method !== 'GET' && request.method !== 'HEAD') return verdict(405, 'method_not_allowed');
  try {
    if (answer !== undefined) {
      const said = answer(new URLSearchParams(query));
      if (said === null) return verdict(400, 'not_understood');
      return { status: 200, type: json, body: `${JSON.stringify(said)}\n` };
    }
    if (path === '/metrics') return { status: 200, type: plain, body: await options.metrics() };
    const { ok, reasons } = path === '/livez' ? options.live() : options.ready();
    return { status: ok ? 200 : 503, type: json, body: `${JSON.stringify({ ok, reasons })}\n` };
  } catch {
    return verdict(503, 'check_failed');
  }
}

function verdict(status: number, reason: string): Answer {
  return { status, type: json, body: `${JSON.stringify({ ok: false, reasons: [reason] })}\n` };
}
