import * as http2 from 'node:http2';
import * as net from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import * as certificates from './certificates.testing.ts';
import { encodeExportReply } from './exportReply.ts';
import { compress, messagePrefix } from './grpcMessage.ts';
import { type GrpcHandler, GrpcServer, type GrpcServerOptions } from './grpcServer.ts';
import { exportTracePath, GrpcError, retryDelayOf } from './grpcStatus.ts';
import { readRequest } from './otlpOracle.testing.ts';

const path = '/test.Service/Method';
const bytesMax = 1 << 20;
const open: { close(): Promise<unknown> | undefined }[] = [];

async function serve(handler: GrpcHandler, options: Partial<GrpcServerOptions> = {}): Promise<string> {
  const handlers = new Map([
    [path, handler],
    [exportTracePath, handler],
  ]);
  const server = new GrpcServer({ handlers, maxMessageBytes: bytesMax, ...options });
  open.push(server);
  const { port } = await server.listen('127.0.0.1', 0);
  return `127.0.0.1:${port}`;
}

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

interface Answer {
  readonly reply?: string;
  readonly code?: number;
  readonly details?: string;
  readonly retryDelayMs?: number | undefined;
}

const gzip = { 'grpc.default_compression_algorithm': 2 };
const localhost = { 'grpc.ssl_target_name_override': 'localhost' };
const deflate = { 'grpc.default_compression_algorithm': 1 };

interface CallOptions {
  readonly channel?: grpc.ChannelOptions;
  readonly method?: string;
  readonly deadlineMs?: number;
  readonly credentials?: grpc.ChannelCredentials;
}

/** One call by grpc-js. */
function call(address: string, message: Buffer, options: CallOptions = {}): Promise<Answer> {
  const credentials = options.credentials ?? grpc.credentials.createInsecure();
  const client = new grpc.Client(address, credentials, options.channel ?? {});
  open.push({ close: () => Promise.resolve(client.close()) });
  const same = (bytes: Buffer): Buffer => bytes;
  const limits = options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
  const metadata = new grpc.Metadata();
  metadata.set('x-own', 'value');
  return new Promise((resolve) => {
    client.makeUnaryRequest(options.method ?? path, same, same, message, metadata, limits, (error, reply) => {
      if (error === null) resolve({ reply: (reply as Buffer).toString() });
      else {
        const details = error.metadata.get('grpc-status-details-bin')[0];
        const retry =
          details === undefined
            ? {}
            : { retryDelayMs: retryDelayOf(Buffer.from(details).toString('base64')) };
        resolve({ code: error.code, details: error.details, ...retry });
      }
    });
  });
}

const echo: GrpcHandler = async (message) => message;

describe('GrpcServer with grpc-js', () => {
  it.each([
    { name: 'identity', channel: {} },
    { name: 'gzip', channel: gzip },
    { name: 'deflate', channel: deflate },
  ])('takes $name and answers', async ({ channel }) => {
    const address = await serve(async (message) => Buffer.from(`${message.length} ${Buffer.from(message)}`));
    expect(await call(address, Buffer.from('hello'), { channel })).toEqual({ reply: '5 hello' });
    expect(await call(address, Buffer.alloc(0), { channel })).toEqual({ reply: '0 ' });
  });

  it('takes and gives large messages', async () => {
    const address = await serve(echo);
    const text = 'x'.repeat(bytesMax);
    expect((await call(address, Buffer.from(text))).reply).toBe(text);
  });

  it('tells the handler who calls, with what metadata', async () => {
    const address = await serve(async (_, { peer, metadata }) =>
      Buffer.from(`${/^127\.0\.0\.1:\d+$/.test(peer)} ${metadata['x-own']}`),
    );
    expect(await call(address, Buffer.from(''))).toEqual({ reply: 'true value' });
  });

  it.each([
    {
      name: 'a refusal, escaped',
      handler: () => Promise.reject(new GrpcError(9, 'forged: 100 % ä\n')),
      expected: { code: 9, details: 'forged: 100 % ä\n' },
    },
    {
      name: 'a refusal to be retried',
      handler: () => Promise.reject(new GrpcError(14, 'soon', 1500)),
      expected: { code: 14, details: 'soon', retryDelayMs: 1500 },
    },
    {
      name: 'a fault without its text',
      handler: () => Promise.reject(new Error('secret path')),
      expected: { code: 13, details: 'handler failed' },
    },
    {
      name: 'a fault thrown at once',
      handler: () => {
        throw new TypeError('x');
      },
      expected: { code: 13, details: 'handler failed' },
    },
  ])('answers $name', async ({ handler, expected }) => {
    expect(await call(await serve(handler), Buffer.from('m'))).toEqual(expected);
  });

  it('refuses an unknown method, a message too large, and one too large decompressed', async () => {
    const address = await serve(echo);
    expect(await call(address, Buffer.from(''), { method: '/a/b' })).toEqual({
      code: 12,
      details: 'unknown method',
    });
    expect(await call(address, Buffer.alloc(bytesMax + 1))).toEqual({
      code: 8,
      details: `message of ${bytesMax + 1} bytes is larger than ${bytesMax}`,
    });
    expect(await call(address, Buffer.alloc(50 * bytesMax), { channel: gzip })).toEqual({
      code: 8,
      details: `message is larger than ${bytesMax} bytes decompressed`,
    });
    expect(await call(address, Buffer.from('still here'))).toEqual({ reply: 'still here' });
  });

  it('ends a call at the deadline the client gave', async () => {
    const address = await serve(() => new Promise(() => {}));
    expect((await call(address, Buffer.from(''), { deadlineMs: 100 })).code).toBe(4);
  });

  it('speaks TLS, and asks for a certificate of its CA when told to', async () => {
    const { caCertificate, serverCertificate, serverKey, clientCertificate, clientKey } = certificates;
    const ca = Buffer.from(caCertificate);
    const address = await serve(echo, {
      tls: { cert: serverCertificate, key: serverKey, ca: caCertificate },
    });
    const own = grpc.credentials.createSsl(ca, Buffer.from(clientKey), Buffer.from(clientCertificate));
    const none = grpc.credentials.createSsl(ca);
    expect(await call(address, Buffer.from('m'), { credentials: own, channel: localhost })).toEqual({
      reply: 'm',
    });
    expect((await call(address, Buffer.from('m'), { credentials: none, channel: localhost })).reply).toBe(
      undefined,
    );
  });
});

describe('GrpcServer with the stock exporter', () => {
  it.each(['none', 'gzip'])('takes its export, compression %s', async (compression) => {
    const spans: [string, unknown][] = [];
    const address = await serve(async (message) => {
      for (const { name, attributes } of readRequest(message).spans) spans.push([name, attributes]);
      return encodeExportReply(null);
    });
    const exporter = new OTLPTraceExporter({
      url: `http://${address}`,
      compression: compression as never,
      timeoutMillis: 5000,
    });
    const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter as never)] });
    const tracer = provider.getTracer('t');
    for (let i = 0; i < 100; i++) tracer.startSpan(`span ${i}`, { attributes: { i } }).end();
    await provider.forceFlush();
    await provider.shutdown();
    expect(spans).toEqual(Array.from({ length: 100 }, (_, i) => [`span ${i}`, { i }]));
  });
});

/** One stream by node:http2, answered headers as they came. */
async function raw(
  address: string,
  headers: http2.OutgoingHttpHeaders,
  chunks: Buffer[],
  end = true,
): Promise<object> {
  const session = http2.connect(`http://${address}`);
  session.on('error', () => {});
  open.push({ close: async () => session.destroy() });
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let seen: object = {};
  const see = ({ ':status': status, 'grpc-status': code }: http2.IncomingHttpHeaders): void => {
    seen = { ...seen, ...(status === undefined ? {} : { status }), ...(code === undefined ? {} : { code }) };
  };
  stream.on('response', see);
  stream.on('trailers', see);
  stream.on('error', () => {});
  stream.resume();
  for (const chunk of chunks) stream.write(chunk);
  if (end) stream.end();
  await new Promise((resolve) => stream.on('close', resolve));
  return { ...seen, reset: stream.rstCode };
}

describe('GrpcServer with streams of any kind', () => {
  const message = Buffer.concat([messagePrefix(false, 1), Buffer.from('m')]);

  it.each([
    { name: 'GET', headers: { ':method': 'GET' }, chunks: [], expected: { status: 405, reset: 0 } },
    {
      name: 'no gRPC',
      headers: { 'content-type': 'text/html' },
      chunks: [],
      expected: { status: 415, reset: 0 },
    },
    { name: 'no message', headers: {}, chunks: [], expected: { status: 200, code: '12', reset: 0 } },
    {
      name: 'two messages',
      headers: {},
      chunks: [message, message],
      expected: { status: 200, code: '12', reset: 0 },
    },
    {
      name: 'bytes by one',
      headers: {},
      chunks: Array.from(message, (b) => Buffer.from([b])),
      expected: { status: 200, code: '0', reset: 0 },
    },
    {
      name: 'an unknown encoding',
      headers: { 'grpc-encoding': 'snappy' },
      chunks: [message],
      expected: { status: 200, code: '12', reset: 0 },
    },
    {
      name: 'a bad timeout',
      headers: { 'grpc-timeout': 'soon' },
      chunks: [message],
      expected: { status: 200, code: '13', reset: 0 },
    },
    {
      name: 'a subtype',
      headers: { 'content-type': 'application/grpc+proto' },
      chunks: [message],
      expected: { status: 200, code: '0', reset: 0 },
    },
  ])('answers $name', async ({ headers, chunks, expected }) => {
    expect(await raw(await serve(echo), headers, chunks)).toEqual(expected);
  });

  it('takes zstd', async () => {
    const lengths: number[] = [];
    const address = await serve(async (bytes) => {
      lengths.push(bytes.length);
      return bytes;
    });
    const compressed = Buffer.from(await compress(Buffer.alloc(5000), 'zstd'));
    const chunks = [messagePrefix(true, compressed.length), compressed];
    expect(await raw(address, { 'grpc-encoding': 'zstd' }, chunks)).toEqual({
      status: 200,
      code: '0',
      reset: 0,
    });
    expect(lengths).toEqual([5000]);
  });

  it('does not wait for ever for a message', async () => {
    const address = await serve(echo, { receiveMs: 50 });
    expect(await raw(address, {}, [message.subarray(0, 3)], false)).toEqual({
      status: 200,
      code: '4',
      reset: 0,
    });
  });

  it('counts nothing that arrives after it gave up on a message', async () => {
    const address = await serve(echo, { receiveMs: 1000, maxHeldBytes: 1000 });
    const session = http2.connect(`http://${address}`);
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.resume();
    stream.write(messagePrefix(false, 950));
    await new Promise((resolve) => stream.on('response', resolve));
    stream.write(Buffer.alloc(900));
    await new Promise((resolve) => stream.on('close', resolve));
    session.destroy();
    expect((await call(address, Buffer.alloc(900))).code).toBe(undefined);
  });

  it('refuses calls over its limits with a status to be retried, and serves again afterwards', async () => {
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const handler: GrpcHandler = () => {
      begun.resolve();
      return gate.promise.then(() => Buffer.alloc(0));
    };
    const address = await serve(handler, { maxCalls: 1 });
    const first = raw(address, {}, [message]);
    await begun.promise;
    expect(await call(address, Buffer.from('m'))).toEqual({
      code: 14,
      details: 'too many calls at once',
      retryDelayMs: 1000,
    });
    gate.resolve();
    expect(await first).toEqual({ status: 200, code: '0', reset: 0 });
    expect(await call(address, Buffer.from('m'))).toEqual({ reply: '' });
  });

  it('bounds what arrives at once, and lets it go', async () => {
    const address = await serve(echo, { maxHeldBytes: 1000 });
    expect((await call(address, Buffer.alloc(2000))).code).toBe(14);
    for (let i = 0; i < 3; i++) expect((await call(address, Buffer.alloc(900))).code).toBe(undefined);
  });

  it('lets only so many calls decompress and be handled at once', async () => {
    let now = 0;
    let most = 0;
    const address = await serve(
      async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 10));
        now -= 1;
        return Buffer.alloc(0);
      },
      { maxActiveCalls: 2 },
    );
    await Promise.all(Array.from({ length: 10 }, () => call(address, Buffer.from('m'))));
    expect(most).toBe(2);
  });

  it('outlives garbage, HTTP/1 and clients that leave', async () => {
    const address = await serve(echo);
    const port = Number(address.split(':')[1]);
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff',
      '\0',
    ]) {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(Buffer.from(bytes, 'latin1'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.destroy();
    }
    const session = http2.connect(`http://${address}`);
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.write(message.subarray(0, 3));
    await new Promise((resolve) => setTimeout(resolve, 20));
    session.destroy();
    expect(await call(address, Buffer.from('m'))).toEqual({ reply: 'm' });
  });

  it('finishes running calls when it closes, and cuts what does not end', async () => {
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const handler: GrpcHandler = () => {
      begun.resolve();
      return gate.promise.then(() => Buffer.from('late'));
    };
    const handlers = new Map<string, GrpcHandler>([[path, handler]]);
    const server = new GrpcServer({ handlers, maxMessageBytes: bytesMax });
    const { port } = await server.listen('127.0.0.1', 0);
    const idle = net.connect(port, '127.0.0.1');
    idle.on('error', () => {});
    const running = raw(`127.0.0.1:${port}`, {}, [message]);
    await begun.promise;
    const closing = server.close(1500);
    gate.resolve();
    expect(await running).toEqual({ status: 200, code: '0', reset: 0 });
    await closing;
    expect((await call(`127.0.0.1:${port}`, Buffer.from('m'), { deadlineMs: 30_000 })).code).toBe(14);
  });
});
