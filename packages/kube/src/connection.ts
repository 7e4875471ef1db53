/**
 * Owns HTTP to the API server: one request, one answer, or a stream of lines. It refuses to retry and knows no kinds.
 *
 * Raw JSON both ways. An agent is kept for each set of TLS files: rotated certificates get a new one, connections
 * are reused otherwise, and none is made per request.
 */

import { createHash } from 'node:crypto';
import {
  Agent as HttpAgent,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions,
} from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { asError } from './asError.ts';
import { KubeError, statusError } from './kubeError.ts';

/** What a request is allowed in with; asked for before each, so that rotated files and tokens are seen. */
export interface KubeCredentials {
  /** PEM. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Name the server's certificate must have, where it is not the URL's host. */
  readonly serverName?: string;
  readonly insecure?: boolean;
  /** Value of the Authorization header. */
  readonly authorization?: string;
}

/** Where the API server is and who we are; `credentials(true)` after a 401: what is cached must be read anew. */
export interface KubeAccess {
  readonly server: URL;
  credentials(anew: boolean): Promise<KubeCredentials>;
}

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of the body; `application/json` by default. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** `date`: the server's clock as its Date header says it, milliseconds since 1970, whole seconds; null without one. */
export interface KubeAnswer {
  readonly body: unknown;
  readonly date: number | null;
}

/** How requests get to the API server and answers back: what everything else in this package is written against. */
export interface KubeTransport {
  /** The answer's JSON. Rejects with KubeError, or the signal's reason. */
  request(request: KubeRequest): Promise<unknown>;
  /** Lines of a stream until it ends; one that breaks or is silent for `idleMs` rejects with KubeError. */
  lines(request: KubeRequest, idleMs: number): AsyncIterable<string>;
}

export interface ConnectionLimits {
  /** Longest wait for a whole answer, and for the head of a stream. */
  readonly requestMs: number;
  /** Longest answer. */
  readonly answerBytesMax: number;
  /** Longest line of a stream. */
  readonly lineBytesMax: number;
}

export const ordinaryLimits: ConnectionLimits = {
  requestMs: 30_000,
  answerBytesMax: 128 * 1024 * 1024,
  // etcd takes 1.5 MiB by default; encoded JSON may be longer.
  lineBytesMax: 16 * 1024 * 1024,
};

const userAgent = 'pgtape';

export class KubeConnection implements KubeTransport {
  readonly #access: KubeAccess;
  readonly #limits: ConnectionLimits;
  #agent: { readonly of: string; readonly agent: HttpAgent } | null = null;

  constructor(access: KubeAccess, limits: ConnectionLimits = ordinaryLimits) {
    this.#access = access;
    this.#limits = limits;
  }

  /** The answer's JSON. Rejects with KubeError, or the signal's reason. A 401 is tried once more with fresh credentials. */
  async request(request: KubeRequest): Promise<unknown> {
    return (await this.answer(request)).body;
  }

  /** As `request`, with what the server's clock said. */
  async answer(request: KubeRequest): Promise<KubeAnswer> {
    const signal = this.#bounded(request.signal);
    const answer = await this.#answer(request, signal);
    const body = this.#judged(request, answer, await this.#body(request, answer, signal));
    const date = Date.parse(answer.headers.date ?? '');
    return { body, date: Number.isNaN(date) ? null : date };
  }

  /**
   * Lines of a stream, without their newline, until it ends. A stream that breaks or stays silent for `idleMs` rejects
   * with KubeError. Ends the request when the caller stops early.
   */
  async *lines(request: KubeRequest, idleMs: number): AsyncGenerator<string> {
    const end = new AbortController();
    const outer = request.signal;
    const signal = outer === undefined ? end.signal : AbortSignal.any([outer, end.signal]);
    const head = setTimeout(
      () => end.abort(timeout(request, this.#limits.requestMs)),
      this.#limits.requestMs,
    );
    try {
      const answer = await this.#answer(request, signal);
      if ((answer.statusCode ?? 0) >= 400) {
        this.#judged(request, answer, await this.#body(request, answer, signal));
        return;
      }
      clearTimeout(head);
      yield* this.#linesOf(request, answer, idleMs, end);
    } finally {
      clearTimeout(head);
      end.abort();
    }
  }

  /** Closes what is kept open for reuse. */
  close(): void {
    this.#agent?.agent.destroy();
    this.#agent = null;
  }

  #bounded(outer: AbortSignal | undefined): AbortSignal {
    const limit = AbortSignal.timeout(this.#limits.requestMs);
    return outer === undefined ? limit : AbortSignal.any([outer, limit]);
  }

  async #answer(request: KubeRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const first = await this.#sent(request, signal, false);
    if (first.statusCode !== 401) return first;
    first.resume();
    return await this.#sent(request, signal, true);
  }

  async #sent(request: KubeRequest, signal: AbortSignal, anew: boolean): Promise<IncomingMessage> {
    const { server } = this.#access;
    const credentials = await this.#access.credentials(anew);
    const body = request.body === undefined ? null : Buffer.from(JSON.stringify(request.body));
    const options: RequestOptions = {
      method: request.method,
      path: pathOf(server, request),
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? undefined : Number(server.port),
      headers: headersOf(request, credentials, body),
      agent: this.#agentFor(server, credentials),
      signal,
    };
    return await new Promise((resolve, reject) => {
      const send = server.protocol === 'https:' ? tlsRequest : plainRequest;
      const sending = send(options, resolve);
      sending.once('error', (error) => reject(this.#failed(request, error, signal)));
      sending.end(body ?? undefined);
    });
  }

  #agentFor(server: URL, credentials: KubeCredentials): HttpAgent {
    const { ca, cert, key, serverName, insecure } = credentials;
    const of = createHash('sha256')
      .update(JSON.stringify([ca, cert, key, serverName, insecure]))
      .digest('hex');
    if (this.#agent?.of === of) return this.#agent.agent;
    const old = this.#agent;
    const keep = { keepAlive: true, keepAliveMsecs: 30_000, timeout: 0, maxFreeSockets: 8 };
    const tls = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      rejectUnauthorized: insecure !== true,
    };
    const agent = server.protocol === 'https:' ? new TlsAgent({ ...keep, ...tls }) : new HttpAgent(keep);
    this.#agent = { of, agent };
    // Requests under way keep their sockets; only idle ones end.
    for (const sockets of Object.values(old?.agent.freeSockets ?? {}))
      for (const socket of sockets ?? []) socket.destroy();
    return agent;
  }

  async #body(request: KubeRequest, answer: IncomingMessage, signal: AbortSignal): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > this.#limits.answerBytesMax) {
          answer.destroy();
          throw new KubeError('KUBE_ANSWER', `${what(request)} was answered with over ${bytes - 1} bytes`);
        }
        chunks.push(chunk);
      }
    } catch (error) {
      request.signal?.throwIfAborted();
      throw this.#failed(request, error, signal);
    }
    return Buffer.concat(chunks);
  }

  #judged(request: KubeRequest, answer: IncomingMessage, body: Buffer): unknown {
    const status = answer.statusCode ?? 0;
    const parsed = parsedJson(body);
    if (status >= 400) throw statusError(what(request), status, parsed, answer.headers['retry-after']);
    if (status < 200 || status >= 300 || parsed === undefined)
      throw new KubeError('KUBE_ANSWER', `${what(request)} was answered ${status} without JSON`, { status });
    return parsed;
  }

  async *#linesOf(
    request: KubeRequest,
    answer: IncomingMessage,
    idleMs: number,
    end: AbortController,
  ): AsyncGenerator<string> {
    const idle = setTimeout(() => end.abort(timeout(request, idleMs)), idleMs);
    const pieces: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        idle.refresh();
        let from = 0;
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
          pieces.push(chunk.subarray(from, at));
          yield Buffer.concat(pieces).toString('utf8');
          pieces.length = 0;
          bytes = 0;
          from = at + 1;
          idle.refresh();
        }
        const rest = chunk.subarray(from);
        bytes += rest.length;
        if (bytes > this.#limits.lineBytesMax)
          throw new KubeError('KUBE_ANSWER', `${what(request)} streams a line of over ${bytes - 1} bytes`);
        if (rest.length > 0) pieces.push(rest);
      }
    } catch (error) {
      request.signal?.throwIfAborted();
      throw this.#failed(request, error, end.signal);
    } finally {
      clearTimeout(idle);
    }
  }

  #failed(request: KubeRequest, error: unknown, signal: AbortSignal): Error {
    if (error instanceof KubeError) return error;
    const reason: unknown = signal.reason;
    if (signal.aborted && reason instanceof KubeError) return reason;
    if (request.signal?.aborted === true) {
      return asError(request.signal.reason);
    }
    if (signal.aborted) return timeout(request, this.#limits.requestMs);
    const detail = error instanceof Error ? error.message : String(error);
    return new KubeError('KUBE_UNREACHABLE', `${what(request)} failed (${detail})`, { cause: error });
  }
}

function what({ method, path }: KubeRequest): string {
  return `${method} ${path}`;
}

function timeout(request: KubeRequest, ms: number): KubeError {
  return new KubeError('KUBE_TIMEOUT', `${what(request)} was silent for ${ms} ms`);
}

/** A kubeconfig's server may have a path of its own (a proxy in front). */
function pathOf(server: URL, { path, query }: KubeRequest): string {
  const search = query === undefined ? '' : `?${new URLSearchParams(query).toString()}`;
  return `${server.pathname.replace(/\/$/, '')}${path}${search}`;
}

function headersOf(
  request: KubeRequest,
  credentials: KubeCredentials,
  body: Buffer | null,
): Record<string, string> {
  return {
    accept: 'application/json',
    'user-agent': userAgent,
    ...(credentials.authorization === undefined ? {} : { authorization: credentials.authorization }),
    ...(body === null
      ? {}
      : {
          'content-type': request.contentType ?? 'application/json',
          'content-length': String(body.length),
        }),
  };
}

function parsedJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
