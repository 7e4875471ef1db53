/**
 * An HTTP hop in front of an S3 server that fails single requests on demand: before the server saw them, or after it did
 * what they ask. It changes no byte of what it passes on.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * `cut_*`: the connection breaks. `error_*`: 503. `before`: the server never saw the request. `after`: it did what was
 * asked, and nobody hears of it.
 */
export type HopFault = 'none' | 'cut_before' | 'cut_after' | 'error_before' | 'error_after';
/** Asked once per request, `index` counting them from 0 since the last `arm`. */
export type HopFaults = (index: number, method: string, path: string) => HopFault;

export interface S3Hop {
  readonly port: number;
  /** Requests since the last `arm`, as `METHOD path`. */
  readonly trace: readonly string[];
  arm(faults: HopFaults): void;
  stop(): Promise<void>;
}

const busy =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

function passOn(port: number, from: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { expect: _, ...headers } = from.headers;
    const options = { host: '127.0.0.1', port, method: from.method, path: from.url, headers, agent: false };
    const onward = request(options, (answer) => {
      bodyOf(answer).then(
        (bytes) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: bytes }),
        reject,
      );
    });
    onward.on('error', reject);
    onward.end(body);
  });
}

/** In front of 127.0.0.1:`target`; with `tls`, PEM, it speaks HTTPS. */
export async function startS3Hop(
  target: number,
  tls?: { readonly certificate: string; readonly key: string },
): Promise<S3Hop> {
  let faults: HopFaults = () => 'none';
  const trace: string[] = [];
  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [method, path] = [message.method ?? '', message.url ?? ''];
    const fault = faults(trace.length, method, path);
    trace.push(`${method} ${path}`);
    const body = await bodyOf(message);
    if (fault === 'cut_before') return void message.socket.destroy();
    if (fault === 'error_before')
      return void response.writeHead(503, { 'content-type': 'application/xml' }).end(busy);
    const answer = await passOn(target, message, body);
    if (fault === 'cut_after') return void message.socket.destroy();
    if (fault === 'error_after')
      return void response.writeHead(503, { 'content-type': 'application/xml' }).end(busy);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  };
  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    // Where the server behind has gone the connection breaks here too.
    serve(message, response).catch(() => message.socket.destroy());
  };
  const server =
    tls === undefined
      ? createServer(onRequest)
      : createTlsServer({ cert: tls.certificate, key: tls.key }, onRequest);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    trace,
    arm(next) {
      faults = next;
      trace.length = 0;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await sleep(0);
    },
  };
}
