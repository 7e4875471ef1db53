import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { type ChunkedHop, startChunkedHop } from './chunkedHop.ts';

/** A server that answers with what it got, and ends when its client ends. */
async function echo(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket).on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

async function everything(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('a hop that cuts', () => {
  let hop: ChunkedHop;
  let far: Awaited<ReturnType<typeof echo>>;
  const through = (): Socket => createConnection({ host: '127.0.0.1', port: hop.port, allowHalfOpen: true });
  beforeEach(async () => {
    far = await echo();
  });
  afterEach(async () => {
    await hop.stop();
    far.server.close();
  });

  it.each([
    [1, 500],
    [3, 3000],
    [8192, 1_000_000],
  ])(
    'passes everything on, in pieces of at most %i bytes, both ways and past a half-close',
    async (chunkBytes, length) => {
      hop = await startChunkedHop({ target: { host: '127.0.0.1', port: far.port }, chunkBytes });
      const sent = Buffer.from(Array.from({ length }, (_, at) => (at * 31) % 251));
      const socket = through();
      socket.end(sent);
      expect((await everything(socket)).equals(sent)).toBe(true);
      expect(hop.pieces()).toBeGreaterThanOrEqual(2 * Math.ceil(length / chunkBytes));
    },
  );

  it('cuts the client when nothing listens behind it', async () => {
    far.server.close();
    hop = await startChunkedHop({ target: { host: '127.0.0.1', port: far.port }, chunkBytes: 1 });
    expect(await everything(through())).toEqual(Buffer.alloc(0));
  });

  it('stops while a peer does not read', async () => {
    hop = await startChunkedHop({ target: { host: '127.0.0.1', port: far.port }, chunkBytes: 8192 });
    const socket = through();
    socket.on('error', () => {});
    socket.pause();
    socket.write(Buffer.alloc(8_000_000));
    await once(socket, 'connect');
    await hop.stop();
    socket.destroy();
  });
});
