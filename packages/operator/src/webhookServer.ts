/**
 * Owns the webhook's HTTPS: reading a bounded AdmissionReview, asking who decides, answering in time. Certificates are
 * replaced without a restart. It refuses to know what is decided.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { asError } from '@pgtape/kube';
import { type AdmissionAnswer, type AdmissionRequest, requestOf, responseOf } from './admissionReview.ts';

/** PEM. */
export interface ServingPair {
  readonly cert: string;
  readonly key: string;
}

export interface WebhookServerOptions {
  readonly host: string;
  readonly port: number;
  readonly pair: ServingPair;
  /**
   * `path` is what the configuration's entry names. Rejecting lets the API server do what the entry's failurePolicy says.
   */
  readonly decide: (path: string, request: AdmissionRequest) => Promise<AdmissionAnswer>;
  readonly failed: (error: Error) => void;
}

export interface WebhookServer {
  readonly port: number;
  replacePair(pair: ServingPair): void;
  close(): Promise<void>;
}

/** An object of etcd's largest size, twice, and room for the review around it. */
const reviewBytesMax = 4 * 1024 * 1024;

/** Every request under way is answered by then. */
const closeMsMax = 2000;

class TooLong extends Error {}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > reviewBytesMax) throw new TooLong(`a review of over ${reviewBytesMax} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}

function end(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** Rejects when it cannot listen. */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') return end(response, 405, { error: 'an AdmissionReview is posted' });
    try {
      const asked = requestOf(await bodyOf(request));
      const path = new URL(request.url ?? '/', 'https://webhook').pathname;
      end(response, 200, responseOf(asked.uid, await options.decide(path, asked)));
    } catch (error) {
      const failure = asError(error);
      options.failed(failure);
      if (!response.headersSent)
        end(response, failure instanceof TooLong ? 413 : 400, { error: 'not decided' });
      request.destroy();
    }
  };
  const server: Server = createServer(
    { ...options.pair, minVersion: 'TLSv1.2', requestTimeout: 10_000, headersTimeout: 5000 },
    (request, response) => void answer(request, response),
  );
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((listening, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      listening();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    replacePair: (pair) => server.setSecureContext(pair),
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeIdleConnections();
      // One on which nothing was asked yet is not idle, and its caller keeps it for the next pod.
      const late = setTimeout(() => server.closeAllConnections(), closeMsMax);
      await closed;
      clearTimeout(late);
    },
  };
}
