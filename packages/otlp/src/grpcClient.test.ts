import { execFile } from 'node:child_process';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import * as certificates from './certificates.testing.ts';
import { GrpcClient, type GrpcClientOptions, type UnaryOptions } from './grpcClient.ts';
import { compress, messagePrefix } from './grpcMessage.ts';
import { GrpcServer } from './grpcServer.ts';
import { encodeDetails, GrpcError } from './grpcStatus.ts';

const path = '/test.Service/Method';
const plain: UnaryOptions = { encoding: 'identity', timeoutMs: 30_000 };
const open: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function clientOf(port: number, options: Partial<GrpcClientOptions> = {}): GrpcClient {
  const client = new GrpcClient({ url: `http://127.0.0.1:${port}`, ...options });
  open.push(client);
  return client;
}

const same = (bytes: Buffer): Buffer => bytes;
const definition = {
  Method: {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
} as const;

async function grpcServer(handler: grpc.handleUnaryCall<Buffer, Buffer>): Promise<number> {
  const server = new grpc.Server();
  server.addService(definition, { Method: handler });
  open.push({ close: async () => server.forceShutdown() });
  return await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

/** A server that answers a stream as the test wants. */
async function rawServer(answer: (stream: http2.ServerHttp2Stream) => void): Promise<number> {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.resume();
    answer(stream);
  });
  open.push({
    close: async () => {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as net.AddressInfo).port;
}

interface OwnServer {
  readonly server: GrpcServer;
  readonly port: number;
}

async function ownServer(
  handler: (message: Uint8Array) => Promise<Uint8Array>,
  port = 0,
): Promise<OwnServer> {
  const server = new GrpcServer({ handlers: new Map([[path, handler]]), maxMessageBytes: 1 << 20 });
  open.push(server);
  return { server, port: (await server.listen('127.0.0.1', port)).port };
}

const shown = ({ reply, ...rest }: { code: number; message: string; reply: Uint8Array }): object => ({
  ...rest,
  reply: Buffer.from(reply).toString(),
});

describe('GrpcClient with grpc-js', () => {
  it.each(['identity', 'gzip'] as const)('calls it with %s', async (encoding) => {
    const port = await grpcServer((call, reply) =>
      reply(null, Buffer.from(`${call.request} ${call.metadata.get('x-own')}`)),
    );
    const options = { ...plain, encoding, metadata: { 'x-own': 'value' } };
    expect(shown(await clientOf(port).unary(path, Buffer.from('hello'), options))).toEqual({
      code: 0,
      message: '',
      reply: 'hello value',
    });
  });

  it('sends what is compressed already', async () => {
    const port = await grpcServer((call, reply) => reply(null, call.request));
    const message = await compress(Buffer.from('hello'), 'gzip');
    const options = { ...plain, encoding: 'gzip', precompressed: true } as const;
    expect(shown(await clientOf(port).unary(path, message, options))).toEqual({
      code: 0,
      message: '',
      reply: 'hello',
    });
  });

  it('sends and takes megabytes, and many calls at once', async () => {
    const port = await grpcServer((call, reply) => reply(null, call.request));
    const client = clientOf(port);
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(150_000));
    const replies = await Promise.all(texts.map((text) => client.unary(path, Buffer.from(text), plain)));
    expect(replies.map(({ reply }) => Buffer.from(reply).toString())).toEqual(texts);
  });

  it.each([
    { name: 'a status', metadata: {}, expected: {} },
    {
      name: 'a retry delay',
      metadata: { 'grpc-status-details-bin': Buffer.from(encodeDetails(14, 'x', 2500), 'base64') },
      expected: { retryDelayMs: 2500 },
    },
  ])('reads $name', async ({ metadata, expected }) => {
    const port = await grpcServer((_, reply) => {
      const trailers = new grpc.Metadata();
      for (const [name, value] of Object.entries(metadata)) trailers.set(name, value);
      reply({ code: 14, details: 'später: 100 %', metadata: trailers });
    });
    expect(shown(await clientOf(port).unary(path, Buffer.from(''), plain))).toEqual({
      code: 14,
      message: 'später: 100 %',
      reply: '',
      ...expected,
    });
  });

  it('reads an unknown method', async () => {
    const port = await grpcServer((_, reply) => reply(null, Buffer.alloc(0)));
    expect((await clientOf(port).unary('/a/b', Buffer.from(''), plain)).code).toBe(12);
  });
});

describe('GrpcClient with its own server', () => {
  it.each(['identity', 'gzip', 'zstd'] as const)('calls it with %s', async (encoding) => {
    const server = new GrpcServer({
      handlers: new Map([[path, async (message: Uint8Array) => message]]),
      maxMessageBytes: 1 << 20,
      tls: {
        cert: certificates.serverCertificate,
        key: certificates.serverKey,
        ca: certificates.caCertificate,
      },
    });
    open.push(server);
    const { port } = await server.listen('127.0.0.1', 0);
    const tls = {
      ca: certificates.caCertificate,
      cert: certificates.clientCertificate,
      key: certificates.clientKey,
      servername: 'localhost',
    };
    const client = clientOf(port, { url: `https://127.0.0.1:${port}`, tls });
    const options = { ...plain, encoding };
    expect(shown(await client.unary(path, Buffer.from('hello'), options))).toEqual({
      code: 0,
      message: '',
      reply: 'hello',
    });
    const stranger = clientOf(port, { url: `https://127.0.0.1:${port}` });
    expect((await stranger.unary(path, Buffer.from(''), options)).code).toBe(14);
  });

  it('reads a refusal with its retry delay', async () => {
    const { port } = await ownServer(() => Promise.reject(new GrpcError(8, 'full', 250)));
    expect(shown(await clientOf(port).unary(path, Buffer.from(''), plain))).toEqual({
      code: 8,
      message: 'full',
      reply: '',
      retryDelayMs: 250,
    });
  });

  it('is told UNAVAILABLE while nobody listens, and connects again by itself', async () => {
    const { server, port } = await ownServer(async (message) => message);
    const client = clientOf(port);
    const call = async (): Promise<number> => (await client.unary(path, Buffer.from('m'), plain)).code;
    expect(await call()).toBe(0);
    await server.close();
    expect(await call()).toBe(14);
    await ownServer(async (message) => message, port);
    expect(await call()).toBe(0);
  });

  it('waits for running calls when it closes, and takes no more', async () => {
    const gate = Promise.withResolvers<void>();
    const { port } = await ownServer(() => gate.promise.then(() => Buffer.from('late')));
    const client = clientOf(port);
    const running = client.unary(path, Buffer.from(''), plain);
    const closing = client.close();
    expect((await client.unary(path, Buffer.from(''), plain)).code).toBe(14);
    gate.resolve();
    expect((await running).code).toBe(0);
    await closing;
  });

  it('refuses a URL that is none', () => {
    expect(() => new GrpcClient({ url: 'localhost:4317' })).toThrow(/localhost:4317/);
    expect(() => new GrpcClient({ url: 'nonsense' })).toThrow(/URL/);
  });
});

describe('GrpcClient with servers of any kind', () => {
  const ok = { ':status': 200, 'content-type': 'application/grpc' };
  const framed = (bytes: Uint8Array, compressed = false): Buffer =>
    Buffer.concat([messagePrefix(compressed, bytes.length), bytes]);
  const answer =
    (headers: http2.OutgoingHttpHeaders, chunks: Uint8Array[], trailers: http2.OutgoingHttpHeaders | null) =>
    (stream: http2.ServerHttp2Stream): void => {
      stream.respond(headers, { waitForTrailers: trailers !== null });
      if (trailers !== null) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      for (const chunk of chunks) stream.write(chunk);
      stream.end();
    };
  const done = { 'grpc-status': '0' };
  const message = framed(Buffer.from('m'));

  it.each([
    {
      name: 'a reply byte by byte',
      serve: answer(
        ok,
        Array.from(message, (b) => Buffer.from([b])),
        done,
      ),
      code: 0,
    },
    { name: 'success without a message', serve: answer(ok, [], done), code: 13 },
    { name: 'a cut message', serve: answer(ok, [message.subarray(0, 5)], done), code: 13 },
    { name: 'two messages', serve: answer(ok, [message, message], done), code: 12 },
    { name: 'no trailers', serve: answer(ok, [message], null), code: 2 },
    { name: 'a status that is no number', serve: answer(ok, [], { 'grpc-status': 'x' }), code: 2 },
    {
      name: 'an unknown encoding',
      serve: answer({ ...ok, 'grpc-encoding': 'br' }, [message], done),
      code: 13,
    },
    { name: 'a reply too large', serve: answer(ok, [framed(Buffer.alloc(2000))], done), code: 8 },
    { name: 'trailers only', serve: answer({ ...ok, 'grpc-status': '7' }, [], null), code: 7 },
    { name: 'HTTP 503', serve: answer({ ':status': 503 }, [], null), code: 14 },
    { name: 'HTTP 404', serve: answer({ ':status': 404 }, [], null), code: 12 },
    { name: 'HTTP 401', serve: answer({ ':status': 401 }, [], null), code: 16 },
    { name: 'a refused stream', serve: (s: http2.ServerHttp2Stream) => s.close(7), code: 14 },
    { name: 'a cancelled stream', serve: (s: http2.ServerHttp2Stream) => s.close(8), code: 1 },
    { name: 'a reset stream', serve: (s: http2.ServerHttp2Stream) => s.close(2), code: 13 },
    { name: 'calm asked for', serve: (s: http2.ServerHttp2Stream) => s.close(11), code: 8 },
    { name: 'a lost connection', serve: (s: http2.ServerHttp2Stream) => s.session?.destroy(), code: 14 },
    { name: 'a broken socket', serve: (s: http2.ServerHttp2Stream) => s.session?.socket.destroy(), code: 14 },
    {
      name: 'GOAWAY with an error',
      serve: (s: http2.ServerHttp2Stream) => s.session?.goaway(2, 0),
      code: 14,
    },
  ])('tells $name as code $code', async ({ serve, code }) => {
    const client = clientOf(await rawServer(serve), { maxReplyBytes: 1000 });
    expect((await client.unary(path, Buffer.from('x'), plain)).code).toBe(code);
  });

  it.each(['gzip', 'deflate', 'zstd'] as const)('takes a reply in %s, and no bomb', async (encoding) => {
    const small = framed(await compress(Buffer.from('hello'), encoding), true);
    const bomb = framed(await compress(Buffer.alloc(50_000), encoding), true);
    const replies = [small, bomb];
    const port = await rawServer((stream) =>
      answer({ ...ok, 'grpc-encoding': encoding }, [replies.shift() as Buffer], done)(stream),
    );
    const client = clientOf(port, { maxReplyBytes: 1000 });
    const first = await client.unary(path, Buffer.from(''), plain);
    const second = await client.unary(path, Buffer.from(''), plain);
    expect([Buffer.from(first.reply).toString(), second.code]).toEqual(['hello', 8]);
  });

  it('goes to a new connection after GOAWAY, while running calls finish on the old one', async () => {
    const sessions = new Set<unknown>();
    const isTold = Promise.withResolvers<void>();
    let answerFirst = (): void => {};
    const port = await rawServer((stream) => {
      sessions.add(stream.session);
      if (sessions.size > 1) return answer(ok, [message], done)(stream);
      answerFirst = () => answer(ok, [message], done)(stream);
      stream.session?.goaway(0);
      // Answered behind GOAWAY: the client has read that by then.
      stream.session?.ping(() => isTold.resolve());
    });
    const client = clientOf(port);
    const first = client.unary(path, Buffer.from(''), plain);
    await isTold.promise;
    const second = await client.unary(path, Buffer.from(''), plain);
    answerFirst();
    expect([(await first).code, second.code, sessions.size]).toEqual([0, 0, 2]);
  });

  it('gives up in time, and makes a new connection afterwards', async () => {
    const sessions = new Set<unknown>();
    const port = await rawServer((stream) => {
      sessions.add(stream.session);
      if (sessions.size > 1) answer(ok, [message], done)(stream);
    });
    const client = clientOf(port);
    // On a busy machine the connection itself may take that long.
    while (sessions.size === 0) {
      expect((await client.unary(path, Buffer.from(''), { ...plain, timeoutMs: 50 })).code).toBe(4);
    }
    expect((await client.unary(path, Buffer.from(''), plain)).code).toBe(0);
  });

  it('gives up in time on a listener that never speaks, and closes', async () => {
    const sockets = new Set<net.Socket>();
    const silent = net.createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const client = clientOf((silent.address() as net.AddressInfo).port);
    expect((await client.unary(path, Buffer.from(''), { ...plain, timeoutMs: 50 })).code).toBe(4);
    await client.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('cuts a connection that stops answering pings', async () => {
    const sockets = new Set<net.Socket>();
    const port = await rawServer((stream) => sockets.add(stream.session?.socket as net.Socket));
    // Between them a wire that goes dead after the first bytes.
    let dead = false;
    const wire = net.createServer((from) => {
      const to = net.connect(port, '127.0.0.1');
      from.on('data', (bytes) => (dead ? undefined : to.write(bytes)));
      to.on('data', (bytes) => (dead ? undefined : from.write(bytes)));
      for (const socket of [from, to]) socket.on('error', () => {});
      from.on('close', () => to.destroy());
    });
    await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
    const client = clientOf((wire.address() as net.AddressInfo).port, { keepaliveMs: 40 });
    const call = client.unary(path, Buffer.from(''), plain);
    setTimeout(() => {
      dead = true;
    }, 100);
    // Not 4: it did not wait for the call's own deadline.
    expect((await call).code).toBe(14);
    await client.close();
    await new Promise((resolve) => wire.close(resolve));
  });

  it('tells metadata that is no header as INTERNAL', async () => {
    const port = await rawServer(answer(ok, [message], done));
    const options = { ...plain, metadata: { 'bad header': 'x' } };
    expect((await clientOf(port).unary(path, Buffer.from(''), options)).code).toBe(13);
  });

  it('keeps no process alive once client and server are closed', async () => {
    const index = JSON.stringify(new URL('./index.js', import.meta.url).href);
    const script = `
      const { GrpcClient, GrpcServer } = await import(${index});
      const server = new GrpcServer({ handlers: new Map([['/m', async (m) => m]]), maxMessageBytes: 1000 });
      const { port } = await server.listen('127.0.0.1', 0);
      const client = new GrpcClient({ url: 'http://127.0.0.1:' + port });
      const { code } = await client.unary('/m', Buffer.from('x'), { encoding: 'zstd', timeoutMs: 60_000 });
      await client.close();
      await server.close();
      process.stdout.write('code ' + code);`;
    const args = ['--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 5000 });
    expect(stdout).toBe('code 0');
  });
});
